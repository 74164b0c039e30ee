"""The tick that keeps the health of every seed: gathers facts, has them judged, writes what changed, says so once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Max, Q

from placement.vocabulary import Placement
from seedtest.models import Arrival, Mailbox, OAuthCredential, SeedAccount, SeedHealth, SeedResult, SeedTest, Workspace
from seedtest.models.mailboxes import MailboxState
from seedtest.models.seed_health import HealthState
from seedtest.models.seedtests import Kind
from seedtest.reports import peers
from seedtest.services import exporting, publishing
from seedtest.services.seed_health import Facts, Judgement, judge, sign_in_words

#: Seeds judged in one tick, and how long a judgement stands unless its mailbox changes meanwhile.
BATCH, STANDS = 100, timedelta(minutes=10)
_OUT: Final = (HealthState.QUARANTINED, HealthState.NEEDS_SIGN_IN)
_ENTERED: Final = {HealthState.NEEDS_SIGN_IN: "seed.auth_failed", HealthState.QUARANTINED: "seed.quarantined"}
_WRITTEN: Final = (
    "state", "since", "problems", "excluded", "full", "biased", "agreement", "agreement_n", "newest_message_at",
    "control_seen_at", "control_placement", "checked_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the other rows say of a batch of seeds, by seed or by mailbox."""

    newest: Mapping[int, datetime]  # mailbox → newest message
    tests_today: Mapping[int, int]  # mailbox → tests
    odd_folders: Mapping[int, tuple[str, ...]]  # seed → folders
    token_errors: Mapping[int, str]  # mailbox → the token endpoint's words
    agreement: Mapping[int, tuple[float, int]]
    not_on_list: Mapping[int, tuple[str, ...]]
    biased: Mapping[int, bool]
    controls: Mapping[int, tuple[datetime, str]]


def watch(now: datetime) -> int:
    """The tick. Returns how many seeds were judged."""
    accounts = list(_due(now))
    for _, group in groupby(accounts, key=lambda account: account.workspace_id):
        some = list(group)
        _watch_some(some, now)
        exporting.refresh(some[0].workspace, now)
    return len(accounts)


def note_web_login(mailbox: Mailbox, *, now: datetime) -> None:
    """A person has used the web pages of the mailbox: its provider's clock begins anew."""
    Mailbox.objects.filter(pk=mailbox.pk).update(web_login_at=now)
    SeedHealth.objects.filter(seed_account__mailbox=mailbox).update(checked_at=now - STANDS)


def _due(now: datetime) -> Iterable[SeedAccount]:
    """Those judged longest ago; those whose mailbox has failed or come back at once."""
    locked_out = Q(mailbox__state=MailboxState.NEEDS_SIGN_IN)
    lost = locked_out & ~Q(health__state=HealthState.NEEDS_SIGN_IN) & ~Q(health__state=HealthState.QUARANTINED)
    back = Q(mailbox__state=MailboxState.HEALTHY, health__state__in=_OUT)
    due = Q(health=None) | Q(health__checked_at__lte=now - STANDS) | (Q(enabled=True) & (lost | back))
    rows = SeedAccount.objects.filter(due).select_related("mailbox", "workspace", "health")
    chosen = rows.order_by(F("health__checked_at").asc(nulls_first=True), "pk")[:BATCH]
    return sorted(chosen, key=lambda account: account.workspace_id)


def _watch_some(accounts: Sequence[SeedAccount], now: datetime) -> None:
    """The seeds of one workspace, in one transaction."""
    around = _surroundings(accounts, now)
    with transaction.atomic():
        for account in accounts:
            _watch_one(account, around, now)


def _watch_one(account: SeedAccount, around: Surroundings, now: datetime) -> None:
    found = judge(_facts(account, around), now=now, quarantine_after=timedelta(days=settings.QUARANTINE_AFTER_DAYS))
    known = getattr(account, "health", None)
    row = known or SeedHealth(seed_account=account, since=now)
    before = row.state
    _write(row, account, found, around, now)
    if known is None:
        SeedHealth.objects.bulk_create([row], ignore_conflicts=True)
    else:
        row.save(update_fields=_WRITTEN)
    if before != row.state:
        _tell(account, before, row, now)


def _write(row: SeedHealth, account: SeedAccount, found: Judgement, around: Surroundings, now: datetime) -> None:
    if row.state != found.state:
        row.state, row.since = found.state, now
    row.problems = found.stored()
    row.excluded, row.full, row.biased = found.excluded, found.full, found.biased
    row.agreement, row.agreement_n = around.agreement.get(account.pk, (None, 0))
    row.newest_message_at = around.newest.get(account.mailbox_id)
    row.control_seen_at, row.control_placement = around.controls.get(account.pk, (None, ""))
    row.checked_at = now


