"""The demo's IMAP servers answer the way a poller asks: pipelined, partial, read-only, each with its gaps."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from seedtest.demo import world
from tests.seedtest.demo_world import NEWSLETTER, login_of, mailbox, running_world, send

ONE_OF_EACH = (
    "ada@northmail.example",
    "finn@skylook.example",
    "iris@purplepost.example",
    "nora@postbote.example",
    "rosa@hostgarden.example",
)
OTHERS = ONE_OF_EACH[1:]
TABBED = "elena@northmail.example"
#: 8-bit bytes, a bare LF, a line beyond 998 and a NUL-free oddity: what a store must not repair.
ODD = b"Subject: =?utf-8?q?na=C3=AFve?=\r\nX-Raw: \xff\xfe caf\xc3\xa9\r\n\r\nbare\nline \xe9 " + b"x" * 3000 + b"\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.World]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        send(running, NEWSLETTER, *ONE_OF_EACH, TABBED)
        yield running


@contextmanager
def _client(running: world.World, email: str) -> Iterator[IMAPClient]:
    login = login_of(running, email)
    context = ssl.create_default_context(cafile=login.ca_file)
    with IMAPClient(login.imap_host, login.imap_port, ssl_context=context) as client:
        client.login(login.email, login.password)
        yield client


def _one_write(client: IMAPClient, *commands: str, until: str) -> bytes:
    """Send the commands in one write and read until the last one's tagged answer."""
    sock = client._imap.sock
    sock.sendall("".join(f"{command}\r\n" for command in commands).encode())
    answer = b""
    while not re.search(rb"(?m)^" + until.encode() + rb" (OK|NO|BAD)", answer):
        got = sock.recv(65536)
        assert got, "the server closed the connection"
        answer += got
    return answer


def _junk(client: IMAPClient) -> list[tuple[bytes, ...]]:
    return [flags for flags, _delimiter, _name in client.list_folders() if b"\\Junk" in flags]


@pytest.mark.parametrize("email", ONE_OF_EACH)
def test_a_folder_is_read_in_one_write(running: world.World, email: str) -> None:
    with _client(running, email) as client:
        leave = "UNSELECT" if client.has_capability("UNSELECT") else "CLOSE"
        folder = "Spamverdacht" if "postbote" in email else "INBOX"
        answer = _one_write(
            client,
            f'P1 EXAMINE "{folder}"',
            "P2 UID FETCH 1:4294967295 (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER]<0.262145>)",
            f"P3 {leave}",
            'P4 STATUS "INBOX" (MESSAGES UIDNEXT UIDVALIDITY)',
            until="P4",
        )

    assert re.findall(rb"(?m)^P\d \w+", answer) == [b"P1 OK", b"P2 OK", b"P3 OK", b"P4 OK"]
    assert b"UIDVALIDITY" in answer
    size = re.search(rb"BODY\[HEADER\]<0> \{(\d+)\}\r\n", answer)
    assert size
    header = answer[size.end() : size.end() + int(size[1])]
    assert b"\r\n" + NEWSLETTER.partition(b"\r\n\r\n")[0] + b"\r\n" in header
    assert header.endswith(b"\r\n\r\n")


def test_pipelined_status_commands_are_answered_in_order(running: world.World) -> None:
    with _client(running, "iris@purplepost.example") as client:
        answer = _one_write(
            client,
            "S1 STATUS INBOX (UIDNEXT UIDVALIDITY)",
            "S2 STATUS Bulk (UIDNEXT UIDVALIDITY)",
            "S3 STATUS Nowhere (UIDNEXT UIDVALIDITY)",
            until="S3",
        )

    assert re.findall(rb"(?m)^S\d \w+", answer) == [b"S1 OK", b"S2 OK", b"S3 NO"]


@pytest.mark.parametrize("email", ["ada@northmail.example", "rosa@hostgarden.example"])
def test_list_status_comes_in_one_answer(running: world.World, email: str) -> None:
    with _client(running, email) as client:
        command = 'L1 LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY))'
        answer = _one_write(client, command, until="L1")

    listed = re.findall(rb"(?m)^\* LIST \((?![^)]*Noselect)", answer)
    assert len(listed) == len(re.findall(rb"(?m)^\* STATUS ", answer)) > 1
    assert re.search(rb'\* STATUS "?INBOX"? \(MESSAGES \d+ UIDNEXT \d+ UIDVALIDITY \d+\)', answer)


@pytest.mark.parametrize("email", ["finn@skylook.example", "iris@purplepost.example", "nora@postbote.example"])
def test_a_server_without_list_status_says_bad(running: world.World, email: str) -> None:
    with _client(running, email) as client:
        assert not client.has_capability("LIST-STATUS")
        answer = _one_write(client, 'L1 LIST "" "*" RETURN (STATUS (MESSAGES))', until="L1")

    assert b"L1 BAD" in answer


