"""What a server quotes of a login never reaches an error: in no form, and not in pieces."""

from __future__ import annotations

import base64
import json

import pytest

from placement.errors import MailboxError
from placement.mailbox import ImapMailbox, Login
from placement.mailbox.secrecy import INSTEAD, Secrets
from tests.fakes import Box, Conversation, Letter, ScriptedImapServer, Step, bye, dial

QUOTED = 'Geheim"Wort-1234'
LONG = "Geheim-Wort-1234-" * 4


def error_of(answers: dict[str, Step], secret: str, auth: str = "password") -> str:
    box = Box(letters=[Letter(1)])
    with ScriptedImapServer(box, answers=answers) as server, pytest.raises(MailboxError) as caught:
        login = Login("imap.mail.example", server.port, "none", "seed@mail.example", secret, auth=auth)
        with ImapMailbox.open(login, dial=dial, deadline_seconds=5) as mailbox:
            answer = mailbox.fetch_ranges([(b"INBOX", 1, 3)])[0]
            raise answer.error or AssertionError("no error")
    return f"{caught.value!s} {caught.value!r}"


def no(words: str) -> Step:
    return b"%(tag)s NO " + words.encode() + b"\r\n"


@pytest.mark.parametrize("before", range(140, 200, 7))
def test_a_password_across_the_limit_of_a_quotation_leaves_nothing_of_itself(before):
    said = "x" * before + " " + LONG + " is wrong"
    for answers in ({"LOGIN": no(said)}, {"LOGIN": bye(said)}, {"EXAMINE": no(said)}, {"EXAMINE": bye(said)}):
        assert "Geheim" not in error_of(answers, LONG)


def test_a_line_that_is_no_imap_is_cut_after_the_secret_has_gone():
    answer = b"x" * 45 + b" " + LONG.encode() + b"\r\n"
    for command in ("LOGIN", "EXAMINE"):
        assert "Geheim" not in error_of({command: answer}, LONG)


@pytest.mark.parametrize("status", ["NO", "BAD"])
def test_a_password_is_found_as_imap_quotes_it(status):
    said = f'LOGIN "seed" "{QUOTED}" failed'.replace(QUOTED, QUOTED.replace('"', '\\"'))
    answer = f"%(tag)s {status} {said}\r\n".encode()
    for command in ("LOGIN", "EXAMINE"):
        text = error_of({command: answer}, QUOTED)
        assert "Geheim" not in text and "1234" not in text


def refusing(words: bytes) -> Step:
    """Quotes the line with the token back, in base64 as it came."""

    def run(talk: Conversation) -> None:
        talk.send(b"+ \r\n")
        line = talk._line()
        talk.send(b"%b NO %b\r\n" % (talk.tag.encode(), words % line))

    return run


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("words", [b"cannot take %b", b"cannot take " + b"y" * 120 + b" %b"])
def test_the_line_of_an_oauth_login_is_not_shown_in_base64(auth, words):
    token = "ya29.a0-very.secret_token-" + "0123456789" * 10
    text = error_of({"AUTHENTICATE": refusing(words)}, token, auth)
    for shift in range(3):
        code = base64.b64encode(b" " * shift + token.encode()).decode()[4:]
        assert not any(code[at : at + 10] in text for at in range(0, len(code) - 10, 5))


def test_a_complaint_that_holds_the_token_beyond_the_limit_is_cut_after_the_token_has_gone():
    told = json.dumps({"status": "401", "error_description": "x" * 150 + " ya29.very-secret-token-of-some-length"})

    def run(talk: Conversation) -> None:
        talk.send(b"+ \r\n")
        talk._line()
        talk.send(b"+ " + base64.b64encode(told.encode()) + b"\r\n")
        talk._line()
        talk.send(f"{talk.tag} NO no\r\n".encode())

    assert "ya29" not in error_of({"AUTHENTICATE": run}, "ya29.very-secret-token-of-some-length", "xoauth2")


@pytest.mark.parametrize(
    "quoted",
    [
        "pä\\ss'wort\"42",
        "pä\\\\ss'wort\\\"42",
        repr("pä\\ss'wort\"42".encode()),
        "p%C3%A4%5Css%27wort%2242",
        base64.b64encode("\0seed@mail.example\0pä\\ss'wort\"42".encode()).decode(),
        base64.b64encode("pä\\ss'wort\"42".encode()).decode(),
        base64.urlsafe_b64encode("\0s\0pä\\ss'wort\"42".encode()).decode(),
    ],
)
def test_every_form_of_a_secret_is_known(quoted):
    clean = Secrets("pä\\ss'wort\"42").out_of(f"before {quoted} after")
    assert clean.startswith("before ") and clean.endswith(" after")
    assert INSTEAD in clean
    assert "wort" not in clean and "42" not in clean


def test_a_secret_that_the_server_cut_itself_is_not_shown_either():
    assert Secrets("hunter2-hunter2-hunter2").out_of("bad: hunter2-hunter") == f"bad: {INSTEAD}"


def test_words_without_a_secret_stay_as_they_are():
    assert Secrets("hunter2").out_of("LOGIN failed (Failure)") == "LOGIN failed (Failure)"
    assert Secrets("").out_of("LOGIN failed") == "LOGIN failed"


def test_secrets_show_nothing_of_themselves():
    assert "hunter2" not in repr(Secrets("hunter2"))
