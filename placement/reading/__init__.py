"""Everything a received message says about itself, and which of it the seed's own provider wrote."""

from placement.reading.conductor import read, read_authentication
from placement.reading.findings import moved_after_delivery
from placement.reading.model import Finding, FindingKind, Reading, Reported, Untrusted

__all__ = [
    "Finding",
    "FindingKind",
    "Reading",
    "Reported",
    "Untrusted",
    "moved_after_delivery",
    "read",
    "read_authentication",
]
