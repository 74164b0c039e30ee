"""Emptying a seed logs in, and a refused login counts there as anywhere: the account must not be locked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from seedtest.models import Arrival, FolderCursor, Mailbox
from seedtest.models.clock import db_now
from seedtest.services import backing_off, purging
from tests.fakes import DOVECOT, Box, ScriptedImapServer, hang_up

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = b"%(tag)s NO [AUTHENTICATIONFAILED] Invalid credentials\r\n"
LONG_AGO = timedelta(days=40)


@pytest.fixture
def seed(cast, make_seed, make_test):
    """Allowed to be emptied, with an old message of a closed test in it."""
    cast.workspace.purge_after_days = 30
    cast.workspace.save()
    seed = make_seed(cast.workspace, "generic", tls="none", state="healthy")
    past = db_now() - LONG_AGO
    test = make_test(cast.workspace, [seed], status="complete", completed_at=past, watch_until=past)
    folder = FolderCursor.objects.create(
        mailbox=seed.mailbox, name="INBOX", uidvalidity=7, uidnext=2, seen_at=past, source=1
    )
    Arrival.objects.create(
        mailbox=seed.mailbox, folder=folder, uidvalidity=7, uid=1, result=test.results.get(),
        internaldate=past, first_seen_at=past, size=10,
    )  # fmt: skip
    return seed


def purge(server, times: int = 1) -> list[purging.PurgeReport]:
    Mailbox.objects.update(port=server.port)
    return [purging.purge_one(Mailbox.objects.get(), dry_run=True, owner="this test") for _ in range(times)]


def logins(server) -> int:
    return sum(command.upper().startswith(b"LOGIN") for command in server.commands)


def test_a_refused_login_of_a_purge_is_one_of_the_four_an_hour(seed):
    with ScriptedImapServer(Box(), answers={"LOGIN": REFUSED}) as server:
        reports = purge(server)
    mailbox = Mailbox.objects.get()
    assert "Invalid credentials" in reports[0].refused[0]
    assert (len(mailbox.refused_logins), mailbox.state, mailbox.auth_fail_count) == (1, "needs_sign_in", 1)
    assert mailbox.auth_backoff_until > db_now()
    assert mailbox.lease_until is None


def test_seven_purges_with_a_wrong_password_send_it_once(seed):
    with ScriptedImapServer(Box(), answers={"LOGIN": REFUSED}) as server:
        reports = purge(server, 7)
        assert logins(server) == 1
    assert all(report.refused for report in reports)


def test_purges_of_a_seed_that_somebody_sets_back_try_four_logins_an_hour(seed):
    """Its state is set back by hand before each run: the count of refused logins stays."""
    with ScriptedImapServer(Box(), answers={"LOGIN": REFUSED}) as server:
        for _ in range(7):
            purge(server)
            Mailbox.objects.update(state="healthy", auth_backoff_until=None)
        assert logins(server) == backing_off.LOGINS_AN_HOUR
        assert "too many logins" in purge(server)[0].refused[0]


def test_a_purge_stays_away_while_the_mailbox_backs_off(seed):
    Mailbox.objects.update(backoff_until=db_now() + timedelta(minutes=5))
    with ScriptedImapServer(Box()) as server:
        assert "left alone for a while" in purge(server)[0].refused[0]
        assert server.commands == []


def test_a_lost_connection_in_a_purge_backs_off_as_well(seed):
    with ScriptedImapServer(Box(), capabilities=DOVECOT, answers={"LIST": hang_up()}) as server:
        assert purge(server)[0].refused
    mailbox = Mailbox.objects.get()
    assert (mailbox.fail_count, mailbox.refused_logins, mailbox.state) == (1, [], "healthy")


def test_a_purge_whose_lease_was_taken_over_writes_nothing(seed):
    def taken_over(talk):
        Mailbox.objects.update(lease_epoch=99)
        connection.close()  # of the server's thread
        talk.send(REFUSED.replace(b"%(tag)s", talk.tag.encode()))

    with ScriptedImapServer(Box(), answers={"LOGIN": taken_over}) as server:
        assert purge(server)[0].refused
    assert (Mailbox.objects.get().refused_logins, Mailbox.objects.get().state) == ([], "healthy")
