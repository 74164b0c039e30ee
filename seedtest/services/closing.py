"""The clock of a test: deadlines, settling, completing, and giving up with a reason."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from placement import providers
from placement.vocabulary import Placement, Reason
from seedtest import crashing
from seedtest.models.mailboxes import Mailbox, MailboxState
from seedtest.models.seedtests import OPEN_STATUSES, Dispatch, Kind, SeedResult, SeedTest, Status
from seedtest.services import publishing

#: How long after its deadline a seed that we cannot look into is still tried before it is called unknown.
GRACE = timedelta(minutes=15)
WAITING = Placement.WAITING.value
_UNCHECKED = Q(deadline_at=None) | Q(full_check_started_at=None) | Q(full_check_started_at__lt=F("deadline_at"))


def allowance(provider_minutes: float) -> timedelta:
    """How long a provider may take to deliver before a message counts as late."""
    if settings.ALLOWANCE_MINUTES is not None:
        return timedelta(minutes=settings.ALLOWANCE_MINUTES)
    return timedelta(minutes=provider_minutes) * settings.PACE


def grace() -> timedelta:
    return GRACE * settings.PACE


def clock_start(test: SeedTest, result: SeedResult) -> datetime | None:
    """When this seed's clock began: its own dispatch, else what is known of the test's send. Never its creation.

    None while we still send: an envelope that was put off may go out long after the first seed had its message.
    """
    if result.dispatch == Dispatch.CONFIRMED and result.dispatched_at:
        return result.dispatched_at
    if test.status == Status.SENDING:
        return None
    return test.sent_at or test.window_ends_at or test.first_arrival_at


def refresh_deadlines(test: SeedTest, now: datetime) -> None:
    """Set the deadlines of the results that still wait, and the test's own. Call inside a transaction."""
    waiting = list(test.results.filter(placement=WAITING).select_related("mailbox"))
    for result in waiting:
        start = clock_start(test, result)
        minutes = providers.get_or_generic(result.mailbox.provider).delivery_allowance_minutes
        result.deadline_at = start + allowance(minutes) if start else None
    SeedResult.objects.bulk_update(waiting, ["deadline_at"], batch_size=500)
    known = [result.deadline_at for result in waiting if result.deadline_at]
    latest = max(known) if known and len(known) == len(waiting) else None
    if waiting and latest != test.deadline_at:
        test.deadline_at = latest
        SeedTest.objects.filter(pk=test.pk).update(deadline_at=latest, version=F("version") + 1)


def close_due(now: datetime, *, limit: int = 200) -> int:
    """The tick: move those open tests on that can be moved. Returns how many changed."""
    return sum(close_one(test_id, now) for test_id in _movable(now)[:limit])


def _movable(now: datetime) -> list[int]:
    """Whom `close_one` moves on, and nobody else: a test that it leaves as it is would stand before the others."""
    to_close = SeedTest.objects.open().exclude(status=Status.SENDING)
    waiting = SeedResult.objects.filter(test=OuterRef("pk"), placement=WAITING)
    confirmed = SeedResult.objects.filter(test=OuterRef("pk"), dispatch=Dispatch.CONFIRMED)
    silent = Q(first_arrival_at=None) & ~Exists(confirmed)
    movable = to_close.filter(
        ~Exists(waiting)
        | Exists(waiting.filter(_hopeless(now)))
        | silent & (Q(start_by__lte=now) | ~Exists(waiting.filter(_UNCHECKED)))
    )
    return sorted({*movable.values_list("id", flat=True), *_quiet(to_close, now)})


def _quiet(tests: QuerySet[SeedTest], now: datetime) -> list[int]:
    receiving = tests.filter(status=Status.RECEIVING, last_arrival_at__lte=now)
    rows = receiving.values_list("id", "last_arrival_at", "settle_seconds")
    return [test_id for test_id, last, settle in rows if last and last + timedelta(seconds=settle) <= now]


def close_one(test_id: int, now: datetime) -> bool:
    """One test, one short transaction: its row first, then its results (the lock order everywhere)."""
    with transaction.atomic():
        test = SeedTest.objects.select_for_update().filter(pk=test_id, status__in=OPEN_STATUSES).first()
        if test is None or test.status == Status.SENDING:
            return False
        give_up_on_unreachable(test, now)
        if nothing_arrived(test, now):
            return end_inconclusive(test, now)
        if not test.results.filter(placement=WAITING).exists():
            return complete(test, now)
        return settle(test, now)


