"""Opens tests, and takes what people say of them later: sent, cancel, look again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice

from django.conf import settings
from django.db import transaction
from django.db.models import F

from placement import providers
from placement.vocabulary import Placement, Reason
from seedtest import crashing
from seedtest.models import (
    Mailbox,
    Marker,
    Outbound,
    OutgoingMessage,
    SeedAccount,
    SeedResult,
    SeedTest,
    Stream,
    Workspace,
)
from seedtest.models.mailboxes import SeedAccountQuerySet
from seedtest.models.seedtests import OPEN_STATUSES, Dispatch, Kind, Mode, SentAtSource, Status
from seedtest.models.sending import OutboundStatus
from seedtest.services import closing, exporting, giving, left_out, marking, outgoing, waking
from seedtest.services.asking import (
    CLOCK_SLACK,
    Fault,
    IntakeError,
    MatchRequest,
    NewTest,
    check,
    policy_faults,
    unknown_id,
)

__all__ = [
    "Fault",
    "IntakeError",
    "MatchRequest",
    "NewTest",
    "cancel",
    "declare_sent",
    "keep_message",
    "open_test",
    "policy_faults",
    "recheck",
    "unknown_id",
]

#: How long an ended test is looked at again after somebody asks for it.
RECHECK_FOR = timedelta(hours=1)
WAITING = Placement.WAITING.value
#: Seeds that the refusal of a test without seeds names.
NAMED = 5


def open_test(workspace: Workspace, new: NewTest, *, now: datetime) -> SeedTest:
    """One transaction: the test, a result a seed, its markers, its envelopes. Raises IntakeError."""
    check(workspace, new, now)
    exporting.refresh(workspace, now)  # the version it notes is that of the addresses as they are now
    if new.seed_list is not None:
        new.seed_list.refresh_from_db(fields=["version"])
    with transaction.atomic():
        # Two requests must not both find a customer's value free, nor both make the stream of a domain.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        seeds = _chosen_seeds(workspace, new)
        test = _save_test(workspace, new, seeds, now)
        markers = marking.save_markers(test, new, now)
        _save_results(test, seeds)
        _save_envelopes(test, seeds, now)
        closing.refresh_deadlines(test, now)
        _attach_past(test, markers, now)
        _wake_after_commit([seed.mailbox_id for seed in seeds], now)
        crashing.here(crashing.Place.OPENING)
    test.refresh_from_db()
    return test


def _taken(workspace: Workspace, new: NewTest) -> Collection[int] | None:
    """What the customer's ESP was given last: it cannot send to any other seed. None: that is not known."""
    return exporting.last_taken(new.seed_list or workspace) if new.mode == Mode.ESP else None


def _asked_for(workspace: Workspace, new: NewTest) -> SeedAccountQuerySet:
    """The seeds this test is about, whether they can be used or not."""
    seeds = SeedAccount.objects.switched_on().filter(workspace=workspace).select_related("mailbox", "health")
    if new.seed_list is not None:
        seeds = seeds.filter(list_memberships__seed_list=new.seed_list)
    if new.provider_filter:
        seeds = seeds.filter(mailbox__provider__in=new.provider_filter)
    return seeds


def _chosen_seeds(workspace: Workspace, new: NewTest) -> list[SeedAccount]:
    usable = _asked_for(workspace, new).usable()
    taken = _taken(workspace, new)
    ordered = (usable if taken is None else usable.filter(pk__in=taken)).order_by("mailbox__provider", "id")
    by_provider = groupby(ordered, key=lambda seed: seed.mailbox.provider)
    chosen = [seed for _, group in by_provider for seed in islice(group, new.max_seeds_per_provider)]
    pointer = "#/seed_list" if new.seed_list else "#/provider_filter" if new.provider_filter else "#"
    if unknown := [seed.mailbox for seed in chosen if seed.mailbox.provider not in providers.ids()]:
        raise IntakeError([Fault(pointer, "unknown_provider", _unreadable(unknown))])
    if chosen:
        return chosen
    raise IntakeError([Fault(pointer, "no_seeds", _nobody(left_out.of_test(_asked_for(workspace, new), taken)))])


