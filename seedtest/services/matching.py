"""Gives arrivals to the results they belong to, and says what that makes of the result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from placement.classify import classify, height
from placement.headers import Headers, identity, received
from placement.vocabulary import Folder, FolderRole, MatchKind, Placement, RoleSource, Tab, Verdict
from seedtest.models.mailboxes import Arrival, Mailbox
from seedtest.models.seedtests import (
    OPEN_STATUSES,
    Dispatch,
    ReceivedMessage,
    SeedResult,
    SeedTest,
    SentAtSource,
    Status,
)
from seedtest.reports import readings
from seedtest.services import ledger
from seedtest.services.closing import publish, refresh_deadlines

#: Placements that a message found later overrules while the test is open. `missing` is not among them: it was a
#: statement about a moment, made by a full check; a message that comes after it is late.
_OVERRULED = frozenset({"waiting", "unknown", "rejected", "not_sent"})


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What the header block says of the message itself."""

    subject: str
    from_domain: str
    return_path_domain: str
    sending_ip: str
    first_hop_at: datetime | None
    stated_folder: str = ""  # where the provider says that it put the message on arrival
    stated_line: str = ""


def read_facts(block: bytes, mailbox: Mailbox) -> MessageFacts:
    headers = Headers.parse(block)
    reading = readings.read_for(block, mailbox)
    stated = reading.verdicts.delivery_folder
    folder = stated.reading.delivery_folder if stated else None
    return MessageFacts(
        subject=readings.storable(identity.subject(headers))[:500],
        from_domain=identity.from_domain(headers)[:253],
        return_path_domain=identity.return_path_domain(headers)[:253],
        sending_ip=(reading.route.sending_ip or received.sending_ip(headers))[:45],
        first_hop_at=received.first_hop_at(headers),
        stated_folder=folder.value if folder else "",
        stated_line=readings.storable(f"{stated.header}: {stated.raw}")[:2000] if stated else "",
    )


@dataclass(frozen=True, slots=True)
class Found:
    """One arrival that belongs to a test, and what said so."""

    arrival: Arrival
    facts: MessageFacts
    kind: MatchKind
    where: str


def give(test: SeedTest, result: SeedResult, found: Sequence[Found], now: datetime) -> None:
    """Add these arrivals to the result and read it anew. The test's row must be locked by the caller."""
    for one in found:
        _add_message(result, one)
        Arrival.objects.filter(pk=one.arrival.pk).update(result=result)
    read_again(test, result, now, found)


def _add_message(result: SeedResult, one: Found) -> None:
    first = result.messages.first()
    values = {
        "arrival": one.arrival,
        "internaldate": one.arrival.internaldate,
        "subject": one.facts.subject,
        "from_domain": one.facts.from_domain,
        "sending_ip": one.facts.sending_ip,
        "dkim_domain": _dkim_domain(one.arrival),
    }
    message = ReceivedMessage(result=result, message_key=one.arrival.message_key, **values)
    message.is_variant = first is not None and _differs(first, message)
    ReceivedMessage.objects.bulk_create([message], ignore_conflicts=True)


def _dkim_domain(arrival: Arrival) -> str:
    signatures = arrival.authentication.get("dkim") or [{}]
    return str(signatures[0].get("domain", ""))[:253]


def _differs(first: ReceivedMessage, other: ReceivedMessage) -> bool:
    """A variant: another message under the same marker (an A/B split, or two campaigns)."""
    names = ("subject", "from_domain", "sending_ip", "dkim_domain")
    return any(getattr(first, name) != getattr(other, name) for name in names)


def read_again(test: SeedTest, result: SeedResult, now: datetime, found: Iterable[Found] = ()) -> None:
    """Recompute the result from its arrivals: the earliest copy is measured, its highest place counts."""
    measured = result.messages.filter(is_variant=False).first()
    if measured is None:
        return
    places = list(
        Arrival.objects.filter(result=result, message_key=measured.message_key).select_related("folder", "mailbox")
    )
    present = [place for place in places if place.gone_at is None]
    if not present:
        _all_gone(result, now)
        return
    best = min(present, key=lambda place: (height(verdict_of(place)), place.pk))
    facts = next((one.facts for one in found if one.arrival.message_key == measured.message_key), None)
    match = next(iter(found), None)
    _decide(test, result, best, facts or read_facts(ledger.header_block(best), best.mailbox), match, now)