@pytest.mark.parametrize(
    ("email", "flagged"),
    [
        ("ada@northmail.example", 1),
        ("finn@skylook.example", 0),
        ("iris@purplepost.example", 1),
        ("nora@postbote.example", 0),
        ("rosa@hostgarden.example", 0),
    ],
)
def test_only_some_servers_flag_their_junk_folder(running: world.World, email: str, flagged: int) -> None:
    with _client(running, email) as client:
        assert len(_junk(client)) == flagged


def test_localised_folders_have_names_in_modified_utf7_and_no_flags(running: world.World) -> None:
    with _client(running, "nora@postbote.example") as client:
        names = [name for _flags, _delimiter, name in client.list_folders()]
    with mailbox(running, "nora@postbote.example") as plain:
        raw = plain.list()[1]

    assert {"Entwürfe", "Gelöscht", "Spamverdacht"} <= set(names)
    assert any(isinstance(line, bytes) and b"Entw&APw-rfe" in line for line in raw)


def test_a_dotted_server_keeps_its_folders_below_inbox(running: world.World) -> None:
    with _client(running, "rosa@hostgarden.example") as client:
        assert ("INBOX.", ".") in client.namespace().personal
        assert {delimiter for _flags, delimiter, _name in client.list_folders()} == {b"."}


def test_a_message_is_stored_byte_for_byte(running: world.World) -> None:
    with mailbox(running, "hugo@skylook.example") as client:
        send(running, ODD, "hugo@skylook.example")
        client.select("INBOX", readonly=True)
        _ok, fetched = client.uid("FETCH", "1:4294967295", "(RFC822.SIZE BODY.PEEK[] FLAGS)")
    bodies = [part for part in fetched if isinstance(part, tuple)]

    assert len(bodies) == 1
    header, empty, body = ODD.partition(b"\r\n\r\n")
    assert b"\r\n" + header + b"\r\n" in bodies[0][1]
    assert bodies[0][1].endswith(empty + body)
    assert f"RFC822.SIZE {len(bodies[0][1])} ".encode() in bodies[0][0]
    assert b"Seen" not in bodies[0][0]


def test_a_tab_is_found_by_gmails_own_search(running: world.World) -> None:
    with _client(running, TABBED) as client:
        client.select_folder("INBOX", readonly=True)
        (uid,) = client.search(["SINCE", date(2026, 1, 1)])

        assert client.gmail_search("category:promotions") == [uid]
        assert client.gmail_search("category:primary") == []
        assert client.search(["UID", str(uid), b"X-GM-RAW", "category:promotions"]) == [uid]
        message_id = "20260330.080000.spring-roast@news.bluebird-coffee.example"
        assert client.gmail_search(f"category:promotions rfc822msgid:{message_id}") == [uid]
        assert client.gmail_search("category:promotions rfc822msgid:another@one.example") == []


def test_the_gmail_number_is_the_same_in_every_folder(running: world.World) -> None:
    with _client(running, TABBED) as client:
        numbers = [_gmail_numbers(client, folder) for folder in ("INBOX", "[Gmail]/All Mail")]

    assert numbers[0] == numbers[1] != []


def _gmail_numbers(client: IMAPClient, folder: str) -> list[int]:
    client.select_folder(folder, readonly=True)
    return [data[b"X-GM-MSGID"] for data in client.fetch(client.search(), ["X-GM-MSGID"]).values()]


@pytest.mark.parametrize("email", OTHERS)
def test_gmails_extension_exists_at_one_provider_only(running: world.World, email: str) -> None:
    with _client(running, email) as client:
        assert not client.has_capability("X-GM-EXT-1")
        client.select_folder("INBOX", readonly=True)
        with pytest.raises(IMAPClientError):
            client.search([b"X-GM-RAW", "category:promotions"])


def test_a_wrong_password_is_refused(running: world.World) -> None:
    login = login_of(running, "ada@northmail.example")
    context = ssl.create_default_context(cafile=login.ca_file)
    with (
        IMAPClient("localhost", login.imap_port, ssl_context=context) as client,
        pytest.raises(LoginError, match=r"(?i)auth"),
    ):
        client.login(login.email, "not this one")


def test_twenty_sessions_are_open_at_once(running: world.World) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(20) as pool:
        logins = [login.email for login in running.mailboxes]
        clients = list(pool.map(lambda email: stack.enter_context(_client(running, email)), logins))
        answers = list(pool.map(lambda client: client.folder_status("INBOX", ["UIDNEXT"]), clients))

    assert len(answers) == 20
    assert all(answer[b"UIDNEXT"] > 0 for answer in answers)
