"""One message read as its receiver left it, and checked by us beside that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from placement.headers.received_spf import ReceivedSpf
from placement.providers import Provider
from placement.reading import Reading, read
from placement.verify import HeaderBlock, Resolver, Verification, compare, verify
from seedtest.models import Mailbox
from seedtest.reports import readings


@dataclass(frozen=True, slots=True)
class Checked:
    """Our own checks and what they and the comparison with the receiver found, as they are stored."""

    summary: dict[str, str]
    checks: dict[str, Any]
    findings: list[dict[str, Any]]


def names_of(authserv_ids: str) -> tuple[str, ...]:
    """What an operator wrote: names with commas."""
    return tuple(name.strip() for name in authserv_ids.split(",") if name.strip())


def read_for(block: bytes, mailbox: Mailbox) -> Reading:
    """As received in this mailbox."""
    return read_block(block, mailbox.catalog_entry, names_of(mailbox.authserv_ids))


def read_block(block: bytes, provider: Provider, authserv_ids: Iterable[str] = ()) -> Reading:
    return read(block, provider, extra_authserv_ids=authserv_ids)


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
