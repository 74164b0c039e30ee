"""Servers that refuse, stall, lie and flood: always a typed error, never a secret, never a foreign exception."""

from __future__ import annotations

import socket
import ssl

import pytest

from placement.errors import (
    ConnectFailed,
    DeadlineExceeded,
    Disconnected,
    FolderUnavailable,
    LoginRefused,
    LoginUnavailable,
    MailboxError,
    ProtocolError,
    Throttled,
)
from placement.mailbox import ImapMailbox, Login
from tests.fakes import (
    PASSWORD,
    Box,
    Letter,
    ScriptedImapServer,
    Step,
    bye,
    dial,
    drip,
    flood,
    hang_up,
    silence,
)


def work(server: ScriptedImapServer, deadline: float = 5.0) -> list:
    where = Login("imap.mail.example", server.port, "none", "seed@mail.example", PASSWORD)
    with ImapMailbox.open(where, dial=dial, deadline_seconds=deadline) as mailbox:
        mailbox.list_folders()
        return mailbox.fetch_ranges([(b"INBOX", 1, 3)])


def fault_of(deadline: float = 5.0, **script: object) -> MailboxError:
    box = Box(letters=[Letter(1), Letter(2), Letter(3)])
    with ScriptedImapServer(box, **script) as server, pytest.raises(MailboxError) as caught:
        work(server, deadline)
    return caught.value


def no(words: str) -> Step:
    return f"%(tag)s NO {words}\r\n".encode()


HUGE = b"* 1 FETCH (UID 1 BODY[HEADER] {2147483648}\r\n"
SHORT = b"* 1 FETCH (UID 1 BODY[HEADER] {3}\r\nSubject: x\r\n\r\n)\r\n%(tag)s OK .\r\n"
LONG = b"* 1 FETCH (UID 1 BODY[HEADER] {90}\r\nA: b\r\n\r\n)\r\n* 2 FETCH (UID 2 BODY[HEADER] {8}\r\nA: b\r\n\r\n)\r\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("[AUTHENTICATIONFAILED] Invalid credentials (Failure)", LoginRefused),
        ("LOGIN failed.", LoginRefused),
        ("[ALERT] Application-specific password required", LoginRefused),
        ("[UNAVAILABLE] Temporary authentication failure.", LoginUnavailable),
        ("LOGIN Account is temporarily unavailable", LoginUnavailable),
        ("[LIMIT] LOGIN Rate limit hit", Throttled),
        ("[ALERT] Too many simultaneous connections. (Failure)", Throttled),
        (
            "[LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=3)",
            Throttled,
        ),
        ("[ALERT] Account exceeded command or bandwidth limits. (Failure)", Throttled),
        ("[INUSE] locked by another session", Throttled),
        ("[OVERQUOTA] over", LoginUnavailable),
        ("Too many failed login attempts", LoginUnavailable),
        ("[CONTACTADMIN] call us", LoginRefused),
        ("[EXPIRED] password expired", LoginRefused),
    ],
)
def test_the_servers_words_at_login_decide(words, error):
    assert type(fault_of(answers={"LOGIN": no(words)})) is error