def give_up_on_unreachable(test: SeedTest, now: datetime) -> None:
    """Seeds that nobody could look into until `grace` after the deadline: unknown, with the mailbox's reason."""
    for result in test.results.filter(_hopeless(now), placement=WAITING).select_related("mailbox"):
        decide_unknown(result, reason_of(result.mailbox), detail_of(result), now)


def _hopeless(now: datetime) -> Q:
    stopped = Q(mailbox__state__in=(MailboxState.QUARANTINED, MailboxState.DISABLED))
    return stopped | Q(deadline_at__lte=now - grace())


def reason_of(mailbox: Mailbox) -> Reason:
    """Why this mailbox could not be looked into."""
    if mailbox.state == MailboxState.DISABLED:
        return Reason.DISABLED
    if mailbox.state == MailboxState.QUARANTINED:
        return Reason.QUARANTINED
    return Reason(mailbox.state_reason) if mailbox.state_reason else Reason.MAILBOX_UNREACHABLE


def detail_of(result: SeedResult) -> str:
    return result.detail or result.mailbox.state_detail


def decide_unknown(result: SeedResult, reason: Reason, detail: str, now: datetime) -> None:
    SeedResult.objects.filter(pk=result.pk, placement=WAITING).update(
        placement=Placement.UNKNOWN.value, reason=reason.value, detail=detail, decided_at=now
    )
    SeedTest.objects.filter(pk=result.test_id).update(version=F("version") + 1)


def nothing_arrived(test: SeedTest, now: datetime) -> bool:
    """Nothing anywhere, no dispatch confirmed, and it is too late to wait on or everything was looked through."""
    if test.first_arrival_at or test.results.filter(dispatch=Dispatch.CONFIRMED).exists():
        return False
    waiting = test.results.filter(placement=WAITING)
    if not waiting.exists():
        decided = test.results.exclude(placement=Placement.NOT_SENT.value)
        return not decided.exclude(placement=Placement.UNKNOWN.value).exists()
    return now >= test.start_by or not waiting.filter(_UNCHECKED).exists()


def end_inconclusive(test: SeedTest, now: datetime) -> bool:
    """No rate, no alert, no `missing`: nothing says that the message was ever sent."""
    test.results.filter(placement=WAITING).update(
        placement=Placement.NOT_SENT.value, reason=Reason.NOTHING_ARRIVED.value, decided_at=now
    )
    return end(test, Status.INCONCLUSIVE, Reason.NOTHING_ARRIVED.value, now)


def complete(test: SeedTest, now: datetime) -> bool:
    """Every seed is decided. From here on `placement` is frozen."""
    return end(test, Status.COMPLETE, "", now)


def end(test: SeedTest, status: Status, reason: str, now: datetime) -> bool:
    changed = SeedTest.objects.filter(pk=test.pk, status__in=OPEN_STATUSES).update(
        status=status, status_reason=reason, completed_at=now, settled_at=test.settled_at or now,
        watch_until=now + settings.WATCH_FOR, version=F("version") + 1,
    )  # fmt: skip
    if changed:
        publish(test, "test.completed", {"status": status.value}, now)
        crashing.here(crashing.Place.BEFORE_COMPLETE)
    return bool(changed)


def settle(test: SeedTest, now: datetime) -> bool:
    """Nothing new for `settle_seconds`: good enough to read, while the stragglers are still waited for."""
    quiet_since = test.last_arrival_at
    if test.status != Status.RECEIVING or quiet_since is None:
        return False
    if now < quiet_since + timedelta(seconds=test.settle_seconds):
        return False
    changed = SeedTest.objects.filter(pk=test.pk, status=Status.RECEIVING).update(
        status=Status.SETTLED, settled_at=now, version=F("version") + 1
    )
    if changed:
        publish(test, "test.settled", {}, now)
    return bool(changed)


def publish(test: SeedTest, kind: str, data: dict[str, object], now: datetime) -> None:
    if test.kind == Kind.CONTROL:
        return  # nobody waits for a control: what it shows is told of the seeds
    body = {"test": test.public_id, **data}
    publishing.emit(test.workspace, kind, f"{kind}:{test.public_id}", body, now=now)
