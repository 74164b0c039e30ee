"""Which seeds are not on a sender's list: their own last campaigns of its From domain passed them over, not the others.

Asked seed by seed: lists that are used in turn give no two seeds the same three tests, and a monthly sender needs
months to make three.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from placement.vocabulary import FOUND, Placement
from seedtest.models import SeedResult, SeedTest
from seedtest.models.seedtests import Kind, Mode, Status

#: Campaigns in a row that brought nothing to a seed, after which it is said not to be on the list; how far back.
SILENT_CAMPAIGNS, WITHIN = 3, timedelta(days=180)
#: Of the campaigns that brought a seed nothing, so many are asked for their sender and for what its siblings got.
ASKED = 40
_NOTHING: Final = (Placement.MISSING.value, Placement.NOT_SENT.value)
_NO_WORD: Final = (Placement.UNKNOWN.value, Placement.WAITING.value)
_FOUND: Final = [one.value for one in FOUND]


@dataclass(frozen=True, slots=True)
class Chance:
    """A campaign that one seed was to get."""

    seed: int
    from_domain: str
    passed_over: bool  # nothing came to it, and to most of its siblings it did


@dataclass(frozen=True, slots=True)
class _Row:
    seed: int
    test: int
    provider: str
    placement: str
    from_domain: str

    @property
    def is_empty(self) -> bool:
        return self.placement in _NOTHING


def unlisted(chances: Iterable[Chance]) -> dict[int, tuple[str, ...]]:
    """Seed → From domains whose last campaigns passed it over. `chances`: the newest first."""
    last: dict[tuple[int, str], list[bool]] = defaultdict(list)
    for one in chances:
        if one.from_domain:
            last[one.seed, one.from_domain].append(one.passed_over)
    silent: dict[int, list[str]] = defaultdict(list)
    for (seed, domain), passed in sorted(last.items()):
        if len(passed) >= SILENT_CAMPAIGNS and all(passed[:SILENT_CAMPAIGNS]):
            silent[seed].append(domain)
    return {seed: tuple(domains) for seed, domains in silent.items()}


def chances(seeds: Collection[int], *, before: datetime) -> Iterator[Chance]:
    """Of those of `seeds` to which nothing came often enough to ask; the newest first."""
    rows = list(_rows(_suspects(seeds, before), before))
    empty = _newest_empty(rows)
    domains, siblings = from_domains({row.test for row in empty}), _Siblings.of({row.test for row in empty})
    asked = set(empty)
    for row in rows:
        if not row.is_empty:
            yield Chance(row.seed, row.from_domain, passed_over=False)
        elif row in asked:
            yield Chance(row.seed, domains.get(row.test, ""), passed_over=siblings.got_it(row))


def from_domains(tests: Collection[int]) -> dict[int, str]:
    """Test → the From domain that most of its messages have; where none came, that of its stream."""
    found = dict(SeedTest.objects.filter(pk__in=tests, stream__isnull=False).values_list("pk", "stream__from_domain"))
    counted = SeedResult.objects.filter(test__in=tests).exclude(from_domain="").order_by()
    rows = counted.values_list("test_id", "from_domain").annotate(count=Count("pk"))
    found |= {test: domain for test, domain, _ in sorted(rows, key=lambda row: row[2])}
    return found


def _campaigns(before: datetime) -> dict[str, Any]:
    return {
        "test__mode": Mode.ESP, "test__kind": Kind.PLACEMENT, "test__status": Status.COMPLETE,
        "test__created_at__lte": before, "test__created_at__gt": before - WITHIN,
    }  # fmt: skip


def _suspects(seeds: Collection[int], before: datetime) -> QuerySet[SeedResult]:
    empty = SeedResult.objects.filter(seed_account__in=seeds, placement__in=_NOTHING, **_campaigns(before))
    counted = empty.order_by().values("seed_account").annotate(count=Count("pk"))
    return counted.filter(count__gte=SILENT_CAMPAIGNS).values("seed_account")


def _rows(suspects: QuerySet[SeedResult], before: datetime) -> Iterator[_Row]:
    mine = SeedResult.objects.filter(seed_account__in=list(suspects.values_list("seed_account", flat=True)))
    said = mine.filter(**_campaigns(before)).exclude(placement__in=_NO_WORD).order_by("-test__created_at", "-test_id")
    for values in said.values_list("seed_account_id", "test_id", "provider", "placement", "from_domain"):
        yield _Row(*values)


def _newest_empty(rows: Iterable[_Row]) -> list[_Row]:
    taken: Counter[int] = Counter()
    newest = []
    for row in rows:
        if row.is_empty and taken[row.seed] < ASKED:
            taken[row.seed] += 1
            newest.append(row)
    return newest


@dataclass(frozen=True, slots=True)
class _Siblings:
    """Of each test and provider: how many seeds, and how many found the message."""

    counts: dict[tuple[int, str], tuple[int, int]]
    totals: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, tests: Collection[int]) -> _Siblings:
        rows = SeedResult.objects.filter(test__in=tests).order_by().values_list("test_id", "provider")
        counts: dict[tuple[int, str], tuple[int, int]] = {}
        totals: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for test, provider, seeds, found in rows.annotate(
            seeds=Count("pk"), found=Count("pk", filter=Q(placement__in=_FOUND))
        ):
            counts[test, provider] = (seeds, found)
            totals[test] = (totals[test][0] + seeds, totals[test][1] + found)
        return cls(counts, totals)

    def got_it(self, row: _Row) -> bool:
        """Most of the others at its provider; where it is the only one there, most of all others."""
        seeds, found = self.counts[row.test, row.provider]
        if seeds == 1:
            seeds, found = self.totals[row.test]
        return found * 2 > seeds - 1
