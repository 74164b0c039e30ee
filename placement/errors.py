"""The error tree. The error carries the decision, so that no caller parses a message.

PlacementError            permanent · retry_after (seconds | None) · reason (vocabulary.Reason) · problem (LoginProblem)
├── CatalogError          a provider's TOML is wrong; names the file and the field
├── LookupFailed          DNS cannot say for now: timeout, SERVFAIL, or a message used up its lookups
└── MailboxError          anything between us and a mailbox; mapped at one border, `placement.mailbox`
    ├── ConnectFailed     DNS, refused, unreachable, TLS or certificate
    ├── LoginRefused      permanent: the server refused the credentials
    ├── LoginUnavailable  the server cannot check credentials now (RFC 5530 UNAVAILABLE, too many failures)
    ├── Throttled         the server asked us to slow down, or holds too many of our connections
    ├── Disconnected      BYE, EOF or reset in mid-session
    ├── DeadlineExceeded  the wall-clock deadline of the session
    ├── FolderUnavailable one folder cannot be opened; the session goes on
    └── ProtocolError     the server sends what no grammar allows, or more than the caps
"""

from __future__ import annotations

from placement.vocabulary import LoginProblem, Reason


class PlacementError(Exception):
    """Base of every error this engine raises. `str()` never holds a secret."""

    permanent: bool = False
    retry_after: float | None = None
    reason: Reason = Reason.NONE
    problem: LoginProblem = LoginProblem.NONE

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        if retry_after is not None:
            self.retry_after = retry_after


class CatalogError(PlacementError):
    permanent = True


class LookupFailed(PlacementError):
    pass


class MailboxError(PlacementError):
    reason = Reason.MAILBOX_UNREACHABLE


class ConnectFailed(MailboxError):
    pass


class LoginRefused(MailboxError):
    permanent = True
    reason = Reason.AUTH_FAILED
    problem = LoginProblem.CREDENTIALS


class LoginUnavailable(MailboxError):
    pass


class Throttled(MailboxError):
    reason = Reason.THROTTLED
    retry_after = 300.0


class Disconnected(MailboxError):
    pass


class DeadlineExceeded(MailboxError):
    reason = Reason.TIMED_OUT


class FolderUnavailable(MailboxError):
    reason = Reason.FOLDER_UNREADABLE


class ProtocolError(MailboxError):
    reason = Reason.PROTOCOL_ERROR
