"""Which seeds a new test leaves out, and why: written down when it is opened, since their health goes on changing."""

from __future__ import annotations

from seedtest.models import SeedAccount, SeedHealth
from seedtest.models.mailboxes import MailboxState, SeedAccountQuerySet
from seedtest.models.seed_health import HealthProblem, HealthState
from seedtest.reports.seed_words import Weight, weight_of


def seeds_of(asked: SeedAccountQuerySet) -> list[dict[str, str]]:
    """`asked`: the seeds that a test is about. Those a person has switched off are none of it."""
    missed = asked.exclude(pk__in=asked.usable().values("pk")).exclude(mailbox__state=MailboxState.DISABLED)
    return [_entry(account) for account in missed.order_by("mailbox__provider", "mailbox__address", "pk")]


def _entry(account: SeedAccount) -> dict[str, str]:
    health: SeedHealth | None = getattr(account, "health", None)
    reasons = [code for code, _ in health.problems if weight_of(code) is Weight.EXCLUDES] if health else []
    return {
        "seed": account.public_id,
        "email": account.mailbox.address,
        "provider": account.mailbox.provider,
        "state": health.state if reasons and health else HealthState.QUARANTINED.value,
        "problem": reasons[0] if reasons else HealthProblem.CRASHES.value,
    }


def is_biased(account: SeedAccount) -> bool:
    health: SeedHealth | None = getattr(account, "health", None)
    return health is not None and health.biased