def test_only_a_refused_login_is_permanent():
    assert fault_of(answers={"LOGIN": no("LOGIN failed.")}).permanent
    assert not fault_of(answers={"LOGIN": no("[UNAVAILABLE] later")}).permanent


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Command throttled, suggested backoff time: 12345 milliseconds", 12.345),
        ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
        ("[THROTTLED] slow down", 300.0),
        ("[LIMIT] Rate limit hit, retry after 90 seconds", 90.0),
        ("[LIMIT] Rate limit hit, suggested backoff time: 999999999 milliseconds", 86400.0),
    ],
)
def test_a_server_says_how_long_to_stay_away(words, seconds):
    for answers in ({"LOGIN": no(words)}, {"LIST": no(words)}, {"LIST": bye(words)}):
        error = fault_of(answers=answers)
        assert isinstance(error, Throttled)
        assert error.retry_after == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ({"greeting": bye("Too many connections from your address")}, Throttled),
        ({"greeting": bye("Server busy, go away")}, LoginUnavailable),
        ({"greeting": bye("No")}, ConnectFailed),
        ({"greeting": b"220 smtp.mail.example ESMTP\r\n"}, ProtocolError),
        ({"greeting": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, ProtocolError),
        ({"greeting": hang_up()}, ConnectFailed),
        ({"greeting": b"* OK [CAPABILITY IMAP2] old\r\n"}, ProtocolError),
        ({"greeting": b"* CAPABILITY {3}\r\nabc\r\n"}, ProtocolError),
        (
            {"greeting": b"* OK hi\r\n", "answers": {"CAPABILITY": b"* CAPABILITY {2147483648}\r\n"}},
            ProtocolError,
        ),
        ({"greeting": b"* OK hi\r\n", "answers": {"CAPABILITY": b"%(tag)s OK none\r\n"}}, ProtocolError),
        ({"answers": {"LOGIN": hang_up()}}, Disconnected),
        ({"answers": {"LOGIN": bye("Session expired")}}, Disconnected),
        ({"answers": {"LOGIN": b"%(tag)s BAD Command Argument Error. 12\r\n"}}, ProtocolError),
        ({"answers": {"LOGIN": b"* OK x\r\n" * 200_000}, "deadline": 20.0}, ProtocolError),
        ({"answers": {"LOGIN": b"A" * 1_100_000 + b"\r\n"}}, ProtocolError),
        ({"answers": {"LIST": hang_up()}}, Disconnected),
        ({"answers": {"LIST": hang_up(b"* LIST () ")}}, Disconnected),
        ({"answers": {"LIST": bye("Session expired, please login again.")}}, Disconnected),
        ({"answers": {"LIST": no("Server error")}}, FolderUnavailable),
        ({"answers": {"LIST": b"!!!!\r\n"}}, ProtocolError),
        ({"answers": {"LIST": b"Z99 OK surprise\r\n"}}, ProtocolError),
        ({"answers": {"LIST": b'* LIST () "/" ' + b"a" * 1_100_000 + b"\r\n"}}, ProtocolError),
        ({"answers": {"LIST": flood(b"* OK still here\r\n" * 2_000)}, "deadline": 20.0}, ProtocolError),
        ({"answers": {"UID FETCH": bye("shutting down")}}, Disconnected),
        ({"answers": {"UID FETCH": hang_up(b"* 1 FETCH (UID 1 BODY[HEADER] {900}\r\nSubj")}}, Disconnected),
        ({"answers": {"UID FETCH": HUGE}}, ProtocolError),
        ({"answers": {"UID FETCH": SHORT}}, ProtocolError),
        ({"answers": {"UID FETCH": LONG}, "deadline": 1.0}, DeadlineExceeded),
        ({"answers": {"UID FETCH": b"* 1 FETCH " + b"(" * 5000 + b"\r\n%(tag)s OK .\r\n"}}, ProtocolError),
        ({"answers": {"UID FETCH": b"* 1 FETCH )\r\n%(tag)s OK .\r\n"}}, ProtocolError),
        ({"answers": {"EXAMINE": bye("Session expired")}}, Disconnected),
        ({"greeting": silence, "deadline": 0.3}, DeadlineExceeded),
        ({"answers": {"LOGIN": silence}, "deadline": 0.3}, DeadlineExceeded),
        ({"answers": {"UID FETCH": silence}, "deadline": 0.3}, DeadlineExceeded),
        ({"answers": {"LIST": drip(b"* OK still here\r\n", 0.01)}, "deadline": 1.0}, DeadlineExceeded),
    ],
)
def test_every_fault_has_its_error(script, error):
    caught = fault_of(**script)
    assert type(caught) is error
    assert len(str(caught)) > 60
    assert PASSWORD not in str(caught)


def test_a_drip_ends_at_the_wall_clock_although_every_read_is_fast():
    assert type(fault_of(1.0, greeting=drip(b"* OK wait\r\n", 0.05))) is DeadlineExceeded


def test_an_endless_drip_within_a_literal_ends_at_the_wall_clock():
    dripping = {"UID FETCH": drip(b"* 1 FETCH (UID 1 BODY[HEADER] {200000}\r\n" + b"a" * 100, 0.005)}
    assert type(fault_of(1.0, answers=dripping)) is DeadlineExceeded


@pytest.mark.parametrize(
    "raised",
    [
        ConnectionRefusedError(111, "Connection refused"),
        socket.gaierror(-2, "Name or service not known"),
        TimeoutError("timed out"),
        OSError(113, "No route to host"),
        ssl.SSLError(1, "handshake failure"),
    ],
)
def test_a_dial_that_fails_is_a_failed_connection(raised):
    def refused(*_: object) -> socket.socket:
        raise raised

    where = Login("imap.mail.example", 993, "ssl", "seed", PASSWORD)
    with pytest.raises(ConnectFailed):
        ImapMailbox.open(where, dial=refused, deadline_seconds=5)


def test_a_refusal_of_our_own_door_passes_as_it_is():
    def refused(*_: object) -> socket.socket:
        raise ConnectFailed("not to that address")

    where = Login("imap.mail.example", 993, "ssl", "seed", PASSWORD)
    with pytest.raises(ConnectFailed, match="not to that address"):
        ImapMailbox.open(where, dial=refused, deadline_seconds=5)


def test_a_server_that_quotes_the_password_does_not_put_it_into_the_error():
    for answer in (no(f"bad password {PASSWORD}"), bye(f"{PASSWORD} is wrong"), f"{PASSWORD}\r\n".encode()):
        error = fault_of(answers={"LOGIN": answer})
        assert PASSWORD not in str(error)
        assert PASSWORD not in repr(error)


def test_a_password_in_a_later_answer_does_not_get_into_the_error():
    assert PASSWORD not in str(fault_of(answers={"LIST": bye(f"hello {PASSWORD}")}))


def test_control_characters_of_a_server_do_not_get_into_the_error():
    error = fault_of(answers={"LIST": bye("red \x1b[31m\x07 alert" + "!" * 5000)})
    assert "\x1b" not in str(error)
    assert len(str(error)) < 500


def test_closing_never_raises_and_never_waits_for_a_silent_server():
    with ScriptedImapServer(answers={"LOGOUT": silence}) as server:
        where = Login("imap.mail.example", server.port, "none", "seed", PASSWORD)
        mailbox = ImapMailbox.open(where, dial=dial, deadline_seconds=30)
        mailbox.close()
        mailbox.close()
        server.wait_for("LOGOUT")
    assert server.verbs()[-1] == "LOGOUT"


def test_a_literal_is_refused_by_its_announcement_alone():
    """The server sends none of the two gibibytes: whoever waited for them would meet the deadline instead."""
    assert "2147483648" in str(fault_of(answers={"UID FETCH": HUGE}))
