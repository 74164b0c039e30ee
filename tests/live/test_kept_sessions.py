"""A session that is kept: scanned again without a login, its deadline set anew, its death noticed without asking."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from placement import mailbox as engine
from placement import providers
from placement.errors import DeadlineExceeded
from placement.mailbox import ImapMailbox
from placement.scan import scan
from placement.vocabulary import Cursor, ScanOrder, ScanResult
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.dovecot_config import PASSWORD

USER = "su-01"
Open = Callable[..., ImapMailbox]


@pytest.fixture
def open_session(dovecot: Dovecot) -> Iterator[Open]:
    opened: list[ImapMailbox] = []
    dovecot.empty(USER)

    def _open(seconds: float = 30.0) -> ImapMailbox:
        login = engine.Login("localhost", dovecot.imaps_port, "ssl", USER, PASSWORD)
        context = engine.shared_ssl_context(ca_pem=dovecot.ca_file.read_text())
        session = ImapMailbox.open(login, dial=_dial, deadline_seconds=seconds, ssl_context=context)
        opened.append(session)
        return session

    yield _open
    for session in opened:
        session.close()
    dovecot.forget_wire(USER)


def _dial(_: str, port: int, timeout: float) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout)


def look(session: ImapMailbox, cursors: dict[str, Cursor] | None = None) -> ScanResult:
    order = ScanOrder()
    return scan(
        session, provider=providers.GENERIC, cursors=cursors or {}, overrides={}, ask=lambda: [], order=order
    )  # fmt: skip


def cursors_of(seen: ScanResult) -> dict[str, Cursor]:
    return {one.folder.name: one.cursor for one in seen.folders if one.cursor}


def test_an_unchanged_mailbox_costs_one_command_and_less_than_a_kilobyte(open_session: Open, dovecot: Dovecot):
    session = open_session()
    cursors = cursors_of(look(session))
    before = session.traffic
    assert session.renew(30.0)
    assert look(session, cursors).sightings == ()
    after = session.traffic
    assert (after.commands - before.commands, after.writes - before.writes) == (1, 1)
    assert after.bytes_in - before.bytes_in <= 1000


def test_new_mail_is_seen_by_a_session_that_was_open_before_it_came(open_session: Open, dovecot: Dovecot):
    session = open_session()
    cursors = cursors_of(look(session))
    before = session.traffic.writes
    dovecot.deliver(USER, b"From: a@brand.example\r\nX-Seed-Placement: junk\r\n\r\nHello\r\n")
    session.rest()
    assert session.renew(30.0)
    (seen,) = look(session, cursors).sightings
    assert seen.place.folder == "Junk"
    assert session.traffic.writes - before == 2


def test_a_session_that_the_server_ended_is_known_to_be_over(open_session: Open, dovecot: Dovecot):
    session = open_session()
    look(session)
    assert session.alive
    dovecot.doveadm("kick", USER)
    give_up = time.monotonic() + 10
    while session.alive and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not session.alive
    assert not session.renew(30.0)


def test_a_resting_session_outlives_its_deadline_and_a_busy_one_does_not(open_session: Open):
    resting, busy = open_session(), open_session()
    assert resting.renew(0.6) and busy.renew(0.6)  # from here: two logins may take longer
    resting.rest()
    time.sleep(0.9)
    assert resting.renew(30.0) and not busy.renew(30.0)
    look(resting)
    with pytest.raises(DeadlineExceeded):
        look(busy)
