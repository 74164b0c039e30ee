"""Emptying seeds against a real Dovecot: only what is in the ledger, old and closed goes; every doubt is a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from placement.marker import OWN_HEADER
from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import intake, polling, purging, seeding
from seedtest.services.intake import NewTest
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.dovecot_config import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)
USER = "su-11"
LONG_AGO = timedelta(days=40)


@pytest.fixture
def workspace() -> models.Workspace:
    return models.Workspace.objects.create(name="Brand", purge_after_days=30)


@pytest.fixture
def seed(workspace: models.Workspace, dovecot: Dovecot) -> Iterator[models.SeedAccount]:
    dovecot.empty(USER)
    where = {"host": "127.0.0.1", "port": dovecot.imaps_port, "login": USER, "tls": "ssl"}
    added = seeding.add_seed(workspace, f"{USER}@seed.example", PASSWORD, provider="generic", overrides=where)
    added.account.mailbox.ca_pem = dovecot.ca_file.read_text()
    added.account.mailbox.save()
    poll(added.account)
    yield added.account
    dovecot.empty(USER)


def poll(seed: models.SeedAccount) -> None:
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(next_poll_at=db_now(), backoff_until=None)
    assert polling.poll([seed.mailbox_id], owner="this test") == 1


def letter(token: str = "", *, placement: str = "inbox") -> bytes:
    carried = f"{OWN_HEADER}: {token}\r\n" if token else ""
    return (
        f"{carried}From: Brand <news@brand.example>\r\nSubject: Offers\r\n"
        f"Message-ID: <{token or 'none'}@brand.example>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n"
        f"X-Seed-Placement: {placement}\r\n\r\nHello.\r\n"
    ).encode()


@pytest.fixture
def found(workspace, seed, dovecot) -> models.SeedTest:
    """A test whose message was found, long ago and closed; beside it a message of nobody."""
    test = intake.open_test(workspace, NewTest(name="Spring"), now=db_now())
    token = test.markers.get(kind="token").value
    dovecot.deliver(USER, letter(token))
    dovecot.deliver(USER, letter())
    poll(seed)
    assert test.results.get().placement == "inbox"
    past = db_now() - LONG_AGO
    models.Arrival.objects.update(internaldate=past, first_seen_at=past)
    models.SeedTest.objects.update(status="complete", completed_at=past, watch_until=past)
    return test


def purge(seed: models.SeedAccount, *, dry_run: bool = False) -> purging.PurgeReport:
    mailbox = models.Mailbox.objects.select_related("workspace").get(pk=seed.mailbox_id)
    report = purging.purge_one(mailbox, dry_run=dry_run, owner="this test")
    mailbox.refresh_from_db()
    assert mailbox.lease_until is None, "the lease is given back whatever happened"
    return report


def test_only_the_message_of_the_closed_test_goes(found, seed, dovecot):
    before = dovecot.uids(USER)
    report = purge(seed)
    assert (report.deleted, report.refused) == (1, ())
    assert len(before) == 2 and len(dovecot.uids(USER)) == 1
    assert models.Arrival.objects.get(result__test=found).gone_at is not None
    assert models.Arrival.objects.get(result=None).gone_at is None
    assert found.results.get().placement == "inbox", "what was measured stays"


def test_a_dry_run_counts_and_touches_nothing(found, seed, dovecot):
    dovecot.forget_wire(USER)
    dovecot.record_wire(USER)
    assert purge(seed, dry_run=True).deleted == 1
    said = b" ".join(dovecot.wire_log(USER)).upper()
    dovecot.forget_wire(USER)
    assert b"EXAMINE" in said and b"STORE" not in said and b"EXPUNGE" not in said and b"SELECT" not in said
    assert len(dovecot.uids(USER)) == 2


def test_what_others_marked_as_deleted_is_left_to_them(found, seed, dovecot):
    other = next(iter(models.Arrival.objects.filter(result=None).values_list("uid", flat=True)))
    dovecot.doveadm("flags", "add", "-u", USER, "\\Deleted", "mailbox", "INBOX", "uid", str(other))
    assert purge(seed).deleted == 1
    assert dovecot.uids(USER) == [other]


def test_a_folder_that_was_made_anew_is_refused(found, seed, dovecot):
    models.FolderCursor.objects.update(uidvalidity=77)
    models.Arrival.objects.update(uidvalidity=77)
    report = purge(seed)
    assert report.deleted == 0 and "made anew" in report.refused[0]
    assert len(dovecot.uids(USER)) == 2


def test_a_folder_with_mail_that_was_not_read_is_refused(found, seed, dovecot):
    dovecot.deliver(USER, letter())
    report = purge(seed)
    assert report.deleted == 0 and "not read yet" in report.refused[0]
    assert len(dovecot.uids(USER)) == 3


def test_a_message_that_is_not_what_the_ledger_says_is_left(found, seed, dovecot):
    models.Arrival.objects.update(size=1)
    report = purge(seed)
    assert (report.deleted, report.different) == (0, 1)
    assert len(dovecot.uids(USER)) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"status": "receiving"},
        {"watch_until": db_now},
        {"completed_at": db_now},
    ],
    ids=["open", "watched", "just ended"],
)
def test_messages_of_a_test_that_is_not_long_closed_stay(found, seed, dovecot, change):
    values = {name: value() + timedelta(minutes=5) if callable(value) else value for name, value in change.items()}
    models.SeedTest.objects.update(**values)
    assert purge(seed).deleted == 0
    assert len(dovecot.uids(USER)) == 2


def test_without_the_workspaces_word_nothing_is_deleted(found, seed, dovecot, workspace):
    models.Workspace.objects.update(purge_after_days=None)
    assert "Switched off" in purge(seed).refused[0]
    assert len(dovecot.uids(USER)) == 2


def test_a_mailbox_that_several_use_is_refused(found, seed, dovecot):
    elsewhere = models.Workspace.objects.create(name="Elsewhere")
    models.SeedAccount.objects.create(workspace=elsewhere, mailbox=seed.mailbox)
    assert "Several workspaces" in purge(seed).refused[0]
    assert len(dovecot.uids(USER)) == 2


def test_the_operators_pool_has_its_own_switch(found, seed, dovecot, settings):
    models.Mailbox.objects.update(workspace=None)
    assert "Switched off" in purge(seed).refused[0]
    settings.PURGE_POOL_AFTER_DAYS = 30
    assert purge(seed).deleted == 1


def test_a_mailbox_that_is_being_read_is_left_alone(found, seed, dovecot):
    until = db_now() + timedelta(minutes=1)
    models.Mailbox.objects.update(lease_until=until, lease_owner="a worker")
    mailbox = models.Mailbox.objects.select_related("workspace").get(pk=seed.mailbox_id)
    assert "being read" in purging.purge_one(mailbox, dry_run=False, owner="this test").refused[0]
    mailbox.refresh_from_db()
    assert (mailbox.lease_until, mailbox.lease_owner) == (until, "a worker")


def test_the_next_poll_finds_nothing_wrong_afterwards(found, seed, dovecot):
    purge(seed)
    poll(seed)
    seed.mailbox.refresh_from_db()
    assert seed.mailbox.state == "healthy"


def test_the_command_deletes_only_when_told(found, seed, dovecot):
    out = StringIO()
    call_command("purgeseeds", stdout=out)
    assert "1 messages would be deleted" in out.getvalue()
    assert len(dovecot.uids(USER)) == 2
    call_command("purgeseeds", f"{USER}@seed.example", "--delete", stdout=out)
    assert "1 messages deleted." in out.getvalue()
    assert len(dovecot.uids(USER)) == 1