def _unreadable(mailboxes: Sequence[Mailbox]) -> str:
    ids = ", ".join(sorted({repr(mailbox.provider) for mailbox in mailboxes}))
    named = ", ".join(mailbox.address for mailbox in mailboxes[:NAMED])
    return (
        f"The catalogue knows no mailbox provider {ids}, so nobody can look into {named}. "
        "Choose another provider for these mailboxes, or switch the seeds off; then open the test again."
    )


def _nobody(missed: Sequence[left_out.Missed]) -> str:
    if not missed:
        return "No usable seed is left to measure with. Add seed accounts, or enable some."
    named = "; ".join(f"{one.account.mailbox.address}: {one.told.title}" for one in missed[:NAMED])
    more = f"; and {len(missed) - NAMED} more" if len(missed) > NAMED else ""
    steps = " ".join(dict.fromkeys(one.told.next_step for one in missed))
    return f"No usable seed is left to measure with. Left out: {named}{more}. {steps}"


def _save_test(workspace: Workspace, new: NewTest, seeds: Iterable[SeedAccount], now: datetime) -> SeedTest:
    starts = new.window_starts_at or new.sent_at or now
    return SeedTest.objects.create(
        workspace=workspace,
        name=new.name.strip(),
        kind=new.kind,
        left_out=[left_out.as_row(one) for one in left_out.of_test(_asked_for(workspace, new), _taken(workspace, new))],
        stream=new.stream or _stream_of(workspace, new.sender_domain),
        seed_list=new.seed_list,
        seed_list_version=new.seed_list.version if new.seed_list else None,
        mode=new.mode,
        match=marking.as_json(new),
        sending_profile=new.sending_profile,
        message=new.message,
        schedule=new.schedule,
        scheduled_for=new.scheduled_for,
        created_by=new.created_by,
        created_at=now,
        status=Status.SENDING if new.mode == Mode.SERVICE else Status.WAITING,
        window_starts_at=starts,
        window_ends_at=new.window_ends_at,
        start_by=_start_by(new, starts, seeds, now),
        sent_at=new.sent_at,
        sent_at_source=SentAtSource.API if new.sent_at else "",
        settle_seconds=new.settle_seconds,
        domain_mix=dict(new.domain_mix),
        policy=dict(new.policy),
        meta=dict(new.meta),
    )


def _start_by(new: NewTest, starts: datetime, seeds: Iterable[SeedAccount], now: datetime) -> datetime:
    """A message sent in the last minute of the window still has its provider's whole allowance to arrive."""
    if new.window_ends_at is None:
        return max(starts, now) + settings.START_BY
    slowest = max(seed.mailbox.catalog_entry.delivery_allowance_minutes for seed in seeds)
    return new.window_ends_at + closing.allowance(slowest) + closing.grace()


def _stream_of(workspace: Workspace, from_domain: str) -> Stream | None:
    if not from_domain:
        return None
    known = Stream.objects.filter(workspace=workspace, from_domain=from_domain).order_by("id").first()
    if known is not None:
        return known
    values = {"from_domain": from_domain}
    return Stream.objects.get_or_create(workspace=workspace, name=from_domain[:120], defaults=values)[0]


def _save_results(test: SeedTest, seeds: Iterable[SeedAccount]) -> None:
    # A window or a time of sending is the customer's word that every seed was sent to; without it nothing is known.
    told = test.mode == Mode.ESP and (test.window_ends_at or test.sent_at)
    SeedResult.objects.bulk_create(
        SeedResult(
            test=test,
            seed_account=seed,
            mailbox=seed.mailbox,
            provider=seed.mailbox.provider,
            mailbox_type=seed.mailbox_type,
            region=seed.region,
            biased=test.kind == Kind.PLACEMENT and left_out.is_biased(seed),
            dispatch=Dispatch.ASSUMED if told else Dispatch.UNKNOWN,
        )
        for seed in seeds
    )


def _save_envelopes(test: SeedTest, seeds: Iterable[SeedAccount], now: datetime) -> None:
    if test.mode == Mode.SERVICE:
        first = max(now, test.window_starts_at)
        Outbound.objects.bulk_create(Outbound(test=test, account=seed, next_attempt_at=first) for seed in seeds)


