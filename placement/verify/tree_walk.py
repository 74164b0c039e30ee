"""The DNS tree walk of RFC 9989 4.10: which policy record applies, and what the organisational domain is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from placement.errors import LookupFailed
from placement.headers.domains import organisational_domain
from placement.verify import dmarc_record
from placement.verify.dmarc_record import Record
from placement.verify.dns import Resolver

#: A name of more labels is cut to this many after its first query, so that no walk asks more than eight times.
_LABELS = 7


@dataclass(frozen=True, slots=True)
class Walk:
    """The records met from a name upwards, nearest first, and every name that was asked."""

    start: str
    records: tuple[Record, ...]
    asked: tuple[str, ...]

    @property
    def organisational_domain(self) -> str:
        """RFC 9989 4.10.2. Without any record the name itself."""
        for record in self.records:
            if record.psd == "n":
                return record.domain
            if record.psd == "y" and record.domain != self.start:
                return _one_below(record.domain, self.start)
        return self.records[-1].domain if self.records else self.start


@dataclass
class Walks:
    """The walks of one message; a resolver that remembers makes the common parents cost nothing."""

    resolver: Resolver
    _done: dict[str, Walk] = field(default_factory=dict)

    def of(self, domain: str) -> Walk:
        """Raises LookupFailed."""
        if domain not in self._done:
            self._done[domain] = walk(domain, self.resolver)
        return self._done[domain]

    def aligned(self, author: str, other: str, *, strict: bool = False) -> bool | None:
        """Identifier alignment. None: DNS could not say.

        Where the author's domain has no record at all DMARC says nothing, and the Public Suffix List answers
        what a person means by "the same organisation".
        """
        if not author or not other:
            return None
        if strict or author == other:
            return author == other
        try:
            home = self.of(author)
            if not home.records:
                return organisational_domain(author) == organisational_domain(other)
            return home.organisational_domain == self.of(other).organisational_domain
        except LookupFailed:
            return None


def walk(domain: str, resolver: Resolver) -> Walk:
    """From a name up to its top label, ended by psd=n or psd=y. Raises LookupFailed."""
    records: list[Record] = []
    asked: list[str] = []
    for name in _names(domain):
        asked.append(f"_dmarc.{name}")
        record = record_at(name, resolver)
        if record is None:
            continue
        records.append(record)
        if record.psd in {"y", "n"}:
            break
    return Walk(domain, tuple(records), tuple(asked))


def record_at(domain: str, resolver: Resolver) -> Record | None:
    """The one policy record of a name; several are as good as none (RFC 9989 4.10)."""
    texts = [text for text in resolver.txt(f"_dmarc.{domain}") if dmarc_record.is_record(text)]
    return dmarc_record.read(texts[0], domain) if len(texts) == 1 else None


def _names(domain: str) -> Iterator[str]:
    yield domain
    labels = domain.split(".")
    rest = labels[1:] if len(labels) <= _LABELS else labels[-_LABELS:]
    while rest:
        yield ".".join(rest)
        rest = rest[1:]


def _one_below(parent: str, start: str) -> str:
    depth = len(parent.split(".")) + 1
    return ".".join(start.split(".")[-depth:])
