"""DMARC policy records (RFC 9989 4.7): read leniently, with every oddity named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from placement.verify.model import Finding, Severity
from placement.verify.tags import MAX_TAGS

POLICIES: Final = ("none", "quarantine", "reject")
_VALUES: Final = {
    "p": POLICIES,
    "sp": POLICIES,
    "np": POLICIES,
    "adkim": ("r", "s"),
    "aspf": ("r", "s"),
    "psd": ("y", "n", "u"),
    "t": ("y", "n"),
}
_OTHER_TAGS: Final = frozenset({"v", "rua", "ruf", "fo"})
#: RFC 7489 had these, RFC 9989 has not: receivers of the new standard ignore them.
_RETIRED: Final = frozenset({"pct", "rf", "ri"})
_VERSION: Final = re.compile(rb"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_MAX_RECORD: Final = 8192


@dataclass(frozen=True, slots=True)
class Record:
    """One policy record. Values outside the grammar are left out, as RFC 9989 says, and listed in `findings`."""

    domain: str
    text: str
    p: str = ""
    sp: str = ""
    np: str = ""
    adkim: str = "r"
    aspf: str = "r"
    psd: str = "u"
    t: str = "n"
    rua: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def usable(self) -> bool:
        """Without a valid p= a record counts as p=none where it asks for reports, and else not at all."""
        return bool(self.p or self.rua)


def is_record(text: bytes) -> bool:
    return _VERSION.match(text) is not None


def read(text: bytes, domain: str) -> Record:
    record = text[:_MAX_RECORD].decode("utf-8", "replace")
    tags, problems = _tags(record)
    known = {name: value.lower() for name, value in tags.items() if value.lower() in _VALUES.get(name, ())}
    for name, value in tags.items():
        problems += _oddity(name, value)
    if "p" not in known:
        problems.append("p= is missing or invalid")
    return Record(domain, record, **known, rua=tags.get("rua", ""), findings=_findings(problems, domain, record))


def _tags(record: str) -> tuple[dict[str, str], list[str]]:
    tags: dict[str, str] = {}
    problems: list[str] = []
    for part in record.strip().removesuffix(";").split(";")[:MAX_TAGS]:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            problems.append(f"{part.strip()[:40]!r} is no tag of the form name=value")
        elif name.lower() in tags:
            problems.append(f"{name}= is given twice")
        else:
            tags[name.lower()] = value
    return tags, problems


def _oddity(name: str, value: str) -> list[str]:
    if name in _VALUES:
        allowed = _VALUES[name]
        return [] if value.lower() in allowed else [f"{name}={value[:40]} is none of {', '.join(allowed)}"]
    if name in _RETIRED:
        return [f"{name}= no longer has a meaning (RFC 9989)"]
    return [] if name in _OTHER_TAGS else [f"the tag {name[:40]}= is unknown"]


def _findings(problems: list[str], domain: str, record: str) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            "dmarc_record",
            Severity.INFO if problem.endswith("(RFC 9989)") else Severity.WARNING,
            f"In the DMARC record of {domain}, {problem}.",
            evidence=f"_dmarc.{domain} TXT {record[:500]}",
            fix="Correct the record. Receivers ignore what they cannot read.",
        )
        for problem in problems
    )
