"""Which seeds a new test or an export leaves out, and why. A test writes it down: their health goes on changing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seedtest.models import SeedAccount, SeedHealth
from seedtest.models.mailboxes import FULL, UNREACHABLE_AFTER, Mailbox, MailboxState, SeedAccountQuerySet
from seedtest.models.seed_health import HealthProblem, HealthState
from seedtest.reports.seed_words import Weight, weight_of


def seeds_of(asked: SeedAccountQuerySet) -> list[dict[str, str]]:
    """`asked`: the seeds that a test is about. Those a person has switched off are none of it."""
    return [_entry(account) for account in missed(asked, asked.usable())]


def missed(asked: SeedAccountQuerySet, taken: SeedAccountQuerySet) -> Iterable[SeedAccount]:
    """Those of `asked` that nobody has switched off and that are not in `taken`."""
    rest = asked.exclude(pk__in=taken.values("pk")).exclude(mailbox__state=MailboxState.DISABLED)
    return rest.select_related("mailbox", "health").order_by("mailbox__provider", "mailbox__address", "pk")


def _entry(account: SeedAccount) -> dict[str, str]:
    problem = reason(account)
    return {
        "seed": account.public_id,
        "email": account.mailbox.address,
        "provider": account.mailbox.provider,
        "state": _STATES.get(problem, HealthState.DEGRADED).value,
        "problem": problem.value,
    }


def reason(account: SeedAccount) -> HealthProblem:
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
    if (mailbox.quota_used or 0.0) >= FULL:
        yield HealthProblem.MAILBOX_FULL


_STATES = {
    HealthProblem.CRASHES: HealthState.QUARANTINED,
    HealthProblem.NO_GOOD_POLL: HealthState.QUARANTINED,
    HealthProblem.SIGN_IN: HealthState.NEEDS_SIGN_IN,
    HealthProblem.NOT_READ: HealthState.NEW,
}


def is_biased(account: SeedAccount) -> bool:
    health: SeedHealth | None = getattr(account, "health", None)
    return health is not None and health.biased
