"""The border: what imaplib, sockets, TLS and servers say becomes our error tree, in one literal table."""

from __future__ import annotations

import imaplib
import re
import ssl
from dataclasses import dataclass
from enum import StrEnum

from imapclient.exceptions import LoginError

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
from placement.mailbox.secrecy import NO_SECRETS, Secrets
from placement.vocabulary import LoginProblem

#: What the libraries raise by design. TypeError, LookupError and AttributeError belong to them too: imaplib
#: and imapclient index and decode what a hostile greeting or login answer holds without looking first.
FOREIGN: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    imaplib.IMAP4.error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
)


class Moment(StrEnum):
    """How far the session had come: the same words mean another thing before and after the login."""

    CONNECT = "connect"
    LOGIN = "login"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Sign:
    """Words of a server, what they mean, and how long to wait (seconds; None = the error's own)."""

    words: re.Pattern[str]
    at_login: type[MailboxError]
    later: type[MailboxError]
    retry_after: float | None = None


def _sign(
    words: str,
    at_login: type[MailboxError],
    later: type[MailboxError] | None = None,
    retry_after: float | None = None,
) -> Sign:
    return Sign(re.compile(words, re.I), at_login, later or at_login, retry_after)


#: The first row that matches wins. Response codes (RFC 5530) stand in brackets; the rest was seen in the field.
SIGNS: tuple[Sign, ...] = (
    _sign(r"too many (failed|invalid|bad|incorrect)? ?(login|auth)\w*", LoginUnavailable, Throttled, 3600),
    _sign(r"too many[\w ]{0,40} connections|maximum number of connections|connection limit", Throttled, None, 300),
    _sign(r"exceeded command or bandwidth limits|download quota", Throttled, None, 3600),
    _sign(r"\[(LIMIT|THROTTLED)\b|throttled|backoff time|rate limit|too many (requests|commands)", Throttled),
    _sign(r"\[(AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|PRIVACYREQUIRED)\b", LoginRefused),
    _sign(r"\[CONTACTADMIN\b|\[WEBALERT\b|web login required|unsafe login", LoginRefused),
    _sign(r"application-specific password|invalid credentials|log ?in via your web browser", LoginRefused),
    _sign(r"\[INUSE\b", Throttled, FolderUnavailable, 60),
    _sign(r"\[OVERQUOTA\b", LoginUnavailable, FolderUnavailable, 3600),
    _sign(r"session expired|server shutting down|inactivity", Disconnected),
    _sign(r"\[(UNAVAILABLE|SERVERBUG)\b", LoginUnavailable, FolderUnavailable),
    _sign(r"temporar(y|ily)|try again|internal (server )?error", LoginUnavailable, FolderUnavailable),
    _sign(r"authenticated but not connected|server (is )?(busy|unavailable)", LoginUnavailable, Disconnected),
)

#: What else the words say about a login that did not work; the first that matches wins. All seen in the field.
PROBLEMS: tuple[tuple[re.Pattern[str], LoginProblem], ...] = tuple(
    (re.compile(words, re.I), problem)
    for words, problem in (
        (
            r"imap (access |use |service )?(is |was )?(disabled|switched off|not (enabled|activated|allowed))|"
            r"not enabled for imap|enable imap|service is not open|authenticated but not connected|"
            r"protocol imap is disabled",
            LoginProblem.IMAP_OFF,
        ),
        (r"application-specific password|app(lication)? password|neobhodim parol", LoginProblem.APP_PASSWORD),
        (r"basic ?auth\w*( is)?( disabled| blocked)?|oauth2? (is )?required", LoginProblem.SIGN_IN_INSTEAD),
        (
            r"\[WEBALERT\b|web login required|unsafe login|log ?in via your web browser|security check",
            LoginProblem.WEB_LOGIN,
        ),
        (r"too many (failed|invalid|bad|incorrect)? ?(login|auth)\w*", LoginProblem.TOO_MANY_LOGINS),
    )
)

_MEANING: dict[type[MailboxError], str] = {
    ConnectFailed: "No session could be opened. Check host, port and TLS; it is tried again later.",
    LoginRefused: (
        "The server does not accept this login. Check user name and secret, whether the provider wants an app "
        "password or OAuth, and whether IMAP is switched on there."
    ),
    LoginUnavailable: "The server cannot check logins now. The credentials may be right; it is tried later.",
    Throttled: "The server asks for fewer connections or requests. The mailbox is left alone for a while.",
    Disconnected: "The connection ended in mid-session. Nothing is lost: the mailbox is read again later.",
    DeadlineExceeded: "The session ran out of time. Nothing is lost: the mailbox is read again later.",
    FolderUnavailable: "This folder cannot be read now; the others are. Check it in the provider's web mail.",
    ProtocolError: "That is no IMAP that can be relied on, so nothing of it is kept. Check host and port.",
}

_BACKOFF = re.compile(r"backoff time:? *(\d{1,9}) *(milliseconds|ms|seconds|s)\b", re.I)
_RETRY = re.compile(r"(?:retry|try again) (?:after|in) (\d{1,6}) *(seconds?|minutes?|hours?)", re.I)
_SECONDS = {"m": 60.0, "h": 3600.0, "s": 1.0}
_LONGEST_WAIT = 24 * 3600.0
_WORDS = 200
_BYTES_REPR = re.compile(r"""b(['"])(.*)\1""", re.S)


