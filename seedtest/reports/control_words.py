"""What controls say of seeds: where the last one stood, whether that is biased, which seeds they do not reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from placement.vocabulary import Placement
from seedtest.reports.peers import FEWEST_SIBLINGS, Campaign, Observation

_SPAM: Final = Placement.SPAM.value
_INBOX: Final = Placement.INBOX.value
_NOT_THERE: Final = (Placement.MISSING.value, Placement.REJECTED.value)


@dataclass(frozen=True, slots=True)
class LastWord:
    """The newest control that a seed found."""

    opened_at: datetime | None
    placement: str
    biased: bool  # filed as spam here, although it was good elsewhere


@dataclass(frozen=True, slots=True)
class _Tally:
    seeds: Counter[str]
    found: Counter[str]
    inbox: Counter[str]

    def good_elsewhere(self, one: Observation) -> bool:
        """`one` was found, and not in the inbox: by its siblings, or by all where those are too few."""
        enough = self.seeds[one.provider] - 1 >= FEWEST_SIBLINGS
        found = self.found[one.provider] if enough else self.found.total()
        inbox = self.inbox[one.provider] if enough else self.inbox.total()
        return inbox * 2 > found - 1

    def most_got_it(self) -> bool:
        return self.found.total() * 2 > self.seeds.total() - 1


def last_words(controls: Iterable[Campaign]) -> dict[int, LastWord]:
    """`controls`: the newest first. A control that did not arrive says nothing of where a seed files mail."""
    words: dict[int, LastWord] = {}
    for control in controls:
        tally = _count(control.seen)
        for one in control.seen:
            if one.found and one.seed not in words:
                biased = one.placement == _SPAM and tally.good_elsewhere(one)
                words[one.seed] = LastWord(control.opened_at, one.placement, biased)
    return words


def misses(controls: Iterable[Campaign]) -> dict[int, int]:
    """Seed → controls in a row, up to the newest, that did not come to it while most others got them."""
    counted, reached = Counter[int](), set[int]()
    for control in controls:
        told = _count(control.seen).most_got_it()
        for one in control.seen:
            if one.found:
                reached.add(one.seed)
            elif told and one.placement in _NOT_THERE and one.seed not in reached:
                counted[one.seed] += 1
    return dict(counted)


def _count(seen: Sequence[Observation]) -> _Tally:
    return _Tally(
        seeds=Counter(one.provider for one in seen),
        found=Counter(one.provider for one in seen if one.found),
        inbox=Counter(one.provider for one in seen if one.placement == _INBOX),
    )
