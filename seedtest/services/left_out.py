"""Which seeds a new test or an export leaves out, and why. A test writes it down: their health goes on changing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from seedtest.models import SeedAccount, SeedHealth
from seedtest.models.mailboxes import FULL, UNREACHABLE_AFTER, Mailbox, MailboxState, SeedAccountQuerySet
from seedtest.models.seed_health import HealthProblem, HealthState
from seedtest.reports.seed_words import Told, Weight, tell, weight_of
from seedtest.services import seed_health


@dataclass(frozen=True, slots=True)
class Missed:
    """A seed that is switched on, and not taken."""

    account: SeedAccount
    told: Told

    @property
    def state(self) -> HealthState:
        health: SeedHealth | None = getattr(self.account, "health", None)
        known = HealthState(health.state) if health else HealthState.NEW
        return _STATES.get(self.told.code, known)


def of_test(asked: SeedAccountQuerySet, taken: Collection[int] | None) -> list[Missed]:
    """Those of `asked` a test cannot use, and those that the last export, `taken`, did not hold (None: no export)."""
    unusable = [Missed(one, _told(one, _why(one))) for one in _missed(asked, asked.usable())]
    if taken is None:
        return unusable
    absent = _missed(asked.usable(), asked.usable().filter(pk__in=taken))
    return [*unusable, *(Missed(one, _told(one, _why_not_taken(one))) for one in absent)]


def not_exported(asked: SeedAccountQuerySet) -> tuple[Missed, ...]:
    return tuple(Missed(one, _told(one, _why(one))) for one in _missed(asked, asked.exportable()))


def as_row(missed: Missed) -> dict[str, str]:
    """For the row of a test."""
    account, told = missed.account, missed.told
    return {
        "seed": account.public_id,
        "email": account.mailbox.address,
        "provider": account.mailbox.provider,
        "state": missed.state.value,
        "problem": told.code,
        "title": told.title,
        "next_step": told.next_step,
    }


def _missed(asked: SeedAccountQuerySet, taken: SeedAccountQuerySet) -> Iterable[SeedAccount]:
    """What a person has switched off is not missed."""
    rest = asked.exclude(pk__in=taken.values("pk")).exclude(mailbox__state=MailboxState.DISABLED)
    return rest.select_related("mailbox", "health").order_by("mailbox__provider", "mailbox__address", "pk")


def _told(account: SeedAccount, problem: HealthProblem) -> Told:
    """In the words of its last judgement, where that knows the problem already."""
    health: SeedHealth | None = getattr(account, "health", None)
    judged = [one for one in health.problems if one[0] == problem] if health else []
    seen = seed_health.sign_in_words(account) if problem is HealthProblem.SIGN_IN else ()
    return tell(judged or [[problem.value, "", *seen]], lent=account.is_lent)[0]


def _why(account: SeedAccount) -> HealthProblem:
    """The gravest reason why this seed is not used: what its health says, else what its mailbox says itself."""
    health: SeedHealth | None = getattr(account, "health", None)
    judged = [HealthProblem(one[0]) for one in health.problems] if health else []
    excluding = (problem for problem in judged if weight_of(problem) is Weight.EXCLUDES)
    return next(excluding, None) or next(_by_mailbox(account.mailbox), HealthProblem.MAILBOX_FULL)


def _by_mailbox(mailbox: Mailbox) -> Iterator[HealthProblem]:
    if mailbox.state == MailboxState.QUARANTINED:
        yield HealthProblem.CRASHES
    if mailbox.state == MailboxState.NEEDS_SIGN_IN:
        yield HealthProblem.SIGN_IN
    if mailbox.last_good_poll_at is None:
        yield HealthProblem.NOT_READ
    if mailbox.fail_count + mailbox.auth_fail_count >= UNREACHABLE_AFTER:
        yield HealthProblem.UNREACHABLE


def _why_not_taken(account: SeedAccount) -> HealthProblem:
    """What keeps it out of exports, too; where nothing does, the next export lets it in."""
    full = HealthProblem.MAILBOX_FULL if (account.mailbox.quota_used or 0.0) >= FULL else HealthProblem.NOT_EXPORTED
    return next(_by_mailbox(account.mailbox), full)


_STATES = {
    HealthProblem.CRASHES: HealthState.QUARANTINED,
    HealthProblem.NO_GOOD_POLL: HealthState.QUARANTINED,
    HealthProblem.SIGN_IN: HealthState.NEEDS_SIGN_IN,
}


def is_biased(account: SeedAccount) -> bool:
    health: SeedHealth | None = getattr(account, "health", None)
    return health is not None and health.biased
