"""Fetched messages against the open markers: headers in memory, a body only where nothing else can tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from placement.headers import Headers
from placement.mailbox import FetchedBody, Mailbox
from placement.mailbox.contract import Answer
from placement.marker import Recognition, RuleBook, recognise, recognise_body
from placement.scan.incremental import Found
from placement.vocabulary import MarkerRule

BODY_CAP = 256 * 1024
#: Bodies held at once: 16 MiB.
_BODIES_A_WRITE = 64
#: How wrong a server's INTERNALDATE may be before a body is not looked at.
_SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Recognised:
    found: Found
    headers: Headers
    recognition: Recognition
    unread: bool = False  # its body was wanted, and the server did not give it


def recognise_all(
    mailbox: Mailbox, found: Sequence[Found], ask: Callable[[], Sequence[MarkerRule]]
) -> list[Recognised]:
    """Markers are asked for here, once: the last fetch is over, so none of these messages came before them."""
    if not found:
        return []
    rules = ask()
    book = RuleBook.of(rules)
    by_headers = [_by_headers(one, book) for one in found]
    if not book.wants_body:
        return by_headers
    since = _since(rules)
    return [
        judged for batch in _batches(by_headers, _BODIES_A_WRITE) for judged in _by_bodies(mailbox, batch, book, since)
    ]


def _by_headers(found: Found, book: RuleBook) -> Recognised:
    headers = Headers.parse(found.message.header_block)
    return Recognised(found, headers, recognise(headers, book, internaldate=found.message.internaldate))


def _since(rules: Iterable[MarkerRule]) -> datetime | None:
    """Older messages cannot belong to a test that looks into bodies; None: any may."""
    starts = [rule.valid_from for rule in rules if rule.in_body]
    bounded = [start for start in starts if start is not None]
    return min(bounded) - _SLACK if bounded and len(bounded) == len(starts) else None


def _batches(messages: Sequence[Recognised], size: int) -> Iterator[Sequence[Recognised]]:
    for start in range(0, len(messages), size):
        yield messages[start : start + size]


def _by_bodies(
    mailbox: Mailbox, batch: Sequence[Recognised], book: RuleBook, since: datetime | None
) -> Iterator[Recognised]:
    bodies = _bodies(mailbox, [one.found for one in batch if _is_open(one, since)])
    for one in batch:
        message = one.found.message
        body = bodies.get((one.found.folder.raw_name, message.uid))
        if body is not None:
            yield replace(one, recognition=recognise_body(body, message.header_block, book))
        else:
            yield replace(one, unread=_is_open(one, since))


def _is_open(one: Recognised, since: datetime | None) -> bool:
    if one.recognition.match is not None or one.recognition.rivals:
        return False
    return since is None or one.found.message.internaldate >= since


def _bodies(mailbox: Mailbox, wanted: Sequence[Found]) -> dict[tuple[bytes, int], bytes]:
    if not wanted:
        return {}
    by_folder: dict[bytes, list[int]] = defaultdict(list)
    for one in wanted:
        by_folder[one.folder.raw_name].append(one.message.uid)
    answers = mailbox.bodies(list(by_folder.items()), BODY_CAP)
    answers += _one_by_one(mailbox, by_folder, answers)
    uidvalidity = {one.folder.raw_name: one.uidvalidity for one in wanted}
    return {
        (answer.raw_name, body.uid): body.body
        for answer in answers
        if answer.uidvalidity == uidvalidity[answer.raw_name]
        for body in answer.found
    }


def _one_by_one(
    mailbox: Mailbox, wanted: dict[bytes, list[int]], answers: Sequence[Answer[FetchedBody]]
) -> list[Answer[FetchedBody]]:
    """One message that its server cannot read must not hide the bodies beside it."""
    failed = [answer.raw_name for answer in answers if answer.error is not None]
    singles = [(name, [uid]) for name in failed for uid in wanted[name]]
    return mailbox.bodies(singles, BODY_CAP) if singles else []
