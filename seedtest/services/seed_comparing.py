"""Compares the seeds of a workspace with each other, one workspace a tick, and keeps the answers in their health.

Every seed is asked in one pass over the tests that all share; the judgement of each seed then reads its own row alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import F, Q

from placement import providers
from seedtest.models import AllSeeds, SeedAccount, SeedHealth, Workspace
from seedtest.models.seedtests import Kind
from seedtest.reports import control_words, peers, unlisted

#: How long a comparison stands.
EVERY = timedelta(minutes=10)
_COMPARED: Final = (
    "agreement", "agreement_n", "odd_folders", "vanished", "not_on_list", "biased", "control_seen_at",
    "control_placement", "control_misses",
)  # fmt: skip


def compare_next(now: datetime) -> Workspace | None:
    """The workspace that was compared longest ago, where that is long enough."""
    due = Q(all_seeds=None) | Q(all_seeds__compared_at=None) | Q(all_seeds__compared_at__lte=now - EVERY)
    mine = Workspace.objects.filter(due, pk__in=SeedAccount.objects.values("workspace"))
    workspace = mine.order_by(F("all_seeds__compared_at").asc(nulls_first=True), "pk").first()
    if workspace is not None:
        AllSeeds.objects.get_or_create(workspace=workspace)
        AllSeeds.objects.filter(workspace=workspace).update(compared_at=now)
        compare(workspace, now)
    return workspace


def compare(workspace: Workspace, now: datetime) -> None:
    known = {row.seed_account_id: row for row in SeedHealth.objects.filter(seed_account__workspace=workspace)}
    seeds = list(SeedAccount.objects.filter(workspace=workspace).values_list("pk", flat=True))
    said = _Comparison.of(workspace, seeds, now)
    rows = [known.get(seed) or _unjudged(seed, now) for seed in seeds]
    changed = [row for row in rows if said.note(row) or row.pk is None]
    # An upsert of these columns alone: whoever judges one of the rows meanwhile writes the others.
    SeedHealth.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["seed_account"], update_fields=_COMPARED, batch_size=50
    )


def _unjudged(seed: int, now: datetime) -> SeedHealth:
    return SeedHealth(seed_account_id=seed, since=now, checked_at=now - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What the rows of all seeds say of each."""

    agreement: Mapping[int, tuple[float, int]]
    odd_folders: Mapping[int, tuple[str, ...]]
    vanished: Mapping[int, tuple[int, int]]
    not_on_list: Mapping[int, tuple[str, ...]]
    controls: Mapping[int, control_words.LastWord]
    misses: Mapping[int, int]

    @classmethod
    def of(cls, workspace: Workspace, seeds: list[int], now: datetime) -> _Comparison:
        campaigns = peers.recent(workspace, before=now)
        controls = peers.recent(workspace, before=now, kind=Kind.CONTROL)
        return cls(
            agreement=peers.agreement(campaigns),
            odd_folders=peers.odd_folders(campaigns, _OWN_FOLDERS),
            vanished=peers.vanished(campaigns),
            not_on_list=unlisted.unlisted(unlisted.chances(seeds, before=now)),
            controls=control_words.last_words(controls),
            misses=control_words.misses(controls),
        )

    def note(self, row: SeedHealth) -> bool:
        """Write what is said of this seed into its row; True when that changed it."""
        seed = row.seed_account_id
        agreed, of = self.agreement.get(seed, (None, 0))
        values: dict[str, Any] = {
            "agreement": agreed,
            "agreement_n": of,
            "odd_folders": list(self.odd_folders.get(seed, ())),
            "vanished": list(self.vanished.get(seed, ())),
            "not_on_list": list(self.not_on_list.get(seed, ())),
            "control_misses": self.misses.get(seed, 0),
            **self._last_control(row),
        }
        changed = any(getattr(row, name) != value for name, value in values.items())
        for name, value in values.items():
            setattr(row, name, value)
        return changed

    def _last_control(self, row: SeedHealth) -> dict[str, Any]:
        """What a control said stands until a newer one that was found says otherwise."""
        last = self.controls.get(row.seed_account_id)
        if last is None or (row.control_seen_at and last.opened_at and last.opened_at < row.control_seen_at):
            return {}
        return {"biased": last.biased, "control_seen_at": last.opened_at, "control_placement": last.placement}


_OWN_FOLDERS: Final = frozenset(
    (provider.id, folder) for provider in providers.all_providers() for folder in provider.own_folders
)
