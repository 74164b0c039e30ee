"""manage.py checkmailbox: says what a provider really does, and writes it down without anybody's name."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from seedtest.models import Mailbox
from tests.fakes import GMAIL, Box, Letter, ScriptedImapServer, header_block

OURS = "Authentication-Results: mx.google.com; dkim=pass header.i=@brand.example; spf=pass; dmarc=pass"
NEW = "Authentication-Results: mx7.gmail.com; dkim=pass"
FORGED = "Authentication-Results: anna@private.example; dkim=pass"
SENDERS = "Authentication-Results: mail.brand.example; spf=pass"
PRIVATE = ("anna", "private", "brand.example", "Secret plans", "mailbox password", "Tax 2026")


@pytest.fixture
def server():
    letters = [
        Letter(1, header_block(OURS, FORGED, subject="Secret plans"), category="promotions"),
        Letter(2, header_block(OURS, SENDERS), category="primary"),
        Letter(3, header_block(NEW)),
    ]
    boxes = (
        Box(letters=letters),
        Box(b"[Gmail]/Spam", "\\HasNoChildren \\Junk", letters=[Letter(1, header_block(OURS))]),
        Box(b"Tax 2026"),
        Box(b"anna@private.example", "\\HasNoChildren \\Trash"),
    )
    with ScriptedImapServer(*boxes, capabilities=GMAIL + " X-ANNA@PRIVATE.EXAMPLE") as server:
        yield server


@pytest.fixture
def mailbox(cast, make_seed, server):
    where = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
    return make_seed(cast.workspace, "gmail", address="anna@private.example", **where).mailbox


def run(capsys, *arguments):
    call_command("checkmailbox", *arguments)
    return capsys.readouterr().out


def test_it_tells_folders_tabs_quota_and_who_writes_results(mailbox, capsys):
    said = run(capsys, "ANNA@private.example")
    assert "[Gmail]/Spam: Spam (the server says so)" in said
    assert "Full to: 30%" in said
    assert "Tabs: primary 1, promotions 1" in said
    assert "mx.google.com: dkim, dmarc, spf in 3" in said
    assert "X-GM-EXT-1" in said


def test_what_differs_from_the_catalogue_is_said(mailbox, capsys):
    assert "! authserv_ids: the catalogue lacks 'mx7.gmail.com'." in run(capsys, mailbox.public_id)


def test_the_file_names_nobody(mailbox, capsys, tmp_path):
    file = tmp_path / "fact.json"
    run(capsys, mailbox.public_id, "--write", str(file))
    text = file.read_text()
    assert not [word for word in PRIVATE if word.lower() in text.lower()]
    found = json.loads(text)
    assert (found["provider"], found["tabs"]) == ("gmail", {"primary": 1, "promotions": 1})
    assert {one["authserv_id"] for one in found["results"]} == {"mx.google.com", "mx7.gmail.com"}
    assert (found["results_of_others"], found["messages_read"]) == (2, 4)
    assert [one["name"] for one in found["folders"]] == ["INBOX", "[Gmail]/Spam", ""]
    assert found["folders"][1]["flags"] == ["\\junk"]


def test_nothing_is_changed_in_the_mailbox(mailbox, server, capsys):
    run(capsys, mailbox.public_id)
    assert set(server.verbs()) <= {"LOGIN", "CAPABILITY", "LIST", "STATUS", "EXAMINE", "UID FETCH", "UID SEARCH",
                                   "UNSELECT", "GETQUOTAROOT", "LOGOUT"}  # fmt: skip
    assert Mailbox.objects.get().lease_until is None


def test_a_refused_login_is_an_exit_code_and_says_what_to_do(mailbox, server, tmp_path):
    server.answers["LOGIN"] = b"%(tag)s NO [AUTHENTICATIONFAILED] no\r\n"
    file = tmp_path / "fact.json"
    with pytest.raises(CommandError, match="Gmail refused the password"):
        call_command("checkmailbox", mailbox.public_id, "--write", str(file))
    assert not file.exists()
    assert len(Mailbox.objects.get().refused_logins) == 1


def test_an_address_that_nobody_has_says_so(db):
    with pytest.raises(CommandError, match="There is no mailbox"):
        call_command("checkmailbox", "nobody@acme.example")


def test_an_address_at_two_servers_asks_which(cast, make_seed):
    for host in ("one.example", "two.example"):
        make_seed(cast.workspace, "generic", address="anna@acme.example", host=host)
    with pytest.raises(CommandError, match=r"mbx_\w+ \(one.example\), mbx_\w+ \(two.example\)"):
        call_command("checkmailbox", "anna@acme.example")


def test_a_file_that_cannot_be_written_is_told_before_a_login_is_spent(mailbox, server, capsys, tmp_path):
    with pytest.raises(CommandError, match=r"No such file or directory.*Nothing was sent") as caught:
        run(capsys, mailbox.address, "--write", str(tmp_path / "nowhere" / "x.json"))
    assert "Name a file in a folder" in str(caught.value)
    with pytest.raises(CommandError, match="Is a directory"):
        run(capsys, mailbox.address, "--write", str(tmp_path))
    assert server.commands == []


def test_a_check_that_fails_leaves_an_older_file_as_it_was_and_no_empty_one(mailbox, server, capsys, tmp_path):
    server.answers["LOGIN"] = b"%(tag)s NO [AUTHENTICATIONFAILED] no\r\n"
    older, newer = tmp_path / "older.json", tmp_path / "newer.json"
    older.write_text("older")
    for path in (older, newer):
        with pytest.raises(CommandError):
            run(capsys, mailbox.address, "--write", str(path))
    assert older.read_text() == "older"
    assert not newer.exists()


def test_an_older_file_is_replaced(mailbox, capsys, tmp_path):
    file = tmp_path / "found.json"
    file.write_text("older" * 1000)
    run(capsys, mailbox.address, "--write", str(file))
    assert json.loads(file.read_text())["provider"] == "gmail"
