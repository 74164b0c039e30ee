"""The mail servers do what the live tests rely on."""

from __future__ import annotations

import imaplib
import re
import smtplib
import ssl
from pathlib import Path

import pytest

from tests.live.servers import lmtp
from tests.live.servers.dovecot import Dovecot, modified_utf7
from tests.live.servers.dovecot_config import TREES
from tests.live.servers.postfix import Postfix

PLACEMENTS = ("inbox", "junk", "promotions", "trash", "other")


def message(subject: str, *, placement: str = "inbox") -> bytes:
    return (
        f"From: Shop <news@sender.example>\r\nSubject: {subject}\r\nX-Seed-Placement: {placement}\r\n"
        f"\r\n.a line with a dot\r\n"
    ).encode()


def over_tls(dovecot: Dovecot, user: str) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile=str(dovecot.ca_file))
    client = imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=context, timeout=10)
    client.login(user, dovecot.password)
    return client


def subjects(client: imaplib.IMAP4, folder: str) -> list[bytes]:
    client.select(f'"{modified_utf7(folder)}"', readonly=True)
    _, data = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [part[1].strip() for part in data if isinstance(part, tuple)]


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_sieve_files_a_message_in_the_folder_of_the_users_tree(dovecot, tree, placement):
    user = f"{tree.prefix}-filing"
    dovecot.deliver(user, message(placement, placement=placement))
    with over_tls(dovecot, user) as client:
        assert subjects(client, tree.folder_of(placement)) == [b"Subject: " + placement.encode()]


def listed(dovecot: Dovecot, user: str) -> dict[str, str]:
    with over_tls(dovecot, user) as client:
        _, lines = client.list()
    parts = [re.fullmatch(r'\((.*)\) "(.)" "?(.*?)"?', line.decode()) for line in lines]
    return {part[3]: part[1] for part in parts if part}


def test_only_the_special_use_tree_says_which_folder_is_junk(dovecot):
    assert "\\Junk" in listed(dovecot, "su-01")["Junk"]
    assert "\\Junk" not in listed(dovecot, "de-01")["Spamverdacht"]
    assert "\\Junk" not in listed(dovecot, "fr-01")["Courrier ind&AOk-sirable"]


def test_a_prefixed_tree_puts_every_folder_below_inbox(dovecot):
    assert set(listed(dovecot, "cp-01")) == {
        "INBOX",
        "INBOX.spam",
        "INBOX.Promotions",
        "INBOX.Trash",
        "INBOX.Archive",
    }


def test_a_tree_without_a_junk_folder_lists_none(dovecot):
    dovecot.deliver("nojunk-01", message("hidden", placement="junk"))
    assert set(listed(dovecot, "nojunk-01")) == {"INBOX", "Promotions", "Trash", "Notifications"}


def test_there_are_thirty_accounts(dovecot):
    assert len(set(dovecot.users)) == 30


def test_a_wrong_password_is_refused(dovecot):
    client = imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=10)
    with client, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login("su-01", "not-the-password")


def test_a_strange_authority_does_not_vouch_for_the_certificate(dovecot):
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=ssl.create_default_context(), timeout=10)


def test_a_message_is_given_out_as_it_was_delivered(dovecot):
    sent = message("bytes") + b"8 bit: \xe9\xff\r\nbare CR: a\rb\r\n"
    dovecot.deliver("su-bytes", sent)
    (held,) = dovecot.raw("su-bytes")
    assert held.endswith(sent)
    assert dovecot.header_blocks("su-bytes")[1] == held[: held.index(b"\r\n\r\n") + 4]


def test_a_look_at_flags_changes_none(dovecot):
    dovecot.deliver("su-flags", message("flags"))
    before = dovecot.flags("su-flags")
    dovecot.raw("su-flags")
    assert dovecot.flags("su-flags") == before
    assert "\\Seen" not in before[1]


