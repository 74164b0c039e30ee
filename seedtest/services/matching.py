"""Gives arrivals to the results they belong to, and says what that makes of the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from placement.classify import classify, height
from placement.headers import Headers, identity, received
from placement.vocabulary import Folder, FolderRole, MatchKind, Placement, RoleSource, Tab, Verdict
from seedtest.models import rows
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


@dataclass(frozen=True, slots=True)
class Given:
    """What a result is given, or nothing: its arrivals themselves have changed. The test's row must be locked."""

    test: SeedTest
    result: SeedResult
    found: Sequence[Found] = ()


def give(given: Sequence[Given], now: datetime) -> None:
    """Add these arrivals to their results and read those anew."""
    messages = _messages_of([one.result for one in given])
    new = [message for one in given for found in one.found if (message := _new_message(one.result, found, messages))]
    ReceivedMessage.objects.bulk_create(new, ignore_conflicts=True)
    for one in given:
        for found in one.found:
            found.arrival.result = one.result
    rows.write([found.arrival for one in given for found in one.found], ["result"])
    _read_again(given, messages, now)


def _messages_of(results: Iterable[SeedResult]) -> dict[int, list[ReceivedMessage]]:
    """The messages of each result, in the order that says which is measured."""
    messages: dict[int, list[ReceivedMessage]] = {result.pk: [] for result in results}
    for message in ReceivedMessage.objects.filter(result_id__in=messages):
        messages[message.result_id].append(message)
    return messages


def _new_message(result: SeedResult, one: Found, messages: dict[int, list[ReceivedMessage]]) -> ReceivedMessage | None:
    """The message of this arrival, unless it is a copy of one that is known. It takes its place among `messages`."""
    known = messages[result.pk]
    if any(message.message_key == one.arrival.message_key for message in known):
        return None
    message = ReceivedMessage(
        result=result,
        message_key=one.arrival.message_key,
        arrival=one.arrival,
        internaldate=one.arrival.internaldate,
        subject=one.facts.subject,
        from_domain=one.facts.from_domain,
        sending_ip=one.facts.sending_ip,
        dkim_domain=_dkim_domain(one.arrival),
    )
    message.is_variant = bool(known) and _differs(known[0], message)
    known.append(message)
    known.sort(key=lambda message: message.internaldate)  # stable: of equal moments the first one written
    return message


def _dkim_domain(arrival: Arrival) -> str:
    signatures = arrival.authentication.get("dkim") or [{}]
    return str(signatures[0].get("domain", ""))[:253]


def _differs(first: ReceivedMessage, other: ReceivedMessage) -> bool:
    """A variant: another message under the same marker (an A/B split, or two campaigns)."""
    names = ("subject", "from_domain", "sending_ip", "dkim_domain")
    return any(getattr(first, name) != getattr(other, name) for name in names)


def read_again(changed: Sequence[Given], now: datetime) -> None:
    """Read results anew whose arrivals have changed: gone, or with another tab."""
    _read_again(changed, _messages_of([one.result for one in changed]), now)


def _read_again(given: Sequence[Given], messages: Mapping[int, Sequence[ReceivedMessage]], now: datetime) -> None:
    """Recompute results from their arrivals: the earliest copy is measured, its highest place counts."""
    measured = {
        result_id: message.message_key
        for result_id, some in messages.items()
        if (message := next((one for one in some if not one.is_variant), None))
    }
    places = _places_of(measured)
    gone, decided = [], []
    for one in given:
        standing = places.get(one.result.pk)
        if standing is None:
            continue
        present = [place for place in standing if place.gone_at is None]
        if present:
            _decide(one, present, measured[one.result.pk], now)
            decided.append(one)
        else:
            gone.append(one.result.pk)
    if gone:
        SeedResult.objects.filter(pk__in=gone, gone_at=None).update(gone_at=now)
    rows.write_whole([one.result for one in decided])
    for test_id in sorted({one.test.pk for one in decided}):
        SeedTest.objects.filter(pk=test_id).update(version=F("version") + 1)


def _places_of(measured: Mapping[int, str]) -> dict[int, list[Arrival]]:
    """Where the measured message of each result stands or stood."""
    places: dict[int, list[Arrival]] = {result_id: [] for result_id in measured}
    for place in Arrival.objects.filter(result_id__in=measured).select_related("folder"):
        if place.message_key == measured[place.result_id]:
            places[place.result_id].append(place)
    return places


def _decide(one: Given, present: Sequence[Arrival], message_key: str, now: datetime) -> None:
    """What the result says now; it is not saved yet."""
    result = one.result
    for place in present:
        place.mailbox = result.mailbox
    best = min(present, key=lambda place: (height(verdict_of(place)), place.pk))
    facts = next((found.facts for found in one.found if found.arrival.message_key == message_key), None)
    verdict = verdict_of(best)
    current = verdict.placement.value
    frozen = one.test.status not in OPEN_STATUSES or result.placement == Placement.MISSING.value
    if result.current_placement and result.current_placement != current:
        result.moved_at = now
    if frozen and not result.first_seen_at:
        result.late_at = now
    result.current_placement, result.gone_at = current, None
    result.first_seen_at = result.first_seen_at or now
    result.first_placement = result.first_placement or current
    if one.found and not result.matched_by:
        result.matched_by, result.match_where = one.found[0].kind.name.lower(), one.found[0].where[:200]
    if not frozen:
        _set_placement(result, verdict, now)
    _set_facts(result, best, facts or read_facts(ledger.header_block(best), best.mailbox))


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
