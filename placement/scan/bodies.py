"""Whole messages, where somebody asked to keep them: the bodies of what was matched, after everything else is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from placement.errors import MailboxError
from placement.mailbox import Mailbox
from placement.scan.incremental import Found
from placement.scan.matching import Recognised
from placement.scan.tabs import place_of
from placement.vocabulary import KeptBody, Place

#: Bodies of one write, and of one pass: what is beyond is not kept. They are held in memory until the commit.
_A_WRITE = 16 * 1024 * 1024
_A_PASS = 64 * 1024 * 1024


def keep_bodies(mailbox: Mailbox, recognised: Sequence[Recognised], cap_bytes: int) -> dict[Place, KeptBody]:
    """At most `cap_bytes` of the body of each matched message; one write for all, whatever the number of tests.

    What the session cannot give is left out: the placement is known by now, and must not be lost for a copy.
    """
    matched = [one.found for one in recognised if one.recognition.match is not None] if cap_bytes > 0 else []
    places = {(one.found.folder.raw_name, one.found.message.uid): place_of(one) for one in recognised}
    kept: dict[Place, KeptBody] = {}
    try:
        for batch in _batches(matched, cap_bytes):
            kept |= {places[key]: body for key, body in _ask(mailbox, batch, cap_bytes)}
    except MailboxError:
        return kept
    return kept


def _batches(wanted: Iterable[Found], cap_bytes: int) -> Iterator[list[Found]]:
    """Smaller messages first, so that one flood of large ones does not keep out all others."""
    batch: list[Found] = []
    size = total = 0
    for one in sorted(wanted, key=lambda one: one.message.size):
        expected = min(one.message.size or cap_bytes, cap_bytes)
        total += expected
        if total > _A_PASS:
            break
        if batch and size + expected > _A_WRITE:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += expected
    if batch:
        yield batch


def _ask(mailbox: Mailbox, batch: Sequence[Found], cap_bytes: int) -> Iterator[tuple[tuple[bytes, int], KeptBody]]:
    by_folder: Mapping[bytes, list[int]] = defaultdict(list)
    for one in batch:
        by_folder[one.folder.raw_name].append(one.message.uid)
    uidvalidity = {one.folder.raw_name: one.uidvalidity for one in batch}
    # One byte more than is kept: whether there is one says whether the body was cut.
    for answer in mailbox.bodies(list(by_folder.items()), cap_bytes + 1):
        if answer.error is None and answer.uidvalidity == uidvalidity[answer.raw_name]:
            for fetched in answer.found:
                body = KeptBody(fetched.body[:cap_bytes], truncated=len(fetched.body) > cap_bytes)
                yield (answer.raw_name, fetched.uid), body