def _tell(account: SeedAccount, before: str, row: SeedHealth, now: datetime) -> None:
    """One event a change, for alerts."""
    kind = _ENTERED.get(HealthState(row.state))
    if kind is None and before in _OUT and row.state in (HealthState.HEALTHY, HealthState.DEGRADED):
        kind = "seed.recovered"
    if kind:
        body = {
            "seed": account.public_id, "email": account.mailbox.address, "provider": account.mailbox.provider,
            "state": row.state, "was": before, "problems": [one[0] for one in row.problems],
        }  # fmt: skip
        publishing.emit(account.workspace, kind, f"{kind}:{account.public_id}:{now.isoformat()}", body, now=now)


def _facts(account: SeedAccount, around: Surroundings) -> Facts:
    mailbox = account.mailbox
    agreement, count = around.agreement.get(account.pk, (None, 0))
    return Facts(
        mailbox_state=mailbox.state,
        enabled=account.enabled,
        sign_in=sign_in_words(account),
        state_reason=mailbox.state_reason,
        known_since=mailbox.created_at,
        last_good_poll_at=mailbox.last_good_poll_at,
        last_failed_poll_at=mailbox.last_failed_poll_at,
        failures=mailbox.fail_count + mailbox.auth_fail_count,
        quota_used=mailbox.quota_used,
        window_used=mailbox.window_used,
        token_error=around.token_errors.get(mailbox.pk, ""),
        web_login_at=mailbox.web_login_at,
        inactive_days=mailbox.catalog_entry.limits.inactive_days,
        tests_today=around.tests_today.get(mailbox.pk, 0),
        odd_folders=around.odd_folders.get(account.pk, ()),
        agreement=agreement,
        agreement_n=count,
        biased=around.biased.get(account.pk, False),
        not_on_list=around.not_on_list.get(account.pk, ()),
    )


def _surroundings(accounts: Sequence[SeedAccount], now: datetime) -> Surroundings:
    workspace = accounts[0].workspace
    campaigns = peers.recent(workspace, before=now)
    controls = peers.recent(workspace, before=now, kind=Kind.CONTROL)
    mailboxes = [account.mailbox_id for account in accounts]
    return Surroundings(
        newest=_newest(workspace, mailboxes),
        tests_today=_tests_today(mailboxes, now),
        odd_folders=_odd_folders(accounts, now),
        token_errors=dict(
            OAuthCredential.objects.filter(mailbox__in=mailboxes).exclude(last_error="")
            .values_list("mailbox_id", "last_error")
        ),
        agreement=peers.agreement(campaigns),
        not_on_list=peers.unlisted(campaigns),
        biased=peers.biased(controls),
        controls=_controls(controls),
    )  # fmt: skip


def _newest(workspace: Workspace, mailboxes: Sequence[int]) -> dict[int, datetime]:
    """Not of mailboxes lent to others: when their mail comes is nobody else's business."""
    own = Mailbox.objects.filter(pk__in=mailboxes).annotate(lent=Count("seed_accounts__workspace", distinct=True))
    alone = own.filter(lent=1).values("pk")
    rows = Arrival.objects.filter(mailbox__in=alone, gone_at=None).order_by().values_list("mailbox")
    return dict(rows.annotate(at=Max("internaldate")))


def _tests_today(mailboxes: Sequence[int], now: datetime) -> dict[int, int]:
    since = now - timedelta(days=1)
    rows = SeedResult.objects.filter(mailbox__in=mailboxes, test__created_at__gt=since, test__kind=Kind.PLACEMENT)
    return Counter(rows.order_by().values_list("mailbox_id", flat=True))


def _odd_folders(accounts: Sequence[SeedAccount], now: datetime) -> dict[int, tuple[str, ...]]:
    """Folders that are neither inbox nor spam in which messages of two tests or more stood."""
    since = now - peers.WITHIN
    rows = SeedResult.objects.filter(
        seed_account__in=accounts, placement=Placement.OTHER.value, test__created_at__gt=since
    )
    folders: dict[int, list[str]] = defaultdict(list)
    for seed, folder in rows.order_by("id").values_list("seed_account_id", "folder"):
        folders[seed].append(folder)
    return {seed: tuple(dict.fromkeys(some)) for seed, some in folders.items() if len(some) > 1}


def _controls(controls: Iterable[peers.Campaign]) -> dict[int, tuple[datetime, str]]:
    last = peers.last_controls(controls)
    tests = SeedTest.objects.in_bulk({test for test, _ in last.values()})
    return {seed: (tests[test].created_at, placement) for seed, (test, placement) in last.items()}
