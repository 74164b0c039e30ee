"""What the seeds of a workspace say of each other: who stands where its siblings stand, whose mail goes elsewhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from placement.vocabulary import COUNTED, FOUND, Placement
from seedtest.models import SeedResult, SeedTest, Workspace
from seedtest.models.seedtests import Kind, Status

#: Ended tests that are looked back at, and how far.
LATEST: Final = {Kind.PLACEMENT: 30, Kind.CONTROL: 10}
WITHIN: Final = {Kind.PLACEMENT: timedelta(days=30), Kind.CONTROL: timedelta(days=180)}
#: Siblings that a majority needs.
FEWEST_SIBLINGS = 2
#: Tests in which a message stood in the same odd folder before that is more than chance.
ODD_TWICE = 2
_FOUND: Final = frozenset(one.value for one in FOUND)
_COUNTED: Final = frozenset(one.value for one in COUNTED)


class Observation(NamedTuple):
    """Where one seed found the message of one test. A tuple, since there are tens of thousands of them at once."""

    seed: int
    provider: str
    placement: str
    folder: str = ""
    gone: bool = False  # found, and then no longer there while we still looked

    @property
    def found(self) -> bool:
        return self.placement in _FOUND


@dataclass(frozen=True, slots=True)
class Campaign:
    """One ended test, seen by all its seeds."""

    test: int
    seen: tuple[Observation, ...]
    opened_at: datetime | None = None


def recent(workspace: Workspace | int, *, before: datetime, kind: Kind = Kind.PLACEMENT) -> list[Campaign]:
    """The latest ended tests that were opened no later than `before`, the newest first. Two queries."""
    tests = SeedTest.objects.filter(
        workspace=workspace, kind=kind, status=Status.COMPLETE,
        created_at__lte=before, created_at__gt=before - WITHIN[kind],
    )  # fmt: skip
    latest = list(tests.order_by("-created_at", "-id").values_list("pk", "created_at")[: LATEST[kind]])
    rows = SeedResult.objects.filter(test__in=[pk for pk, _ in latest]).order_by()
    seen: dict[int, list[Observation]] = defaultdict(list)
    for test, seed, provider, placement, folder, gone_at in rows.values_list(
        "test_id", "seed_account_id", "provider", "placement", "folder", "gone_at"
    ):
        seen[test].append(Observation(seed, provider, placement, folder, gone_at is not None))
    return [Campaign(pk, tuple(seen[pk]), opened_at) for pk, opened_at in latest]


def agreement(campaigns: Iterable[Campaign]) -> dict[int, tuple[float, int]]:
    """Seed → (share of tests in which it stood where most of its siblings at the provider stood, of how many)."""
    agreed, asked = Counter[int](), Counter[int]()
    for campaign in campaigns:
        votes = _votes(campaign.seen)
        for one in campaign.seen:
            majority = _majority(votes[one.provider], one.placement)
            if majority and one.placement in _COUNTED:
                asked[one.seed] += 1
                agreed[one.seed] += one.placement == majority
    return {seed: (agreed[seed] / count, count) for seed, count in asked.items()}


def _votes(seen: Sequence[Observation]) -> dict[str, Counter[str]]:
    """Provider → how many seeds stand where. One pass: a provider may have hundreds of seeds."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        if one.placement in _COUNTED:
            votes[one.provider][one.placement] += 1
    return votes


def _majority(votes: Counter[str], own: str) -> str:
    """Where most of the others stand; "" where they are too few or split."""
    others = votes.total() - (own in _COUNTED)
    if others < FEWEST_SIBLINGS:
        return ""
    return next((where for where, count in votes.items() if (count - (where == own)) * 2 > others), "")


def odd_folders(campaigns: Iterable[Campaign], known: frozenset[tuple[str, str]]) -> dict[int, tuple[str, ...]]:
    """Seed → folders, neither inbox nor spam, that its test messages went to and those of most siblings did not.

    `known`: (provider, folder) that a provider's own filter uses.
    """
    users: dict[tuple[str, str], set[int]] = defaultdict(set)
    everybody: dict[str, set[int]] = defaultdict(set)
    times: Counter[tuple[int, str, str]] = Counter()
    for campaign in campaigns:
        for one in campaign.seen:
            everybody[one.provider].add(one.seed)
            if one.placement == Placement.OTHER.value and one.folder:
                users[one.provider, one.folder].add(one.seed)
                times[one.seed, one.provider, one.folder] += 1
    found: dict[int, list[str]] = defaultdict(list)
    for (seed, provider, folder), count in times.items():
        place, seeds = (provider, folder), len(everybody[provider])
        of_the_provider = place in known or (seeds > 1 and len(users[place]) * 2 > seeds)
        if count >= ODD_TWICE and not of_the_provider:
            found[seed].append(folder)
    return {seed: tuple(folders) for seed, folders in found.items()}


def vanished(campaigns: Iterable[Campaign]) -> dict[int, tuple[int, int]]:
    """Seed → (messages that went from it and not from its siblings, of how many that it found and siblings, too)."""
    gone, asked = Counter[int](), Counter[int]()
    for campaign in campaigns:
        found: Counter[str] = Counter(one.provider for one in campaign.seen if one.found)
        left: Counter[str] = Counter(one.provider for one in campaign.seen if one.found and one.gone)
        for one in campaign.seen:
            others = found[one.provider] - 1
            if not one.found or not others:
                continue
            asked[one.seed] += 1
            gone[one.seed] += one.gone and (left[one.provider] - 1) * 2 < others
    return {seed: (gone[seed], count) for seed, count in asked.items() if gone[seed]}