def _attach_past(test: SeedTest, markers: Iterable[Marker], now: datetime) -> None:
    """Customers' values may name mail that came before the test was opened; a minted token cannot."""
    for marker in markers:
        found = marking.past_arrivals(test, marker)
        if not found:
            continue
        kind, where = marking.PAST_MATCH[marker.kind]
        giving.attach(test, found, kind=kind, where=where or marker.header, now=now)


def keep_message(workspace: Workspace, raw: bytes, *, now: datetime) -> OutgoingMessage:
    """A message to measure, as it was given. Raises IntakeError."""
    try:
        return outgoing.store_message(workspace, raw, now=now)
    except outgoing.MessageError as error:
        raise IntakeError([Fault("#/message", "invalid", str(error))]) from error


def declare_sent(test: SeedTest, sent_at: datetime, *, now: datetime) -> None:
    """The sender says when it was sent: from then on the clock runs. Raises IntakeError."""
    with transaction.atomic():
        locked = SeedTest.objects.select_for_update().get(pk=test.pk)
        faults = list(_declaration_faults(locked, sent_at, now))
        if faults:
            raise IntakeError(faults)
        locked.sent_at, locked.sent_at_source = sent_at, SentAtSource.API
        locked.save(update_fields=["sent_at", "sent_at_source"])
        locked.raise_version()
        locked.results.filter(dispatch=Dispatch.UNKNOWN).update(dispatch=Dispatch.ASSUMED)
        closing.refresh_deadlines(locked, now)
        waiting = locked.results.filter(placement=WAITING).values_list("mailbox_id", flat=True)
        _wake_after_commit(list(waiting), now)
    test.refresh_from_db()


def _declaration_faults(test: SeedTest, sent_at: datetime, now: datetime) -> Iterable[Fault]:
    if test.status not in OPEN_STATUSES:
        yield Fault("#/sent_at", "ended", "The test has ended, so its clock cannot be set any more.")
    if test.mode == Mode.SERVICE:
        yield Fault("#/sent_at", "conflict", "We send this test, so we note the time ourselves.")
    if sent_at > now + CLOCK_SLACK:
        yield Fault("#/sent_at", "in_the_future", "sent_at says when it was sent; it cannot lie ahead.")
    if sent_at < test.window_starts_at - CLOCK_SLACK:
        yield Fault("#/sent_at", "before_window", "It was sent before the send window of the test starts.")
    if test.first_arrival_at and sent_at > test.first_arrival_at + CLOCK_SLACK:
        yield Fault("#/sent_at", "after_arrival", "The first message had arrived before that time.")


def cancel(test: SeedTest, *, now: datetime) -> bool:
    """Stop waiting; what was found stays. False when the test had ended already."""
    with transaction.atomic():
        locked = SeedTest.objects.select_for_update().get(pk=test.pk)
        if not closing.end(locked, Status.CANCELLED, Reason.CANCELLED.value, now):
            return False
        locked.results.filter(placement=WAITING).update(
            placement=Placement.NOT_SENT.value, reason=Reason.CANCELLED.value, decided_at=now
        )
        locked.outbounds.filter(status=OutboundStatus.QUEUED).update(
            status=OutboundStatus.FAILED, smtp_stage="cancelled", smtp_reply="The test was cancelled before sending."
        )
        marking.free_values(locked, now)
    test.refresh_from_db()
    return True


def recheck(test: SeedTest, *, now: datetime) -> None:
    """Look into the mailboxes of the test now. An ended test is watched on: its frozen placements stay."""
    with transaction.atomic():
        if test.status not in OPEN_STATUSES:
            until = max(now + RECHECK_FOR, test.watch_until or now)
            SeedTest.objects.filter(pk=test.pk).update(watch_until=until, version=F("version") + 1)
        _wake_after_commit(list(test.results.values_list("mailbox_id", flat=True)), now)
    test.refresh_from_db()


def _wake_after_commit(mailbox_ids: list[int], now: datetime) -> None:
    # A poll's commit locks its mailbox and then tests; waking inside our transaction would lock them the other way
    # round. A wake-up that is lost here is made up for by `waking.wake_forgotten`.
    transaction.on_commit(lambda: waking.wake(mailbox_ids, now), robust=True)
