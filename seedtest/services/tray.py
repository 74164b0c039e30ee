"""The tray "Arrived without a test": unmatched arrivals in groups, and "This was my test" that opens one over them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q

from placement.vocabulary import MatchKind
from seedtest.models import Arrival, Mailbox, SeedAccount, SeedList, SeedTest, User, Workspace
from seedtest.services import giving, intake, marking

#: A longer pause than this between two arrivals of the same subject makes two groups: two sends of one newsletter.
PAUSE = timedelta(hours=1)
#: Slack around the arrivals for clocks that differ.
MARGIN = timedelta(minutes=10)
MAX_ARRIVALS = 5000


@dataclass(frozen=True, slots=True)
class Group:
    """What looks like one send: same From domain, same subject, about the same time."""

    id: str
    from_domain: str
    subject: str
    first_at: datetime
    last_at: datetime
    placements: Mapping[str, int]
    providers: tuple[str, ...]
    arrival_ids: tuple[int, ...] = field(repr=False)
    mailbox_ids: frozenset[int] = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.arrival_ids)


def own_mailboxes(workspace: Workspace) -> set[int]:
    """Owned by the workspace and used by no other: only there may arrivals be shown at all."""
    foreign = Count("seed_accounts", filter=~Q(seed_accounts__workspace=workspace))
    rows = Mailbox.objects.filter(workspace=workspace).annotate(foreign=foreign).filter(foreign=0)
    return set(rows.values_list("pk", flat=True))


def groups(workspace: Workspace, *, now: datetime, days: int = 14) -> tuple[Group, ...]:
    """Newest first."""
    arrivals = (
        Arrival.objects.filter(mailbox_id__in=own_mailboxes(workspace), result=None, gone_at=None)
        .filter(first_seen_at__gte=now - timedelta(days=days))
        .annotate(provider=F("mailbox__provider"))
        .order_by("-internaldate", "-id")[:MAX_ARRIVALS]
    )
    alike: dict[tuple[str, str], list[Arrival]] = {}
    for arrival in arrivals:
        alike.setdefault((arrival.from_domain, marking.comparable(arrival.subject)), []).append(arrival)
    found = [_group(some) for same in alike.values() for some in _by_pause(same)]
    return tuple(sorted(found, key=lambda group: group.last_at, reverse=True))


def find(workspace: Workspace, group_id: str, *, now: datetime) -> Group | None:
    return next((group for group in groups(workspace, now=now) if group.id == group_id), None)


def _by_pause(newest_first: list[Arrival]) -> Iterator[list[Arrival]]:
    run: list[Arrival] = []
    for arrival in newest_first:
        if run and run[-1].internaldate - arrival.internaldate > PAUSE:
            yield run
            run = []
        run.append(arrival)
    if run:
        yield run


def _group(arrivals: list[Arrival]) -> Group:
    newest, oldest = arrivals[0], arrivals[-1]
    # The oldest arrival names the group, so that the link still works when more arrive.
    key = f"{oldest.pk}:{oldest.from_domain}:{marking.comparable(oldest.subject)}"
    return Group(
        id=hashlib.sha256(key.encode()).hexdigest()[:20],
        from_domain=newest.from_domain,
        subject=newest.subject,
        first_at=oldest.internaldate,
        last_at=newest.internaldate,
        placements=dict(Counter(arrival.placement for arrival in arrivals).most_common()),
        providers=tuple(sorted({arrival.provider for arrival in arrivals})),  # type: ignore[attr-defined]
        arrival_ids=tuple(arrival.pk for arrival in arrivals),
        mailbox_ids=frozenset(arrival.mailbox_id for arrival in arrivals),
    )


def siblings(workspace: Workspace, group: Group) -> SeedList | None:
    """The smallest seed list with all the seeds that got it; None: no list has them all."""
    seeds = SeedAccount.objects.filter(workspace=workspace, mailbox_id__in=group.mailbox_ids)
    wanted = set(seeds.values_list("pk", flat=True))
    lists = SeedList.objects.filter(workspace=workspace).prefetch_related("members")
    covering = [one for one in lists if wanted <= {member.seed_account_id for member in one.members.all()}]
    return min(covering, key=lambda one: one.members.count(), default=None) if wanted else None


def this_was_my_test(
    workspace: Workspace,
    group: Group,
    *,
    name: str,
    user: User | None,
    now: datetime,
    seed_list: SeedList | None = None,
) -> SeedTest:
    """Open a test over these arrivals, their seeds and the seeds beside them. Raises intake.IntakeError."""
    sent_at = min(group.first_at, now)
    new = intake.NewTest(
        name=name.strip() or group.subject or f"Mail from {group.from_domain}",
        from_domain=group.from_domain,
        match=intake.MatchRequest(subject=group.subject if group.from_domain else ""),
        seed_list=seed_list or siblings(workspace, group),
        window_starts_at=sent_at - MARGIN,
        window_ends_at=max(group.last_at, sent_at) + MARGIN,
        sent_at=sent_at,
        created_by=user,
    )
    with transaction.atomic():
        test = intake.open_test(workspace, new, now=now)
        # Opening gives the test what its rule finds; the person pointed at these, so they count whatever they say.
        giving.attach(test, _free(group.arrival_ids), kind=MatchKind.SENDER_SUBJECT, where="chosen by hand", now=now)
    test.refresh_from_db()
    return test


def _free(ids: Iterable[int]) -> Iterable[Arrival]:
    return Arrival.objects.filter(pk__in=ids, result=None).select_related("folder")