def test_a_read_message_shows_its_flag(dovecot):
    dovecot.deliver("su-seen", message("seen"))
    with over_tls(dovecot, "su-seen") as client:
        client.select("INBOX")
        client.fetch("1", "(BODY[])")
    assert "\\Seen" in dovecot.flags("su-seen")[1]


def test_one_delivery_reaches_many_users(dovecot):
    dovecot.deliver(["su-many1", "de-many2", "fr-many3"], message("many"))
    assert [len(dovecot.raw(user)) for user in ("su-many1", "de-many2", "fr-many3")] == [1, 1, 1]


def test_the_wire_log_holds_what_clients_said_after_login(dovecot):
    dovecot.record_wire("su-wire")
    dovecot.forget_wire("su-wire")
    with over_tls(dovecot, "su-wire") as client:
        client.select("INBOX", readonly=True)
        client.noop()
    words = [line.split()[1] for line in dovecot.wire_log("su-wire")]
    assert words == [b"EXAMINE", b"NOOP", b"LOGOUT"]


def test_dovecot_keeps_its_mail_through_a_kill(dovecot):
    dovecot.deliver("su-kill", message("kept"))
    dovecot.kill()
    with pytest.raises(ConnectionRefusedError):
        imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=5)
    dovecot.start()
    assert len(dovecot.raw("su-kill")) == 1


def test_a_server_that_a_test_left_dead_or_frozen_is_revived(dovecot):
    dovecot.kill()
    dovecot.revive()
    dovecot.freeze()
    dovecot.revive()
    assert dovecot.raw("su-revived") == []


def test_a_frozen_dovecot_answers_nobody_until_it_thaws(dovecot):
    dovecot.freeze()
    try:
        with pytest.raises(TimeoutError):
            imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=0.3)
    finally:
        dovecot.thaw()
    assert dovecot.raw("su-frozen") == []


def test_a_full_mailbox_refuses_the_delivery():
    tiny = "plugin {\n  quota_rule = *:storage=1k\n}\n"
    with Dovecot(extra=tiny) as small, pytest.raises(lmtp.Refused, match=r"5\.2\.2"):
        small.deliver("su-full", message("x" * 4000))


def test_a_server_that_cannot_start_says_why():
    with pytest.raises(RuntimeError, match="no_such_setting"), Dovecot(extra="no_such_setting = 1\n"):
        pass


def test_postfix_delivers_to_dovecot_and_refuses_by_local_part(dovecot, postfix):
    recipients = ["de-smtp+token@gmx.example", "rcpt550-a@gmx.example", "rcpt450-b@gmx.example"]
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        refused = client.sendmail("esp@sender.example", recipients, message("smtp", placement="junk"))
    postfix.wait_until_empty()
    assert {address: code for address, (code, _) in refused.items()} == {
        recipients[1]: 550,
        recipients[2]: 450,
    }
    assert len(dovecot.raw("de-smtp", "Spamverdacht")) == 1


def test_postfix_sends_nothing_outside(postfix: Postfix):
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        client.ehlo()
        client.mail("esp@sender.example")
        assert client.rcpt("somebody@elsewhere.test")[0] == 550


def test_postfix_speaks_tls_with_the_same_authority(dovecot, postfix):
    context = ssl.create_default_context(cafile=str(dovecot.ca_file))
    with smtplib.SMTP("localhost", postfix.port) as client:
        assert client.starttls(context=context)[0] == 220


def test_the_corpus_is_delivered_byte_for_byte(dovecot, corpus: Path):
    """A few odd ones; the poll of hundreds is a test of its own."""
    odd = sorted((corpus / "mikel-mail").rglob("*.eml"))[:5]
    assert odd, "the corpus has no such messages any more"
    dovecot.empty("su-corpus")
    for path in odd:
        dovecot.deliver("su-corpus", path.read_bytes())
    sent = [lmtp.wire_form(path.read_bytes()) for path in odd]
    assert [held[-len(wire) :] for held, wire in zip(dovecot.raw("su-corpus"), sent, strict=True)] == sent
