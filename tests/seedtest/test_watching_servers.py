"""Servers that refuse, lie, flood or say nothing: the watch ends, is put off, and wakes no more than it should."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from seedtest.models import FolderCursor, Mailbox
from seedtest.models.clock import db_now
from seedtest.services import watching
from seedtest.services.watching import entering, logins, loop, sessions
from tests.fakes import BARE, DOVECOT, Box, Conversation, ScriptedImapServer, bye, drip, flood, silence
from tests.live.scene import until

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
BOXES = (Box(), Box(b"Junk", attributes="\\Junk"))


class Seen:
    """A watcher in a thread of its own, and what failed."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.handed_out = 0
        self.watcher = watching.Watcher(owner="this test", hand_out=self._count)
        note, failed = self.failures, self.watcher._logins.failed

        def listen(mailbox_id: int, error: Exception, clock: float) -> None:
            note.append(f"{type(error).__name__}: {error}")
            failed(mailbox_id, error, clock)

        self.watcher._logins.failed = listen
        self._thread = threading.Thread(target=self.watcher.run)
        self._thread.start()

    def _count(self, _: object) -> None:
        self.handed_out += 1

    def stop(self) -> None:
        self.watcher.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def watch(settings, monkeypatch) -> Iterator[Callable[[], Seen]]:
    settings.PACE = 1.0
    for name, value in (("REREAD", 0.2), ("TICK", 0.1)):
        monkeypatch.setattr(loop, name, value)
    monkeypatch.setattr(sessions, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(entering, "LOGIN_SECONDS", 1.0)
    started: list[Seen] = []

    def start() -> Seen:
        started.append(Seen())
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def seed_at(cast, make_seed, make_test) -> Callable[..., Mailbox]:
    """A mailbox of an open test that was read before; its next look is an hour away."""

    def add(port: int, **fields) -> Mailbox:
        values = {"port": port, "tls": "none", "state": "healthy", "next_poll_at": db_now() + HOUR} | fields
        seed = make_seed(cast.workspace, "generic", **values)
        for name, role in (("INBOX", "inbox"), ("Junk", "junk")):
            FolderCursor.objects.create(
                mailbox=seed.mailbox, name=name, role=role, source=1, uidvalidity=7, uidnext=1, seen_at=db_now()
            )
        make_test(cast.workspace, [seed], status="waiting")
        return seed.mailbox

    return add


def next_poll_at(mailbox: Mailbox):
    return Mailbox.objects.get(pk=mailbox.pk).next_poll_at


def test_a_server_without_idle_is_asked_once_and_polled_as_usual(watch, seed_at):
    with ScriptedImapServer(*BOXES, capabilities=BARE) as server:
        mailbox = seed_at(server.port)
        seen = watch()
        until(lambda: seen.failures, "it was not asked", 20)
        time.sleep(1)
        assert [one.partition(".")[0] for one in seen.failures] == [
            "CannotWatch: The server does not offer IDLE, so this mailbox is not watched"
        ]
        assert server.verbs().count("LOGIN") == 1
    mailbox.refresh_from_db()
    assert (mailbox.state, mailbox.fail_count, mailbox.backoff_until) == ("healthy", 0, None)


def _agree_and_flood(talk: Conversation) -> None:
    talk.send(b"+ idling\r\n")
    flood(b"* 1 FETCH (FLAGS (\\Seen))\r\n" * 999)(talk)


BROKEN = {
    "no idle although it was offered": ({"IDLE": b"%(tag)s BAD unknown command\r\n"}, "FolderUnavailable"),
    "a folder that cannot be opened": ({'EXAMINE "Junk"': b"%(tag)s NO [NONEXISTENT] gone\r\n"}, "FolderUnavailable"),
    "silence after EXAMINE": ({"EXAMINE": silence}, "DeadlineExceeded"),
    "silence after IDLE": ({"IDLE": silence}, "DeadlineExceeded"),
    "a drip that never agrees": ({"IDLE": drip(b"* OK wait\r\n", 0.01)}, "DeadlineExceeded"),
    "a line without end": ({"IDLE": flood(b"x" * 9999)}, "ProtocolError"),
    "a flood": ({"IDLE": _agree_and_flood}, "ProtocolError"),
    "a goodbye": ({"IDLE": bye("server shutting down")}, "Disconnected"),
    "too many connections": ({"EXAMINE": bye("[ALERT] Too many simultaneous connections")}, "Throttled"),
    "an idle that ends itself": ({"IDLE": b"+ idling\r\n%(tag)s OK done\r\n"}, "Disconnected"),
    "a login that is throttled": ({"LOGIN": b"%(tag)s NO [ALERT] Too many simultaneous connections.\r\n"}, "Throttled"),
    "a login that cannot be checked": ({"LOGIN": b"%(tag)s NO [UNAVAILABLE] later\r\n"}, "LoginUnavailable"),
}  # fmt: skip


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_a_broken_server_ends_the_watch_and_costs_the_polls_nothing(how, watch, seed_at):
    answers, error = BROKEN[how]
    with ScriptedImapServer(*BOXES, capabilities=DOVECOT, answers=answers) as server:
        mailbox = seed_at(server.port)
        seen = watch()
        until(lambda: seen.failures, "the watch did not end", 20)
        assert seen.failures[0].startswith(f"{error}: "), seen.failures
        assert not seen.watcher.watches(mailbox.pk)
        time.sleep(1)
        assert server.verbs().count("LOGIN") <= 2  # put off: five seconds and more
    mailbox.refresh_from_db()
    assert (mailbox.state, mailbox.fail_count, mailbox.auth_fail_count, mailbox.lease_until) == ("healthy", 0, 0, None)


def test_mail_before_a_goodbye_wakes(watch, seed_at):
    with ScriptedImapServer(*BOXES, capabilities=DOVECOT) as server:
        mailbox = seed_at(server.port)
        seen = watch()
        until(lambda: len(server.idling) == 2, "it does not idle", 20)
        server.idling[0].send(b"* 1 EXISTS\r\n* BYE good night\r\n")
        until(lambda: next_poll_at(mailbox) <= db_now(), "nobody was woken", 20)
        assert seen.handed_out == 1


def test_a_server_that_accepts_and_says_nothing_ends_at_the_wall_clock(watch, seed_at):
    with ScriptedImapServer(greeting=silence) as server:
        mailbox = seed_at(server.port)
        seen = watch()
        until(lambda: seen.failures, "the login did not end", 20)
        assert seen.failures[0].startswith("DeadlineExceeded")
        mailbox.refresh_from_db()
        assert mailbox.lease_until is None


def test_a_silent_server_keeps_no_other_mailbox_waiting(watch, seed_at):
    with ScriptedImapServer(greeting=silence) as bad, ScriptedImapServer(*BOXES, capabilities=DOVECOT) as good:
        for number in range(logins.AT_ONCE // 2):
            seed_at(bad.port, login=f"silent{number}")
        mailbox = seed_at(good.port)
        seen = watch()
        until(lambda: seen.watcher.watches(mailbox.pk), "the good one is not watched", 20)
        until(lambda: len(good.idling) == 2, "it does not idle", 20)


def test_a_server_that_cries_wolf_wakes_a_bounded_number_of_times(watch, seed_at):
    with ScriptedImapServer(*BOXES, capabilities=DOVECOT) as server:
        mailbox = seed_at(server.port)
        seen = watch()
        until(lambda: len(server.idling) == 2, "it does not idle", 20)
        end, count = time.monotonic() + 3, 0
        while time.monotonic() < end:
            count += 1
            server.idling[0].send(b"* %d EXISTS\r\n" % count)
            time.sleep(0.002)
        until(lambda: next_poll_at(mailbox) <= db_now(), "nobody was woken", 20)
        assert count > 100 and 1 <= seen.handed_out <= 13


def test_a_refused_login_puts_everybody_off_and_is_counted(watch, seed_at):
    with ScriptedImapServer(*BOXES, answers={"LOGIN": b"%(tag)s NO [AUTHENTICATIONFAILED] no\r\n"}) as server:
        mailbox = seed_at(server.port)
        seen = watch()
        until(lambda: seen.failures, "it was not refused", 20)
        time.sleep(1)
        assert server.verbs().count("LOGIN") == 1
    mailbox.refresh_from_db()
    assert (mailbox.state, len(mailbox.refused_logins)) == ("needs_sign_in", 1)
    assert mailbox.auth_backoff_until > db_now() + timedelta(minutes=15)


def test_a_refusal_of_what_somebody_has_corrected_meanwhile_only_counts(seed_at, monkeypatch):
    """The password was changed and a poll got in with it, while the old one was on its way."""
    with ScriptedImapServer(*BOXES, answers={"LOGIN": b"%(tag)s NO [AUTHENTICATIONFAILED] no\r\n"}) as server:
        mailbox = seed_at(server.port)
        open_session = entering.engine.ImapMailbox.open

        def poll_gets_in(*args, **kwargs):
            Mailbox.objects.filter(pk=mailbox.pk).update(last_good_poll_at=db_now())
            return open_session(*args, **kwargs)

        monkeypatch.setattr(entering.engine.ImapMailbox, "open", poll_gets_in)
        with pytest.raises(entering.LoginRefused):
            entering.enter(mailbox.pk, owner="this test")
    mailbox.refresh_from_db()
    assert (mailbox.state, len(mailbox.refused_logins), mailbox.auth_backoff_until) == ("healthy", 1, None)


def test_an_account_that_was_refused_four_times_within_the_hour_is_left_alone(seed_at):
    with ScriptedImapServer(*BOXES) as server:
        mailbox = seed_at(server.port, refused_logins=[db_now().isoformat()] * 4)
        with pytest.raises(entering.Busy):
            entering.enter(mailbox.pk, owner="this test")
        assert server.verbs() == []
    mailbox.refresh_from_db()
    assert mailbox.lease_until is None


def test_a_mailbox_that_is_being_looked_into_is_entered_later(watch, seed_at):
    with ScriptedImapServer(*BOXES, capabilities=DOVECOT) as server:
        mailbox = seed_at(server.port, lease_until=db_now() + HOUR)
        seen = watch()
        until(lambda: seen.failures == ["Busy: "], "it was not tried", 20)
        assert server.verbs() == []
        Mailbox.objects.filter(pk=mailbox.pk).update(lease_until=None)
        until(lambda: len(server.idling) == 2, "it does not idle", 20)


def test_another_host_is_gone_to_and_the_old_one_left(watch, seed_at):
    with (
        ScriptedImapServer(*BOXES, capabilities=DOVECOT) as old,
        ScriptedImapServer(*BOXES, capabilities=DOVECOT) as new,
    ):
        mailbox = seed_at(old.port)
        watch()
        until(lambda: len(old.idling) == 2, "it does not idle", 20)
        Mailbox.objects.filter(pk=mailbox.pk).update(port=new.port)
        until(lambda: len(new.idling) == 2, "the new server is not gone to", 20)
        until(lambda: old.verbs().count("LOGOUT") == 2, "the old server is not left", 20)


def test_a_database_that_is_away_ends_no_watch(watch, seed_at, monkeypatch, caplog):
    from django.db import OperationalError

    with ScriptedImapServer(*BOXES, capabilities=DOVECOT) as server:
        mailbox = seed_at(server.port)
        seen = watch()
        until(lambda: len(server.idling) == 2, "it does not idle", 20)
        clock = loop.db_now

        def away():
            raise OperationalError("the server closed the connection")

        monkeypatch.setattr(loop, "db_now", away)
        server.idling[0].send(b"* 1 EXISTS\r\n")
        until(lambda: "does not answer the watch" in caplog.text, "it was not noticed", 20)
        monkeypatch.setattr(loop, "db_now", clock)
        until(lambda: next_poll_at(mailbox) <= db_now(), "the wake-up was lost", 20)
        assert seen.watcher.watches(mailbox.pk)
        assert server.verbs().count("LOGIN") == 2