def said(error: type[MailboxError], words: str, *, retry_after: float | None = None) -> MailboxError:
    """An error that quotes the server and says what its words mean."""
    quoted = f"The server said: {printable(words)}. " if words else ""
    made = error(quoted + _MEANING[error], retry_after=retry_after)
    made.problem = _problem(words) or made.problem
    return made


def _problem(words: str) -> LoginProblem:
    return next((problem for pattern, problem in PROBLEMS if pattern.search(words)), LoginProblem.NONE)


def read_words(words: str, moment: Moment, otherwise: type[MailboxError]) -> MailboxError:
    """The error that these words of a server stand for; `otherwise` where the table does not know them."""
    for sign in SIGNS:
        if sign.words.search(words):
            error = sign.later if moment is Moment.SESSION else sign.at_login
            return said(error, words, retry_after=told_to_wait(words) or sign.retry_after)
    return said(otherwise, words)


def told_to_wait(words: str) -> float | None:
    """Seconds, in the server's own words."""
    if found := _BACKOFF.search(words):
        amount, unit = float(found[1]), 0.001 if found[2].lower().startswith("m") else 1.0
        return min(amount * unit, _LONGEST_WAIT)
    if found := _RETRY.search(words):
        return min(float(found[1]) * _SECONDS[found[2][0].lower()], _LONGEST_WAIT)
    return None


def bye(words: str) -> MailboxError:
    """BYE ends the session whatever it says; only a wish for fewer connections is more than that."""
    error = read_words(words, Moment.SESSION, Disconnected)
    return error if isinstance(error, Throttled | LoginRefused) else said(Disconnected, words)


def refusal(status: str, words: str) -> MailboxError:
    """NO or BAD to a command on a folder."""
    return read_words(words, Moment.SESSION, FolderUnavailable)


def translate(fault: BaseException, moment: Moment, secrets: Secrets = NO_SECRETS) -> MailboxError:
    """A foreign exception as ours, without `secrets`."""
    original = _original(fault)
    words = secrets.out_of(_words(original))
    match original:
        case ssl.SSLCertVerificationError():
            return ConnectFailed(
                f"The server's certificate is not valid for this host ({printable(original.verify_message)}). "
                "Nothing was sent. Check the host name; a private authority must be given as CA file."
            )
        case ssl.SSLError():
            return _lost(moment, f"TLS {getattr(original, 'reason', None) or 'failed'}")
        case TimeoutError():
            return said(ConnectFailed if moment is Moment.CONNECT else DeadlineExceeded, "")
        case OSError():
            return _lost(moment, words)
        case imaplib.IMAP4.abort():
            return _aborted(moment, words)
        case imaplib.IMAP4.error():
            return _failed(moment, words)
    return said(ProtocolError, "")


def _original(fault: BaseException) -> BaseException:
    """imapclient turns every abort into a LoginError: look behind it, a lost line is no wrong password."""
    behind = fault.__context__ if isinstance(fault, LoginError) else None
    return behind if isinstance(behind, imaplib.IMAP4.error) else fault


def _lost(moment: Moment, words: str) -> MailboxError:
    kind = ConnectFailed if moment is Moment.CONNECT else Disconnected
    return kind(f"The connection failed: {printable(words)}. {_MEANING[kind]}")


def _aborted(moment: Moment, words: str) -> MailboxError:
    """imaplib's abort: a BYE, an end of file, or a line that is not IMAP."""
    if "unexpected response" in words or "unterminated line" in words:
        return said(ProtocolError, words)
    if "socket error" in words:
        return _lost(moment, words)
    return read_words(words, moment, ConnectFailed if moment is Moment.CONNECT else Disconnected)


def _failed(moment: Moment, words: str) -> MailboxError:
    """imaplib's error: a greeting that is no OK, NO or BAD to the login, or a library limit."""
    if "got more than" in words or "command error: BAD" in words:
        return read_words(words, moment, ProtocolError)
    if moment is Moment.LOGIN:
        return read_words(words, moment, LoginRefused)
    if "* BYE" in words:
        return read_words(words, moment, ConnectFailed)
    return said(ProtocolError, words)


def _words(fault: BaseException) -> str:
    """The text of an exception; imaplib puts bytes, or the repr of bytes, where others put text."""
    if isinstance(fault, OSError) and fault.strerror:
        return str(fault.strerror)
    first = fault.args[0] if fault.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    found = _BYTES_REPR.fullmatch(text.strip())
    return found[2] if found else text


def printable(words: str) -> str:
    """A server's words for a log or a screen: one line, no control characters, not endless."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in words[: 4 * _WORDS]).split())
    return clean[:_WORDS].rstrip(". ")


def without_secrets(error: MailboxError, secrets: Secrets) -> MailboxError:
    """A net below those who quote: they take secrets out of a server's words before they cut them."""
    error.args = (secrets.out_of(str(error)),)
    return error
