"""Our own SPF, DKIM, DMARC, ARC, BIMI and one-click check, beside the receiver's word. DNS is an argument."""

from placement.verify.compare import compare
from placement.verify.dns import DnsResolver, Resolver
from placement.verify.message import verify
from placement.verify.model import Finding, Outcome, Problem, Severity, Verification
from placement.verify.raw import HeaderBlock

__all__ = [
    "DnsResolver",
    "Finding",
    "HeaderBlock",
    "Outcome",
    "Problem",
    "Resolver",
    "Severity",
    "Verification",
    "compare",
    "verify",
]
