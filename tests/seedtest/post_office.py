"""An SMTP server on loopback that accepts, refuses, defers or hangs up on order, and remembers what it took."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "sender", "S3nding-passwörd"


@dataclass(frozen=True)
class Delivery:
    sender: str
    recipient: str
    content: bytes


@dataclass
class PostOffice:
    """Replies by recipient: `at_rcpt` and `at_data` hold what to say; an empty reply at DATA hangs up instead."""

    at_rcpt: dict[str, str] = field(default_factory=dict)
    at_data: dict[str, str] = field(default_factory=dict)
    stalls_at_rcpt: set[str] = field(default_factory=set)
    at_mail: str = ""
    at_auth: str = ""
    taken: list[Delivery] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # every recipient that was asked for
    watch: Callable[[str], None] = lambda moment: None  # called while the client waits for its answer
    sessions: int = 0
    port: int = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_mail:
            return self.at_mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.seen.append(address)
        self.watch("rcpt")
        if address in self.stalls_at_rcpt:
            await asyncio.sleep(3600)
        reply = self.at_rcpt.get(address, "")
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        (recipient,) = envelope.rcpt_tos
        self.watch("data")
        reply = self.at_data.get(recipient, "250 2.0.0 OK: queued as 4XkP")
        if reply and not reply.startswith("2"):
            return reply
        self.taken.append(Delivery(envelope.mail_from or "", recipient, envelope.original_content or b""))
        if not reply and server.transport is not None:
            server.transport.abort()
        return reply or "250 never read"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, method: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
        if right and not self.at_auth:
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False, message=self.at_auth or "535 5.7.8 Bad credentials")

    def recipients(self) -> list[str]:
        return [delivery.recipient for delivery in self.taken]


class _LongLines(SMTP):
    line_length_limit = 1024 * 1024


class _Door(Controller):
    def factory(self) -> SMTP:
        return _LongLines(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # the free port that was chosen for 0
        super()._trigger_server()


@contextmanager
def opened(office: PostOffice, *, tls: ssl.SSLContext | None = None, starttls: bool = False) -> Iterator[PostOffice]:
    """`tls` alone speaks TLS from the start; with `starttls` it is offered, and a sign-in demanded."""
    door = _Door(
        office,
        hostname="127.0.0.1",
        port=0,
        ssl_context=None if starttls else tls,
        tls_context=tls if starttls else None,
        require_starttls=starttls,
        auth_required=starttls,
        auth_require_tls=starttls,
        authenticator=office.authenticate,
        server_hostname="mx.world.example",
        ident="post office",
    )
    door.start()
    try:
        office.port = door.port
        yield office
    finally:
        door.stop()
