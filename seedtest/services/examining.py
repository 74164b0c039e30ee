"""One message read as its receiver left it, and checked by us beside that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from placement.headers.received_spf import ReceivedSpf
from placement.reading import Reading
from placement.verify import HeaderBlock, Resolver, Verification, compare, verify
from seedtest.reports import readings

names_of = readings.names_of


@dataclass(frozen=True, slots=True)
class Checked:
    """Our own checks and what they and the comparison with the receiver found, as they are stored."""

    summary: dict[str, str]
    checks: dict[str, Any]
    findings: list[dict[str, Any]]


def check(message: bytes | HeaderBlock, reading: Reading, resolver: Resolver, now: datetime) -> Checked:
    """Ask DNS about this message. `now` is when it was received."""
    found = _verify(message, reading, resolver, now)
    told = (*found.findings, *compare(found, reading.authentication))
    return Checked(readings.summary(found), readings.checks(found), [readings.check_finding(one) for one in told])


def _verify(message: bytes | HeaderBlock, reading: Reading, resolver: Resolver, now: datetime) -> Verification:
    """The envelope is what the receiver wrote down of it."""
    spf = reading.received_spf or ReceivedSpf("")
    return verify(
        message,
        sending_ip=reading.route.sending_ip or spf.client_ip,
        envelope_from=reading.sender.return_path.address or spf.envelope_from,
        helo=reading.route.helo or spf.helo,
        resolver=resolver,
        now=now,
    )
