"""Which results stand in mailboxes that others use too: there no address, folder, header or message is shown."""

from __future__ import annotations

from django.db.models import Count, F, Q, QuerySet

from seedtest.models import SeedResult, SeedTest


def shared(results: QuerySet[SeedResult]) -> QuerySet[SeedResult]:
    """Lent to another workspace, or owned by one, or by the operator's pool."""
    others = ~Q(mailbox__seed_accounts__workspace=F("test__workspace"))
    foreign = Count("mailbox__seed_accounts", filter=others)
    return results.annotate(foreign=foreign).filter(
        Q(foreign__gt=0) | Q(mailbox__workspace=None) | ~Q(mailbox__workspace_id=F("test__workspace_id"))
    )


def shared_results(test: SeedTest) -> frozenset[str]:
    return frozenset(shared(test.results.all()).values_list("public_id", flat=True))
