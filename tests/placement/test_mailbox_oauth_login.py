"""Logging in with a token: what goes over the wire, and what a server's complaint about the token means."""

from __future__ import annotations

import base64
import json

import pytest

from placement.errors import Disconnected, LoginRefused, LoginUnavailable, MailboxError, ProtocolError
from placement.mailbox import ImapMailbox, Login
from placement.vocabulary import LoginProblem
from tests.fakes import Box, Conversation, ScriptedImapServer, Step, dial, flood, hang_up

TOKEN = "ya29.a0-very.secret_token"
FAILED = "[AUTHENTICATIONFAILED] Invalid credentials (Failure)"


def complaining(complaint: bytes, last: str = f"NO {FAILED}") -> Step:
    """Says why the token is refused, waits for the client's last line, and ends the exchange."""

    def run(talk: Conversation) -> None:
        talk.send(b"+ \r\n")
        talk.server.commands.append(talk._line())
        talk.send(b"+ " + base64.b64encode(complaint) + b"\r\n")
        talk.server.commands.append(b"last:" + talk._line())
        talk.send(f"{talk.tag} {last}\r\n".encode())

    return run


def open_with(server: ScriptedImapServer, auth: str = "xoauth2", user: str = "seed@mail.example") -> ImapMailbox:
    where = Login("imap.mail.example", server.port, "none", user, TOKEN, auth=auth)
    return ImapMailbox.open(where, dial=dial, deadline_seconds=5)


def fault_of(step: Step, auth: str = "xoauth2") -> MailboxError:
    with ScriptedImapServer(Box(), answers={"AUTHENTICATE": step}) as server, pytest.raises(MailboxError) as caught:
        open_with(server, auth)
    assert TOKEN not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("auth", "user", "sent"),
    [
        ("xoauth2", "seed@mail.example", f"user=seed@mail.example\1auth=Bearer {TOKEN}\1\1"),
        ("oauthbearer", "a,b=c@mail.example", f"n,a=a=2Cb=3Dc@mail.example,\1auth=Bearer {TOKEN}\1\1"),
    ],
)
def test_the_token_is_sent_as_the_mechanism_wants_it(auth, user, sent):
    with ScriptedImapServer(Box()) as server, open_with(server, auth, user):
        pass
    assert server.commands[0] == f"AUTHENTICATE {auth.upper()}".encode()
    assert base64.b64decode(server.commands[1]).decode() == sent


@pytest.mark.parametrize(("auth", "last"), [("xoauth2", b""), ("oauthbearer", b"\1")])
def test_a_complaint_is_answered_so_that_the_server_ends_the_exchange(auth, last):
    step = complaining(b'{"status":"401","schemes":"bearer","scope":"mail"}')
    with ScriptedImapServer(Box(), answers={"AUTHENTICATE": step}) as server, pytest.raises(LoginRefused):
        open_with(server, auth)
    assert base64.b64decode(server.commands[2].removeprefix(b"last:")) == last


@pytest.mark.parametrize(
    ("told", "problem", "words"),
    [
        ({"status": "400", "schemes": "Bearer", "scope": "https://mail.google.com/"}, "token_refused", "mail.google"),
        ({"status": "401", "schemes": "bearer", "scope": "mail"}, "token_refused", "status 401"),
        ({"status": "invalid_token", "scope": "x"}, "token_refused", "invalid_token"),
        ({"status": "403", "scope": "mail.imap"}, "wrong_scope", "scope mail.imap"),
        ({"status": "insufficient_scope"}, "wrong_scope", "insufficient_scope"),
        ({"status": "418", "error_description": "tea"}, "token_refused", "tea"),
    ],
)
@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
def test_the_complaint_is_put_into_words(auth, told, problem, words):
    error = fault_of(complaining(json.dumps(told).encode()), auth)
    assert isinstance(error, LoginRefused)
    assert (error.permanent, error.problem) == (True, problem)
    assert words in str(error)


@pytest.mark.parametrize(
    "complaint", [b"no json", b"[" * 4000, b"[]", b'{"status": {}}', b'{"status": 401}', b"\xff\xfe", b"{}"]
)
def test_a_complaint_that_says_nothing_is_still_a_refused_token(complaint):
    error = fault_of(complaining(complaint))
    assert isinstance(error, LoginRefused)
    assert error.problem is LoginProblem.TOKEN_REFUSED


def test_a_token_that_the_server_quotes_back_is_not_shown():
    told = {"status": "400", "error_description": f"bad token {TOKEN}"}
    assert "[secret]" in str(fault_of(complaining(json.dumps(told).encode())))


def test_a_server_that_cannot_check_tokens_now_refuses_nobody():
    error = fault_of(complaining(b'{"status":"401"}', "NO [UNAVAILABLE] Temporary authentication failure."))
    assert isinstance(error, LoginUnavailable)
    assert not error.permanent


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (hang_up(b"+ \r\n"), Disconnected),
        (b"+ !!!not base64!!!\r\n", MailboxError),
        (flood(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"), MailboxError),
        (b"%(tag)s BAD what\r\n", ProtocolError),
    ],
)
def test_an_exchange_that_goes_wrong_is_a_typed_error(step, kind):
    assert isinstance(fault_of(step), kind)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("[ALERT] Your account is not enabled for IMAP use. (Failure)", "imap_off"),
        ("[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled", "imap_off"),
        ("LOGIN Login fail. Account is abnormal, service is not open, password is incorrect", "imap_off"),
        ("[ALERT] Application-specific password required: https://support.example", "app_password"),
        ("[AUTHENTICATIONFAILED] NEOBHODIM parol prilozheniya", "app_password"),
        ("LOGIN failed. BasicAuthBlocked", "sign_in_instead"),
        ("[WEBALERT https://accounts.example] Web login required.", "web_login"),
        ("Unsafe Login. Please contact us", "web_login"),
        ("Too many failed login attempts", "too_many_logins"),
        ("[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "credentials"),
        ("LOGIN failed.", "credentials"),
    ],
)
def test_a_refused_password_says_which_problem_it_is(words, problem):
    step = f"%(tag)s NO {words}\r\n".encode()
    with ScriptedImapServer(answers={"LOGIN": step}) as server, pytest.raises(MailboxError) as caught:
        open_with(server, "password")
    assert caught.value.problem == problem


def test_authenticated_but_not_connected_hints_at_imap_being_off_and_is_tried_again():
    answers = {"LIST": b"%(tag)s BAD User is authenticated but not connected.\r\n"}
    with (
        ScriptedImapServer(answers=answers) as server,
        open_with(server) as mailbox,
        pytest.raises(MailboxError) as caught,
    ):
        mailbox.list_folders()
    assert (caught.value.problem, caught.value.permanent) == (LoginProblem.IMAP_OFF, False)


def test_id_is_sent_after_the_login_and_before_the_first_folder_is_opened():
    with ScriptedImapServer(Box()) as server:
        where = Login("imap.mail.example", server.port, "none", "seed", "p", send_id=True)
        with ImapMailbox.open(where, dial=dial, deadline_seconds=5) as mailbox:
            mailbox.fetch_ranges([(b"INBOX", 1, 1)])
    assert server.verbs()[:3] == ["LOGIN", "ID", "EXAMINE"]
