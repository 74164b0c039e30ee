"""After a look that failed: which back-off it belongs to, until when, and what state that leaves the mailbox in.

The connection and the login back off apart: a server that is down for a minute must not cost a good password an
hour, and a wrong password must not be tried at the pace of a lost connection. Both counts go back to zero only
after a full successful poll, so that a server that flaps is not asked ever more often.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from placement.errors import CatalogError, LoginRefused, LoginUnavailable, PlacementError
from placement.providers.model import OAUTH_METHODS
from placement.vocabulary import LoginProblem, Reason
from seedtest.models.mailboxes import AuthKind, Mailbox, MailboxState
from seedtest.services import cadence
from seedtest.services.oauth.errors import SignInLost

#: Refused logins an account bears within an hour, whoever tries: a worker, or a person who checks the connection.
LOGINS_AN_HOUR = 4
HOUR = timedelta(hours=1)
#: Failures in a row after which a mailbox is called degraded.
DEGRADED_AFTER = 3
#: What a mailbox is given back with after a full successful poll.
FORGIVEN: dict[str, object] = {
    "fail_count": 0, "backoff_until": None, "auth_fail_count": 0, "auth_backoff_until": None, "state_problem": "",
}  # fmt: skip
_MOST = 1000


def after_failure(mailbox: Mailbox, error: PlacementError, now: datetime) -> dict[str, object]:
    """The columns of the mailbox that this failure changes."""
    reason = error.reason or Reason.MAILBOX_UNREACHABLE
    said = {"last_failed_poll_at": now, "state_reason": reason.value, "state_detail": str(error)[:2000]}
    said |= {"state_problem": problem_of(mailbox, error).value}
    values = said | (_login_failed if concerns_login(error) else _connection_failed)(mailbox, error, now)
    if mailbox.state in (MailboxState.DISABLED, MailboxState.QUARANTINED):
        values |= {"state": mailbox.state, "state_reason": mailbox.state_reason}  # a failure puts nothing back to work
    return values


def concerns_login(error: PlacementError) -> bool:
    if isinstance(error, CatalogError):
        return False  # nobody was asked
    return error.permanent or isinstance(error, LoginUnavailable)


def problem_of(mailbox: Mailbox, error: PlacementError) -> LoginProblem:
    """What the server's words mean for this mailbox: the same refusal differs by provider and by kind of login."""
    if error.problem is not LoginProblem.CREDENTIALS:
        return error.problem
    if mailbox.auth_kind != AuthKind.PASSWORD:
        return LoginProblem.TOKEN_REFUSED
    methods = mailbox.catalog_entry.auth.methods
    only_oauth = bool(methods) and OAUTH_METHODS.issuperset(methods)
    return LoginProblem.SIGN_IN_INSTEAD if only_oauth else LoginProblem.CREDENTIALS


def login_allowed_at(mailbox: Mailbox, now: datetime) -> datetime | None:
    """When the account bears another login that may be refused; None: at once."""
    recent = _refusals_within_the_hour(mailbox, now)
    return recent[-LOGINS_AN_HOUR] + HOUR if len(recent) >= LOGINS_AN_HOUR else None


def _refusals_within_the_hour(mailbox: Mailbox, now: datetime) -> list[datetime]:
    moments = sorted(datetime.fromisoformat(one) for one in mailbox.refused_logins)
    return [one for one in moments if now - HOUR < one]


def _login_failed(mailbox: Mailbox, error: PlacementError, now: datetime) -> dict[str, object]:
    count = min(_before(mailbox, error) + 1, _MOST)
    values: dict[str, object] = {"auth_fail_count": count}
    if isinstance(error, LoginRefused) and not isinstance(error, SignInLost):
        mailbox.refused_logins = [*_as_text(_refusals_within_the_hour(mailbox, now)), now.isoformat()]
        values["refused_logins"] = mailbox.refused_logins[-LOGINS_AN_HOUR:]
    if not error.permanent:
        wait = _at_least(cadence.auth_back_off(count, pace=settings.PACE), error)
        return values | {"auth_backoff_until": now + wait, "state": _state(mailbox, count)}
    wait = cadence.after_refusals(count) if _is_the_persons(error) else cadence.AFTER_REFUSED_LOGIN
    until = max(now + wait, login_allowed_at(mailbox, now) or now)
    return values | {"auth_backoff_until": until, "state": MailboxState.NEEDS_SIGN_IN}


def _before(mailbox: Mailbox, error: PlacementError) -> int:
    """Failures in a row. The first refusal is the first of its row: a new password or sign-in ends the one before."""
    begins = error.permanent and mailbox.state != MailboxState.NEEDS_SIGN_IN
    return 0 if begins else mailbox.auth_fail_count


def _is_the_persons(error: PlacementError) -> bool:
    """To be mended at this mailbox. What the operator mends comes back for all mailboxes, and nobody tells us."""
    return isinstance(error, LoginRefused) and error.problem is not LoginProblem.APP_REFUSED


def _as_text(moments: list[datetime]) -> list[str]:
    return [one.isoformat() for one in moments]


def _connection_failed(mailbox: Mailbox, error: PlacementError, now: datetime) -> dict[str, object]:
    count = min(mailbox.fail_count + 1, _MOST)
    wait = _at_least(cadence.back_off(count, pace=settings.PACE), error)
    return {"fail_count": count, "backoff_until": now + wait, "state": _state(mailbox, count)}


def _at_least(wait: timedelta, error: PlacementError) -> timedelta:
    """The server's own words count where they ask for more."""
    return max(wait, cadence.seconds(error.retry_after)) if error.retry_after else wait


def _state(mailbox: Mailbox, count: int) -> str:
    # That the server is down today does not make a refused password good.
    if count < DEGRADED_AFTER or mailbox.state == MailboxState.NEEDS_SIGN_IN:
        return mailbox.state
    return MailboxState.DEGRADED
