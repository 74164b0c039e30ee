"""What seeds say of each other: who stands where its siblings stand, who is not on the sender's list, who is biased."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from placement.vocabulary import COUNTED, FOUND, Placement
from seedtest.models import SeedResult, SeedTest, Workspace
from seedtest.models.seedtests import Kind, Mode, Status

#: Ended tests that are looked back at, and how far.
LATEST, WITHIN = 30, timedelta(days=30)
#: Siblings that a majority needs.
FEWEST_SIBLINGS = 2
#: Campaigns in a row that brought nothing to a seed, after which it is said not to be on the list.
SILENT_CAMPAIGNS = 3
CONTROLS = 3
_FOUND: Final = frozenset(one.value for one in FOUND)
_COUNTED: Final = frozenset(one.value for one in COUNTED)
_SPAM: Final = Placement.SPAM.value


@dataclass(frozen=True, slots=True)
class Observation:
    """Where one seed found the message of one test."""

    seed: int
    provider: str
    placement: str

    @property
    def found(self) -> bool:
        return self.placement in _FOUND


@dataclass(frozen=True, slots=True)
class Campaign:
    """One ended test, seen by all its seeds."""

    test: int
    from_domain: str
    sent_by_esp: bool
    seen: tuple[Observation, ...]


def recent(workspace: Workspace | int, *, before: datetime, kind: Kind = Kind.PLACEMENT) -> list[Campaign]:
    """The latest ended tests that were opened no later than `before`, the newest first. Two queries."""
    tests = SeedTest.objects.filter(
        workspace=workspace, kind=kind, status=Status.COMPLETE, created_at__lte=before, created_at__gt=before - WITHIN
    )
    ordered = tests.order_by("-created_at", "-id").values_list("pk", "mode", "stream__from_domain")
    latest = list(ordered[: LATEST if kind == Kind.PLACEMENT else CONTROLS])
    rows = SeedResult.objects.filter(test__in=[pk for pk, _, _ in latest])
    seen: dict[int, list[Observation]] = defaultdict(list)
    domains: dict[int, Counter[str]] = defaultdict(Counter)
    for test, seed, provider, placement, domain in rows.values_list(
        "test_id", "seed_account_id", "provider", "placement", "from_domain"
    ):
        seen[test].append(Observation(seed, provider, placement))
        domains[test].update([domain] if domain else [])
    return [
        Campaign(pk, _from_domain(domains[pk], stream), mode == Mode.ESP, tuple(seen[pk]))
        for pk, mode, stream in latest
    ]


def _from_domain(seen: Counter[str], of_stream: str | None) -> str:
    return seen.most_common(1)[0][0] if seen else (of_stream or "")


def agreement(campaigns: Iterable[Campaign]) -> dict[int, tuple[float, int]]:
    """Seed → (share of tests in which it stood where most of its siblings at the provider stood, of how many)."""
    agreed, asked = Counter[int](), Counter[int]()
    for campaign in campaigns:
        for one, siblings in _with_siblings(campaign.seen):
            majority = _majority([other.placement for other in siblings])
            if majority and one.placement in _COUNTED:
                asked[one.seed] += 1
                agreed[one.seed] += one.placement == majority
    return {seed: (agreed[seed] / count, count) for seed, count in asked.items()}


def _with_siblings(seen: Sequence[Observation]) -> Iterator[tuple[Observation, list[Observation]]]:
    by_provider: dict[str, list[Observation]] = defaultdict(list)
    for one in seen:
        by_provider[one.provider].append(one)
    for one in seen:
        yield one, [other for other in by_provider[one.provider] if other.seed != one.seed]


def _majority(placements: Sequence[str]) -> str:
    counted = [one for one in placements if one in _COUNTED]
    if len(counted) < FEWEST_SIBLINGS:
        return ""
    placement, count = Counter(counted).most_common(1)[0]
    return placement if count * 2 > len(counted) else ""


def unlisted(campaigns: Iterable[Campaign]) -> dict[int, tuple[str, ...]]:
    """Seed → From domains whose last campaigns brought it nothing, while its siblings got them."""
    by_domain: dict[str, list[Campaign]] = defaultdict(list)
    for campaign in campaigns:
        if campaign.from_domain and campaign.sent_by_esp:
            by_domain[campaign.from_domain].append(campaign)
    silent: dict[int, list[str]] = defaultdict(list)
    for domain, all_of_it in sorted(by_domain.items()):
        for seed in _passed_over(all_of_it[:SILENT_CAMPAIGNS]):
            silent[seed].append(domain)
    return {seed: tuple(domains) for seed, domains in silent.items()}


def _passed_over(campaigns: Sequence[Campaign]) -> set[int]:
    """Seeds that each of these campaigns passed over; no seed where there are too few campaigns to tell."""
    if len(campaigns) < SILENT_CAMPAIGNS:
        return set()
    return set.intersection(*(_empty_among_siblings(campaign.seen) for campaign in campaigns))


def _empty_among_siblings(seen: Sequence[Observation]) -> set[int]:
    nothing = {Placement.MISSING.value, Placement.NOT_SENT.value}
    found = {
        one.seed
        for one, siblings in _with_siblings(seen)
        if one.placement in nothing and _most_found(siblings or [other for other in seen if other.seed != one.seed])
    }
    return found


def _most_found(others: Sequence[Observation]) -> bool:
    return sum(other.found for other in others) * 2 > len(others)


def biased(controls: Iterable[Campaign]) -> dict[int, bool]:
    """Seed → whether it filed the last control it found as spam, although that control was good elsewhere."""
    said: dict[int, bool] = {}
    for control in controls:
        for one, siblings in _with_siblings(control.seen):
            if one.found and one.seed not in said:
                others = siblings if len(siblings) >= FEWEST_SIBLINGS else control.seen
                said[one.seed] = one.placement == _SPAM and _good_elsewhere(one, others)
    return said


def _good_elsewhere(one: Observation, others: Sequence[Observation]) -> bool:
    decided = [other for other in others if other.found and other.seed != one.seed]
    inbox = sum(other.placement == Placement.INBOX.value for other in decided)
    return inbox * 2 > len(decided)


def last_controls(controls: Iterable[Campaign]) -> Mapping[int, tuple[int, str]]:
    """Seed → (control test, placement) of the newest control it found."""
    last: dict[int, tuple[int, str]] = {}
    for control in controls:
        for one in control.seen:
            if one.found:
                last.setdefault(one.seed, (control.test, one.placement))
    return last
