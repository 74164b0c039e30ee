"""Which of the times that strangers write can be true."""

from __future__ import annotations

from datetime import datetime
from typing import Final

#: Far from the ends of the calendar, where an hour more or another zone raises OverflowError.
_YEARS: Final = range(1971, 2201)


def can_be(moment: datetime) -> bool:
    return moment.year in _YEARS
