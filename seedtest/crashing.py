"""Named places where the process ends on order, as if the power had gone: for tests. Else a dictionary lookup.

SEEDTEST_CRASH_AT=before-commit          ends at the first passage; `before-commit:3` at the third, several with commas
SEEDTEST_CRASH_ONCE=<folder>             only while the folder holds a file with the place's name. It goes with the
                                         crash, so whatever is started again in its stead lives on
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

ORDER, ONCE = "SEEDTEST_CRASH_AT", "SEEDTEST_CRASH_ONCE"
#: What the process ends with, to be told from a failure.
EXIT_STATUS = 86


class Place(StrEnum):
    """In the order in which a test meets them."""

    OPENING = "opening"  # the rows of a new test are written, not committed
    BEFORE_ANSWER = "before-answer"  # the new test is committed, the client does not know
    BEFORE_PUBLISH = "before-publish"  # mailboxes are offered, no message is out
    AFTER_CLAIM = "after-claim"  # a lease is held, nothing was read yet
    BEFORE_IMAP = "before-imap"
    AFTER_IMAP = "after-imap"
    BEFORE_COMMIT = "before-commit"  # everything a scan saw is written, not committed
    AFTER_COMMIT = "after-commit"
    AFTER_SEND_CLAIM = "after-send-claim"  # envelopes are leased, no connection is open
    BEFORE_DATA = "before-data"  # "DATA begins" is committed, the server has not heard of it
    AFTER_DATA = "after-data"  # the server took the message, the row does not say so
    BEFORE_COMPLETE = "before-complete"  # a test is ended and its event written, not committed
    BEFORE_TICK_END = "before-tick-end"  # a tick's work is committed, its lease still held


def parse(text: str) -> dict[str, int]:
    """Place → at which passage. Raises ValueError."""
    orders = (one.partition(":") for one in text.replace(" ", "").split(",") if one)
    return {Place(name).value: int(passage or 1) for name, _, passage in orders}


def _orders(environment: Mapping[str, str]) -> dict[str, int]:
    try:
        return parse(environment.get(ORDER, ""))
    except ValueError:
        return {}  # the system check says what is wrong with it


_ORDERS = _orders(os.environ)
_passed: Counter[str] = Counter()
_lock = threading.Lock()


def here(place: Place) -> None:
    """The process ends here if it was told to."""
    if place in _ORDERS:
        _pass(place)


def _pass(place: Place) -> None:
    with _lock:
        _passed[place] += 1
        due = _passed[place] >= _ORDERS[place]
    if due and _is_armed(place):
        os._exit(EXIT_STATUS)


def _is_armed(place: Place) -> bool:
    folder = os.environ.get(ONCE)
    if not folder:
        return True
    try:
        (Path(folder) / place.value).unlink()  # of several processes one wins
    except FileNotFoundError:
        return False
    return True
