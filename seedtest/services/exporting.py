"""What a campaign may be sent to: the exportable seeds of a list or of a workspace, their version, and what was taken.

A version is a fact about the addresses, not about who changed something: whatever takes one out or lets one in (a
click, a lost password, a full mailbox) raises it with the next look at the set, at the latest when it is exported.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from seedtest.models import AllSeeds, SeedAccount, SeedList, SeedListMember, Workspace
from seedtest.models.mailboxes import Exported, SeedAccountQuerySet
from seedtest.services import left_out, publishing

Source = SeedList | Workspace


@dataclass(frozen=True, slots=True)
class HandedOut:
    """One export: whatever goes into an ESP now."""

    name: str
    version: int
    accounts: tuple[SeedAccount, ...]
    missed: tuple[left_out.Missed, ...]  # those that are switched on and not in it
    switched_off: int


def hand_out(source: Source, *, now: datetime, noted: bool = True) -> HandedOut:
    """The addresses to upload. `noted` as taken, tests by an ESP measure these from now on: not for who only reads."""
    with transaction.atomic():
        row = _refreshed(_row_of(source), now)
        accounts = exported_accounts(source)
        if noted:
            _note(row, accounts, now)
    everybody = _members(source)
    return HandedOut(
        name=row.name if isinstance(row, SeedList) else "all seeds",
        version=row.version,
        accounts=tuple(accounts),
        missed=left_out.not_exported(everybody.switched_on()),
        switched_off=everybody.filter(enabled=False).count(),
    )


def _note(row: Exported, accounts: list[SeedAccount], now: datetime) -> None:
    held = sorted(account.pk for account in accounts)
    mine = type(row).objects.filter(pk=row.pk)
    mine.update(handed_out=held, handed_out_version=row.version, handed_out_at=now)


def exported_accounts(source: Source) -> list[SeedAccount]:
    """The members a campaign should be sent to: without those that are switched off, full, or not well."""
    seeds = _members(source).exportable().select_related("mailbox")
    return list(seeds.order_by("mailbox__provider", "mailbox__address"))


def last_taken(source: Source) -> Collection[int] | None:
    """The seed accounts of the last export; None where there never was one, so nothing is known of the ESP's list."""
    rows = SeedList.objects.filter(pk=source.pk) if isinstance(source, SeedList) else _every(source)
    taken = rows.values_list("handed_out", flat=True).first()
    return None if taken is None else frozenset(taken)


def _every(workspace: Workspace) -> QuerySet[AllSeeds]:
    return AllSeeds.objects.filter(workspace=workspace)


def refresh(workspace: Workspace, now: datetime) -> None:
    """Raise the version of every list whose exportable members have changed."""
    well = set(SeedAccount.objects.exportable().filter(workspace=workspace).values_list("pk", flat=True))
    members: dict[int, list[int]] = {}
    for seed_list, seed in SeedListMember.objects.filter(seed_list__workspace=workspace).values_list(
        "seed_list_id", "seed_account_id"
    ):
        members.setdefault(seed_list, []).append(seed)
    for row in workspace.seed_lists.all():
        _settle(row, sorted(well.intersection(members.get(row.pk, ()))), now)
    for every in _every(workspace):
        _settle(every, sorted(well), now)


def settle(seed_list: SeedList) -> None:
    """The version has just been raised for these members: do not raise it again for the same change."""
    held = sorted(account.pk for account in exported_accounts(seed_list))
    SeedList.objects.filter(pk=seed_list.pk).update(exported=held)


def _members(source: Source) -> SeedAccountQuerySet:
    if isinstance(source, SeedList):
        return SeedAccount.objects.filter(seed_lists=source)
    return SeedAccount.objects.filter(workspace=source)


def _row_of(source: Source) -> Exported:
    return source if isinstance(source, SeedList) else AllSeeds.objects.get_or_create(workspace=source)[0]


def _refreshed(row: Exported, now: datetime) -> Exported:
    locked = type(row).objects.select_for_update().get(pk=row.pk)
    source = locked if isinstance(locked, SeedList) else locked.workspace
    _settle(locked, sorted(account.pk for account in exported_accounts(source)), now)
    return locked


def _settle(row: Exported, held: list[int], now: datetime) -> None:
    """Compare and set: whoever else has raised the version meanwhile has seen the same seeds, or is corrected later."""
    if row.exported == held:
        return
    changed = row.exported is not None
    mine = type(row).objects.filter(pk=row.pk, version=row.version)
    values = {"version": row.version + 1, "updated_at": now} if changed else {}
    if mine.update(exported=held, **values) and changed and row.handed_out_version is not None:
        _tell(row, held, now)
    row.refresh_from_db()


def _tell(row: Exported, held: list[int], now: datetime) -> None:
    """Only where somebody has taken it: the ESP's copy is out of date now."""
    named = row.public_id if isinstance(row, SeedList) else "all"
    body = {
        "seed_list": None if named == "all" else named,
        "version": row.version + 1, "handed_out_version": row.handed_out_version,
        "added": len(set(held) - set(row.exported)), "removed": len(set(row.exported) - set(held)),
    }  # fmt: skip
    publishing.emit(row.workspace, "seeds.export_changed", f"export:{named}:{row.version + 1}", body, now=now)
