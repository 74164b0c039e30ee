"""The markers of a test: the minted one, and the customer's own values, of which no two tests may share one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Count

from placement import marker
from placement.headers.encoded_words import decode_words
from placement.vocabulary import MarkerKind, MatchKind
from seedtest.models import Arrival, Mailbox, Marker, SeedTest
from seedtest.services.asking import CLOCK_SLACK, Fault, IntakeError, NewTest

#: A minted token is looked for that much longer, so that a very late message is still explained.
TOKEN_GRACE: Final = timedelta(days=7)
#: Kind of a customer's value → how an arrival from before the test is said to match.
PAST_MATCH: Final[dict[str, tuple[MatchKind, str]]] = {
    MarkerKind.HEADER.value: (MatchKind.CAMPAIGN_HEADER, ""),
    MarkerKind.HEADER_PREFIX.value: (MatchKind.CAMPAIGN_HEADER, ""),
    MarkerKind.SENDER_SUBJECT.value: (MatchKind.SENDER_SUBJECT, "From and Subject"),
}
_HEADER_KINDS: Final = (MarkerKind.HEADER.value, MarkerKind.HEADER_PREFIX.value)


def as_json(new: NewTest) -> dict[str, Any]:
    """What was asked for, kept with the test; the rules themselves are the marker rows."""
    match = new.match
    header = {"name": match.header, "value": match.value, "prefix": match.prefix} if match.header else None
    return {"in_body": match.in_body, "header": header, "subject": match.subject}


def save_markers(test: SeedTest, new: NewTest, now: datetime) -> list[Marker]:
    """The customer's markers (the minted one is saved beside them). The workspace's row must be locked."""
    values = list(_customer_markers(test, new))
    for one in values:
        _end_ended(one)
    faults = [fault for one in values for fault in _taken(one)]
    if faults:
        raise IntakeError(faults)
    Marker.objects.bulk_create([_token(test, new, now), *values])
    return values


def _token(test: SeedTest, new: NewTest, now: datetime) -> Marker:
    return Marker(
        workspace=test.workspace,
        test=test,
        kind=MarkerKind.TOKEN.value,
        value=marker.mint(),
        in_body=new.match.in_body,
        valid_from=now,
        valid_until=max(test.start_by, now) + settings.WATCH_FOR + TOKEN_GRACE,
    )


def _customer_markers(test: SeedTest, new: NewTest) -> Iterator[Marker]:
    asked = new.match
    window = {
        "workspace": test.workspace,
        "test": test,
        "valid_from": test.window_starts_at - CLOCK_SLACK,
        "valid_until": test.start_by + settings.WATCH_FOR,
    }
    if asked.header:
        kind = MarkerKind.HEADER if asked.value else MarkerKind.HEADER_PREFIX
        value = " ".join(decode_words(asked.value or asked.prefix).split())
        yield Marker(kind=kind.value, header=asked.header.lower(), value=value, **window)
    if asked.subject:
        value = " ".join(asked.subject.split())
        kind = MarkerKind.SENDER_SUBJECT
        yield Marker(kind=kind.value, from_domain=new.sender_domain, value=value, **window)


def _taken(wanted: Marker) -> Iterator[Fault]:
    """A message that two tests could claim would be given to neither, so the second test is refused."""
    rival = next(iter(_rivals(wanted)), None)
    if rival is not None:
        pointer = "#/match/header" if wanted.kind in _HEADER_KINDS else "#/match/subject"
        yield Fault(pointer, "taken", _taken_detail(rival))


def _rivals(wanted: Marker) -> list[Marker]:
    near = Marker.objects.filter(
        workspace=wanted.workspace, valid_from__lt=wanted.valid_until, valid_until__gt=wanted.valid_from
    )
    others = near.exclude(kind=MarkerKind.TOKEN.value).exclude(test=wanted.test).select_related("test")
    return [rival for rival in others if _overlap(wanted, rival)]


def _end_ended(wanted: Marker) -> None:
    """A test that has ended watches for late mail only until another test wants its value."""
    for rival in _rivals(wanted):
        if not rival.test.is_open and rival.valid_from < wanted.valid_from:
            Marker.objects.filter(pk=rival.pk).update(valid_until=wanted.valid_from)


def _taken_detail(rival: Marker) -> str:
    return (
        f"The test “{rival.test.name}” ({rival.test.public_id}) already looks for “{rival.value[:80]}” until "
        f"{rival.valid_until:%Y-%m-%d %H:%M} UTC. Cancel it, use another value, or choose a later send window."
    )


def _overlap(one: Marker, other: Marker) -> bool:
    kinds = {one.kind, other.kind}
    if kinds == {MarkerKind.SENDER_SUBJECT.value}:
        return (one.from_domain, comparable(one.value)) == (other.from_domain, comparable(other.value))
    if not kinds <= set(_HEADER_KINDS) or one.header != other.header:
        return False
    if kinds == {MarkerKind.HEADER.value}:
        return one.value == other.value
    return _covers(one, other) or _covers(other, one)


def _covers(one: Marker, other: Marker) -> bool:
    return one.kind == MarkerKind.HEADER_PREFIX.value and other.value.startswith(one.value)


def comparable(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def free_values(test: SeedTest, now: datetime) -> None:
    """A cancelled test gives the customer's values back at once; its minted token stays its own."""
    own = test.markers.exclude(kind=MarkerKind.TOKEN.value)
    own.filter(valid_from__gte=now).delete()
    own.filter(valid_until__gt=now).update(valid_until=now)


def past_arrivals(test: SeedTest, rule: Marker) -> list[Arrival]:
    """Unmatched arrivals that carry the customer's value.

    A mailbox lent to several workspaces is left out: there, a customer's value must not find others' mail.
    """
    mailboxes = Mailbox.objects.filter(results__test=test).annotate(lent=Count("seed_accounts", distinct=True))
    own = [mailbox.pk for mailbox in mailboxes if mailbox.lent == 1 and mailbox.workspace_id == test.workspace_id]
    arrivals = Arrival.objects.filter(
        mailbox_id__in=own, result=None, internaldate__gte=rule.valid_from, internaldate__lte=rule.valid_until
    )
    if rule.kind == MarkerKind.SENDER_SUBJECT.value:
        arrivals = arrivals.filter(from_domain=rule.from_domain)
    return [arrival for arrival in arrivals.select_related("folder") if _carries(arrival, rule)]


def _carries(arrival: Arrival, rule: Marker) -> bool:
    if rule.kind == MarkerKind.SENDER_SUBJECT.value:
        return comparable(arrival.subject) == comparable(rule.value)[:500]
    values = [value for name, value in arrival.keys.get("campaign", []) if name == rule.header]
    if rule.kind == MarkerKind.HEADER.value:
        return rule.value in values
    return any(value.startswith(rule.value) for value in values)
