"""The world's SMTP door: one port for all providers; accept or refuse, check, file, stamp, deliver."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiosmtpd.smtp import SMTP, Envelope, Session

from seedtest.demo import authentication, filing
from seedtest.demo.imap import ImapHouse
from seedtest.demo.letters import Letter, domain_of
from seedtest.demo.providers import BY_DOMAIN, Habit, Provider
from seedtest.demo.stamps import Arrival, stamped

log = logging.getLogger(__name__)
SIZE_LIMIT = 25 * 1024 * 1024


class WorldSmtp(SMTP):
    # Real newsletters hold lines far beyond the 998 of RFC 5321, and real providers take them.
    line_length_limit = 512 * 1024


@dataclass(frozen=True)
class Recipient:
    """An address of the world. `given` keeps the +detail the sender wrote."""

    provider: Provider
    local: str
    habit: Habit
    given: str

    @property
    def address(self) -> str:
        return f"{self.local}@{self.provider.domain}"


def find(address: str) -> Recipient | None:
    """The mailbox an address belongs to; `ada+anything@` is ada's."""
    provider = BY_DOMAIN.get(domain_of(address))
    if provider is None:
        return None
    local = address.rpartition("@")[0].partition("+")[0].lower()
    habit = dict(provider.seeds).get(local)
    return Recipient(provider, local, habit, address) if habit else None


def refusal(address: str) -> str:
    """The SMTP reply for an address that takes no mail, or "" where it does."""
    if domain_of(address) not in BY_DOMAIN:
        return f"550 5.7.1 <{address}>: relay access denied, this world ends at its own providers"
    recipient = find(address)
    if recipient is None:
        return f"550 5.1.1 <{address}>: no such mailbox here"
    if recipient.habit is Habit.FULL:
        return f"550 5.2.2 <{address}>: mailbox full"
    return ""


class Door:
    """aiosmtpd's handler. `slow_seconds` is how late the slow mailbox gets its mail."""

    def __init__(self, houses: Mapping[str, ImapHouse], slow_seconds: float) -> None:
        self._houses = houses
        self._slow_seconds = slow_seconds
        self._late: set[asyncio.Task[None]] = set()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = refusal(address)
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        letter = _letter(session, envelope)
        recipients = [recipient for address in envelope.rcpt_tos if (recipient := find(address))]
        for recipient in recipients:
            await self._take(recipient, letter)
        return "250 2.0.0 OK: accepted"

    async def _take(self, recipient: Recipient, letter: Letter) -> None:
        if recipient.habit is Habit.DROPS:
            return
        if recipient.habit is Habit.SLOW:
            task = asyncio.create_task(self._deliver_late(recipient, letter))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        await self._deliver(recipient, letter)

    async def _deliver_late(self, recipient: Recipient, letter: Letter) -> None:
        await asyncio.sleep(self._slow_seconds)
        await self._deliver(recipient, letter)

    async def _deliver(self, recipient: Recipient, letter: Letter) -> None:
        provider = recipient.provider
        checks = authentication.check(letter)
        rule = filing.choose(provider.rules, recipient.local, letter, checks)
        arrival = Arrival(letter, checks, rule, recipient.given, datetime.now(UTC))
        raw = stamped(provider.stamp(arrival), letter.raw)
        house = self._houses[provider.domain]
        await house.deliver(recipient.address, rule.folder, raw, arrival.at, rule.tab)
        log.info("%s: %s (%s)", recipient.address, rule.folder, rule.when)


def _letter(session: Session, envelope: Envelope) -> Letter:
    content = envelope.original_content or b""
    client_ip = authentication.public_address((session.peer or [""])[0])
    return Letter(content, envelope.mail_from or "", client_ip, session.host_name or "unknown")


async def open_door(door: Door) -> asyncio.Server:
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return WorldSmtp(
            door,
            loop=loop,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="mx.world.example",
            ident="mail world",
        )

    return await loop.create_server(session, "127.0.0.1", 0)
