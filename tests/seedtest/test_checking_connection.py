"""Check connection: says in words what it found, keeps it, and never moves a cursor over unread mail."""

from __future__ import annotations

import socket
from datetime import timedelta
from types import SimpleNamespace

import pytest

from placement.vocabulary import Reason
from seedtest.models import FolderCursor, Mailbox
from seedtest.services import checking
from tests.fakes import DOVECOT, Box, Letter, ScriptedImapServer, bye

INBOX = Box(b"INBOX", uidvalidity=7, told_uidnext=42)
JUNK = Box(b"Junk", attributes="\\Junk", uidvalidity=8, told_uidnext=3)
PASSWORD = "mailbox password"


@pytest.fixture
def check(cast, make_seed, now):
    """Checks a mailbox at a scripted server; returns the report and the mailbox as it is afterwards."""

    def run(server, at=now, **fields):
        values = {"port": server.port, "tls": "none", "address": "anna@acme.example", "login": "anna@acme.example"}
        mailbox = Mailbox.objects.filter(login="anna@acme.example").first()
        mailbox = mailbox or make_seed(cast.workspace, "generic", **(values | fields)).mailbox
        Mailbox.objects.filter(pk=mailbox.pk).update(port=server.port)
        report = checking.check_connection(mailbox, now=at)
        return report, Mailbox.objects.get(pk=mailbox.pk)

    return run


def test_a_good_mailbox_is_told_folder_by_folder(check):
    with ScriptedImapServer(INBOX, JUNK, Box(b"Sent", attributes="\\Sent"), capabilities=DOVECOT) as server:
        report, mailbox = check(server)
    assert report.ok and report.junk_visible
    told = {one.name: (one.role, one.source) for one in report.folders}
    assert told["INBOX"] == ("Inbox", "the standard says so")
    assert told["Junk"] == ("Spam", "the server says so")
    assert "tells which folder is spam" in report.abilities
    assert (mailbox.state, mailbox.lease_until, mailbox.junk_visible) == ("healthy", None, True)


def test_a_new_mailbox_starts_where_the_server_stands(check):
    with ScriptedImapServer(INBOX, JUNK, capabilities=DOVECOT) as server:
        _, mailbox = check(server)
    rows = {row.name: (row.uidvalidity, row.uidnext) for row in mailbox.folders.all()}
    assert rows == {"INBOX": (7, 42), "Junk": (8, 3)}


def test_a_cursor_that_is_there_never_moves(check, now):
    with ScriptedImapServer(INBOX, JUNK, capabilities=DOVECOT) as server:
        _, mailbox = check(server)
        FolderCursor.objects.filter(mailbox=mailbox, name="INBOX").update(uidnext=40)
        check(server, at=now + timedelta(minutes=5))
    assert FolderCursor.objects.get(mailbox=mailbox, name="INBOX").uidnext == 40


def test_the_role_set_by_a_person_counts_most(check, now):
    with ScriptedImapServer(INBOX, Box(b"Quarantine"), capabilities=DOVECOT) as server:
        report, mailbox = check(server)
        assert (report.junk_visible, mailbox.state, report.reason) == (False, "degraded", Reason.JUNK_NOT_VISIBLE)
        FolderCursor.objects.filter(mailbox=mailbox, name="Quarantine").update(operator_role="junk")
        report, mailbox = check(server, at=now + timedelta(minutes=5))
    assert report.junk_visible
    assert {one.name: one.source for one in report.folders}["Quarantine"] == "you said so"
    assert mailbox.folders.get(name="Quarantine").operator_role == "junk"


def test_a_refused_login_says_what_to_do_and_shows_no_password(check):
    with ScriptedImapServer(
        INBOX, answers={"LOGIN": b"%(tag)s NO [AUTHENTICATIONFAILED] " + PASSWORD.encode() + b" is wrong\r\n"}
    ) as server:
        report, mailbox = check(server)
    assert not report.ok
    assert (report.reason, mailbox.state) == (Reason.AUTH_FAILED, "needs_sign_in")
    assert "app password" in report.next
    assert PASSWORD not in repr(report) + mailbox.state_detail


def test_a_dead_host_says_what_to_do(check):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = SimpleNamespace(port=listener.getsockname()[1])
    report, mailbox = check(closed)
    assert (report.ok, report.reason, mailbox.state) == (False, Reason.MAILBOX_UNREACHABLE, "degraded")
    assert "check host and port" in report.next


def test_a_server_that_hangs_up_is_no_crash(check):
    with ScriptedImapServer(INBOX, answers={"LIST": bye("too busy")}) as server:
        report, mailbox = check(server)
    assert not report.ok
    assert mailbox.lease_until is None


def test_a_mailbox_that_is_being_read_is_left_alone(check, cast, make_seed, now):
    with ScriptedImapServer(INBOX, JUNK) as server:
        report, _ = check(server, lease_until=now + timedelta(minutes=1), lease_owner="worker")
        assert server.commands == []
    assert "being read" in report.title
    assert Mailbox.objects.get().lease_owner == "worker"


@pytest.mark.parametrize("state", ["disabled", "quarantined"])
def test_a_check_puts_nothing_back_to_work(check, state):
    with ScriptedImapServer(INBOX, JUNK, capabilities=DOVECOT) as server:
        report, mailbox = check(server, state=state)
    assert report.ok
    assert mailbox.state == state


def test_a_secret_sealed_with_a_lost_key_is_a_report(check):
    with ScriptedImapServer(INBOX, JUNK) as server:
        check(server)
        Mailbox.objects.update(secret="")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("seedtest.crypto.Sealed.reveal", _lost)
            report, mailbox = check(server)
    assert (report.reason, mailbox.state) == (Reason.SECRET_UNREADABLE, "needs_sign_in")


def _lost(self):
    from seedtest.crypto import SecretUnreadable

    raise SecretUnreadable("The stored secret cannot be opened with the configured keys.")


def test_hostile_folder_names_are_kept_and_capped(check):
    names = [Box(f"<script>{number}</script>".encode()) for number in range(3)]
    with ScriptedImapServer(INBOX, JUNK, *names, capabilities=DOVECOT) as server:
        report, mailbox = check(server)
    assert report.ok
    assert mailbox.folders.filter(name="<script>1</script>").exists()


NEARLY_FULL = {"GETQUOTAROOT": b'* QUOTAROOT "INBOX" ""\r\n* QUOTA "" (STORAGE 97 100)\r\n%(tag)s OK .\r\n'}


def test_a_full_mailbox_is_not_called_good(check):
    with ScriptedImapServer(INBOX, JUNK, capabilities=DOVECOT, answers=NEARLY_FULL) as server:
        report, mailbox = check(server)
    assert report.ok and "97% full" in report.title
    assert "Delete old messages" in report.next and "Nothing to do" not in report.next
    assert (mailbox.state, mailbox.state_reason, mailbox.quota_used) == ("degraded", "mailbox_full", 0.97)


def test_a_folder_with_all_the_messages_that_its_provider_shows_is_full_as_well(check):
    letters = [Letter(1)] * 9_500
    with ScriptedImapServer(Box(letters=letters), JUNK, capabilities=DOVECOT) as server:
        _, mailbox = check(server)
        assert mailbox.state == "healthy", "a server of one's own shows all it has"
        Mailbox.objects.update(provider="yahoo")
        report, mailbox = check(server)
    assert "95% full" in report.title
    assert (mailbox.state, mailbox.state_reason) == ("degraded", "mailbox_full")