def _all_gone(result: SeedResult, now: datetime) -> None:
    SeedResult.objects.filter(pk=result.pk, gone_at=None).update(gone_at=now)


def _decide(
    test: SeedTest, result: SeedResult, best: Arrival, facts: MessageFacts, match: Found | None, now: datetime
) -> None:
    frozen = test.status not in OPEN_STATUSES or result.placement == Placement.MISSING.value
    verdict = verdict_of(best)
    current = verdict.placement.value
    if result.current_placement and result.current_placement != current:
        result.moved_at = now
    if frozen and not result.first_seen_at:
        result.late_at = now
    result.current_placement, result.gone_at = current, None
    result.first_seen_at = result.first_seen_at or now
    result.first_placement = result.first_placement or current
    if match is not None and not result.matched_by:
        result.matched_by, result.match_where = match.kind.name.lower(), match.where[:200]
    if not frozen:
        _set_placement(result, verdict, now)
    _set_facts(result, best, facts)
    result.save()
    SeedTest.objects.filter(pk=test.pk).update(version=F("version") + 1)


def _set_placement(result: SeedResult, verdict: Verdict, now: datetime) -> None:
    if result.placement in ("rejected", "not_sent"):
        result.dispatch = Dispatch.CONTRADICTED  # the sending side said no, and yet here it is
    if result.placement in _OVERRULED:
        result.decided_at = now
    result.placement, result.tab = verdict.placement.value, verdict.tab.value
    result.reason, result.detail = verdict.reason.value, ""
    result.folder, result.evidence_line = verdict.folder, verdict.evidence


def verdict_of(arrival: Arrival) -> Verdict:
    """The engine's verdict for an arrival, by the role its folder has now."""
    row = arrival.folder
    role, source = (row.operator_role, RoleSource.OPERATOR) if row.operator_role else (row.role, row.source)
    folder = Folder(raw_name=b"", name=row.name, role=FolderRole(role), source=RoleSource(source))
    tabs = arrival.mailbox.catalog_entry.tabs
    return classify(folder, tab=Tab(arrival.tab) if arrival.tab else None, tabs=tabs)


def _set_facts(result: SeedResult, best: Arrival, facts: MessageFacts) -> None:
    result.received_at = best.internaldate
    result.authentication = best.authentication
    result.from_domain = facts.from_domain
    result.return_path_domain = facts.return_path_domain
    result.sending_ip = facts.sending_ip
    result.stated_folder, result.stated_line = facts.stated_folder, facts.stated_line
    result.transit_seconds = _seconds(facts.first_hop_at, best.internaldate)
    confirmed = result.dispatch == Dispatch.CONFIRMED
    result.delivery_seconds = _seconds(result.dispatched_at if confirmed else None, best.internaldate)


def _seconds(start: datetime | None, end: datetime) -> float | None:
    """INTERNALDATE has whole seconds, so a delivery within one reads as up to -1: that is 0. Less is clock skew."""
    if start is None:
        return None
    seconds = (end - start).total_seconds()
    return max(0.0, seconds) if seconds > -1.5 else None


def first_arrival(test: SeedTest, now: datetime) -> bool:
    """Note that something came. True the first time: the clock of the test begins to run, and others should look."""
    is_first = test.first_arrival_at is None
    if is_first:
        test.first_arrival_at = now
        if test.sent_at is None and test.status != Status.SENDING:
            test.sent_at, test.sent_at_source = now, SentAtSource.FIRST_ARRIVAL
    test.last_arrival_at = now
    moved = test.status == Status.WAITING
    if moved:
        test.status = Status.RECEIVING
    test.save(update_fields=["first_arrival_at", "last_arrival_at", "sent_at", "sent_at_source", "status"])
    if is_first:
        refresh_deadlines(test, now)
        publish(test, "test.receiving", {}, now)
    return is_first
