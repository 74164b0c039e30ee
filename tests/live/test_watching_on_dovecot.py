"""The watch against a real Dovecot: mail makes its mailbox due at once, and whatever ends a watch loses nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection

from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import intake, polling, seeding, watching
from seedtest.services.intake import NewTest
from seedtest.services.watching import loop
from tests.live.scene import until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.dovecot_config import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

HOURS = timedelta(hours=6)
AddSeed = Callable[[str], models.SeedAccount]


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PACE = 0.02
    monkeypatch.setattr(loop, "REREAD", 0.3)


@pytest.fixture
def workspace() -> models.Workspace:
    return models.Workspace.objects.create(name="Brand")


@pytest.fixture
def add(workspace: models.Workspace, dovecot: Dovecot) -> Iterator[AddSeed]:
    """add("su-01") → a seed on an emptied mailbox, its cursors set by a first poll; what its clients say is kept."""
    used: list[str] = []

    def _add(user: str) -> models.SeedAccount:
        dovecot.empty(user)
        used.append(user)
        where = {"host": "127.0.0.1", "port": dovecot.imaps_port, "login": user, "tls": "ssl"}
        account = seeding.add_seed(
            workspace, f"{user}@seed.example", PASSWORD, provider="generic", overrides=where
        ).account
        models.Mailbox.objects.filter(pk=account.mailbox_id).update(ca_pem=dovecot.ca_file.read_text())
        poll(account.mailbox)
        dovecot.record_wire(user)
        return account

    yield _add
    dovecot.forget_wire(*used)


class Running:
    """A watcher in a thread of its own, and what it handed out."""

    def __init__(self) -> None:
        self.handed_out = 0
        self.watcher = watching.Watcher(owner="this test", hand_out=self._count)
        self._thread = threading.Thread(target=self.watcher.run)
        self._thread.start()

    def _count(self, _: object) -> None:
        self.handed_out += 1

    def wait_for(self, *mailboxes: models.Mailbox) -> None:
        """Until each is watched and has a plan far away, so that only a wake-up brings it forward."""
        for mailbox in mailboxes:
            until(lambda mailbox=mailbox: self.idles(mailbox), f"not watched: {mailbox.pk}")
        ids = [mailbox.pk for mailbox in mailboxes]
        models.Mailbox.objects.filter(pk__in=ids).update(next_poll_at=db_now() + HOURS)

    def idles(self, mailbox: models.Mailbox) -> bool:
        watched = self.watcher._watched.get(mailbox.pk)
        return watched is not None and all(one._talk.idling for one in watched.sessions)

    def stop(self) -> None:
        self.watcher.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def watch() -> Iterator[Callable[[], Running]]:
    started: list[Running] = []

    def start() -> Running:
        started.append(Running())
        return started[-1]

    yield start
    for one in started:
        one.stop()


def poll(mailbox: models.Mailbox) -> None:
    models.Mailbox.objects.filter(pk=mailbox.pk).update(
        next_poll_at=db_now(), backoff_until=None, auth_backoff_until=None
    )
    assert polling.poll([mailbox.pk], owner="this test") == 1


def open_test(workspace: models.Workspace) -> models.SeedTest:
    return intake.open_test(workspace, NewTest(name="Live"), now=db_now())


def is_due(mailbox: models.Mailbox) -> bool:
    return bool(models.Mailbox.objects.filter(pk=mailbox.pk, next_poll_at__lte=db_now()).exists())


def letter(placement: str = "inbox") -> bytes:
    lines = ("From: Brand <news@brand.example>", "Subject: Offers", f"X-Seed-Placement: {placement}", "", "Hello.")
    return ("\r\n".join(lines) + "\r\n").encode()


def commands(dovecot: Dovecot, user: str) -> list[bytes]:
    return [line.split(b" ", 1)[1] for line in dovecot.wire_log(user)]


@pytest.mark.parametrize("user", ["su-11", "de-11", "fr-11", "cp-11"])
def test_a_message_in_the_inbox_and_one_in_junk_each_make_the_mailbox_due_at_once(workspace, add, dovecot, watch, user):
    mailbox = add(user).mailbox
    open_test(workspace)
    running = watch()
    for placement in ("inbox", "junk"):
        running.wait_for(mailbox)
        assert not is_due(mailbox)
        dovecot.deliver(user, letter(placement))
        until(lambda: is_due(mailbox), f"a message in {placement} woke nobody", 20)
        poll(mailbox)
    assert running.handed_out == 2
    assert models.Arrival.objects.filter(mailbox=mailbox).count() == 2


def test_a_watch_only_opens_for_reading_and_idles(workspace, add, dovecot, watch):
    mailbox = add("su-12").mailbox
    open_test(workspace)
    running = watch()
    running.wait_for(mailbox)
    running.stop()
    verbs = [command.split(b" ")[0].upper() for command in commands(dovecot, "su-12")]
    assert set(verbs) <= {b"CAPABILITY", b"LIST", b"EXAMINE", b"IDLE", b"LOGOUT"}
    assert (verbs.count(b"EXAMINE"), verbs.count(b"IDLE"), verbs.count(b"LOGOUT")) == (2, 2, 2)


def test_mail_that_came_between_the_last_look_and_the_watch_wakes_too(workspace, add, dovecot, watch):
    mailbox = add("su-13").mailbox
    open_test(workspace)
    dovecot.deliver("su-13", letter("junk"))
    models.Mailbox.objects.filter(pk=mailbox.pk).update(next_poll_at=db_now() + HOURS)
    watch()
    until(lambda: is_due(mailbox), "mail that came before the watch woke nobody", 20)


def test_a_burst_over_many_mailboxes_wakes_every_one(workspace, add, dovecot, watch):
    users = [f"su-{number}" for number in range(20, 30)]
    mailboxes = [add(user).mailbox for user in users]
    open_test(workspace)
    running = watch()
    running.wait_for(*mailboxes)
    for number in range(5):
        dovecot.deliver(users, letter("junk" if number % 2 else "inbox"))
    until(lambda: all(is_due(one) for one in mailboxes), "some were not woken", 20)
    until(lambda: not running.watcher._wakes.due(float("inf")), "wake-ups were left over", 20)
    for mailbox in mailboxes:
        poll(mailbox)
    assert models.Arrival.objects.count() == 50
    assert running.handed_out < 50  # what comes together is handed out together


def test_mail_during_a_look_wakes_again_when_the_look_is_over(workspace, add, dovecot, watch):
    """The look may have asked before the mail came, and its end would write its own plan over the wake-up."""
    mailbox = add("su-14").mailbox
    open_test(workspace)
    running = watch()
    running.wait_for(mailbox)
    leased = models.Mailbox.objects.filter(pk=mailbox.pk)
    leased.update(lease_until=db_now() + HOURS)
    dovecot.deliver("su-14", letter())
    until(lambda: running.watcher._wakes.due(float("inf")) == [mailbox.pk], "the message was not heard", 20)
    time.sleep(0.5)
    assert not is_due(mailbox)
    leased.update(lease_until=None, next_poll_at=db_now() + HOURS)  # as its end does
    until(lambda: is_due(mailbox), "the wake-up was lost", 20)


def test_a_server_that_restarts_is_watched_again(workspace, add, dovecot, watch):
    mailbox = add("su-15").mailbox
    open_test(workspace)
    running = watch()
    running.wait_for(mailbox)
    dovecot.kill()
    until(lambda: not running.watcher.watches(mailbox.pk), "a dead server was not noticed", 20)
    dovecot.revive()
    running.wait_for(mailbox)
    dovecot.deliver("su-15", letter())
    until(lambda: is_due(mailbox), "nothing was heard after the restart", 20)


def test_a_wrong_password_is_tried_once_and_counted(workspace, add, dovecot, watch):
    mailbox = add("su-16").mailbox
    open_test(workspace)
    running = watch()
    running.wait_for(mailbox)
    row = models.Mailbox.objects.get(pk=mailbox.pk)
    row.secret = "changed by somebody"
    row.save()
    dovecot.doveadm("kick", "su-16")
    until(lambda: not running.watcher.watches(mailbox.pk), "the kick was not noticed", 20)
    until(lambda: models.Mailbox.objects.get(pk=mailbox.pk).state == "needs_sign_in", "not refused", 20)
    time.sleep(1.5)
    row = models.Mailbox.objects.get(pk=mailbox.pk)
    assert len(row.refused_logins) == 1
    assert row.auth_backoff_until > db_now() + timedelta(minutes=15)
    assert not running.watcher.watches(mailbox.pk)


def test_the_end_of_a_test_closes_the_sessions(workspace, add, dovecot, watch):
    mailbox = add("su-17").mailbox
    test = open_test(workspace)
    running = watch()
    running.wait_for(mailbox)
    assert models.Mailbox.objects.get(pk=mailbox.pk).watch_owner == "this test"
    intake.cancel(test, now=db_now())
    until(lambda: not running.watcher.watches(mailbox.pk), "still watched", 20)
    assert [command.upper() for command in commands(dovecot, "su-17")].count(b"LOGOUT") == 2
    until(lambda: models.Mailbox.objects.get(pk=mailbox.pk).watch_until is None, "still taken", 20)


def test_two_watchers_share_the_mailboxes_and_one_takes_over_from_the_other(workspace, add, dovecot, watch):
    mailbox = add("su-18").mailbox
    open_test(workspace)
    first = watch()
    first.wait_for(mailbox)
    second = Running()
    second.watcher._owner = second.watcher._logins._owner = "another"
    time.sleep(1)
    assert not second.watcher.watches(mailbox.pk)
    first.stop()
    second.wait_for(mailbox)
    second.stop()


def test_no_database_connection_is_held_while_the_watch_waits(workspace, add, dovecot, watch, monkeypatch):
    mailbox = add("su-19").mailbox
    open_test(workspace)
    held: list[bool] = []
    patience = watching.Watcher._patience

    def look(self: watching.Watcher) -> float:
        held.append(connection.connection is not None)
        return patience(self)

    monkeypatch.setattr(watching.Watcher, "_patience", look)
    running = watch()
    running.wait_for(mailbox)
    dovecot.deliver("su-19", letter())
    until(lambda: is_due(mailbox), "nothing was heard", 20)
    assert held and not any(held)


def test_an_idle_is_renewed_in_time(workspace, add, dovecot, watch, monkeypatch):
    monkeypatch.setattr(loop, "TICK", 0.1)
    monkeypatch.setattr("seedtest.services.watching.entering.RENEW_SECONDS", 0.5)
    mailbox = add("su-30").mailbox
    open_test(workspace)
    running = watch()
    running.wait_for(mailbox)
    time.sleep(2)
    running.wait_for(mailbox)
    dovecot.deliver("su-30", letter())
    until(lambda: is_due(mailbox), "nothing was heard after a renewal", 20)
    running.stop()
    log = commands(dovecot, "su-30")
    assert log.count(b"IDLE") >= 4 and log.count(b"EXAMINE INBOX") + log.count(b'EXAMINE "INBOX"') == 1


def test_nothing_secret_is_said(workspace, add, dovecot, watch, caplog):
    caplog.set_level(logging.DEBUG)
    mailbox = add("su-31").mailbox
    open_test(workspace)
    running = watch()
    running.wait_for(mailbox)
    dovecot.doveadm("kick", "su-31")
    until(lambda: not running.watcher.watches(mailbox.pk), "the kick was not noticed", 20)
    running.watcher._say()
    running.stop()
    assert "is not watched for" in caplog.text and "watching" in caplog.text
    assert PASSWORD not in caplog.text
