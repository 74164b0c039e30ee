"""The shapes in which filters write: a word, a number, name-value pairs, rule lists; every family is made of them.

Each shape is a callable of one value. It reads at most 8 kB, in linear time, and an unknown value is `unknown`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from placement.headers.spam_verdicts.model import DeliveryFolder, Hit, Reading, Says

MAX_VALUE: Final = 8192
MAX_HITS: Final = 300
_NUMBER: Final = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,6})?(?![\w.])")
_WORD: Final = re.compile(r"[\w$+.-]+(?:/[\w.-]+)?")

Words = Mapping[str, Says]
Folders = Mapping[str, DeliveryFolder]


def number(text: str) -> float | None:
    """The number a value begins with."""
    found = _NUMBER.match(text.strip())
    return float(found.group()) if found else None


@dataclass(frozen=True, slots=True)
class Opaque:
    """Kept as it stands: only the vendor can read it."""

    def __call__(self, value: str) -> Reading:
        return Reading()


@dataclass(frozen=True, slots=True)
class Word:
    """The first word of the value, in a literal table (lower case)."""

    table: Words
    folders: Folders = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, value: str) -> Reading:
        found = _WORD.search(value[:MAX_VALUE])
        word = found.group().lower() if found else ""
        return Reading(
            says=self.table.get(word, Says.UNKNOWN),
            delivery_folder=self.folders.get(word),
            meanings=_known(self.meanings, word),
        )


@dataclass(frozen=True, slots=True)
class Contains:
    """The first phrase of a table (lower case) that stands in the value."""

    table: Words

    def __call__(self, value: str) -> Reading:
        text = value[:MAX_VALUE].lower()
        found = (says for phrase, says in self.table.items() if phrase in text)
        return Reading(says=next(found, Says.UNKNOWN))


@dataclass(frozen=True, slots=True)
class Number:
    """A score. Only where the filter's threshold is known does it say anything."""

    spam_from: float | None = None
    above: Says = Says.SPAM
    below: Says = Says.CLEAN
    name: str = ""  # also kept under this name: "scl"
    threshold_known: bool = True

    def __call__(self, value: str) -> Reading:
        score = number(value[:MAX_VALUE])
        if score is None:
            return Reading()
        says = Says.UNKNOWN
        if self.spam_from is not None:
            says = self.above if score >= self.spam_from else self.below
        return Reading(
            says=says,
            score=score,
            threshold=self.spam_from if self.threshold_known else None,
            scores={self.name: score} if self.name else {},
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """name=value pairs. `says` asks the first of its names that has a known word; numbers go into `scores`."""

    separators: str = ";"
    equals: str = "="
    says: tuple[tuple[str, Words], ...] = ()
    folder: tuple[str, Folders] | None = None
    score: str = ""
    scores: tuple[str, ...] = ()
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bands: tuple[tuple[str, Number], ...] = ()  # a number that decides where no word did

    def __call__(self, value: str) -> Reading:
        pairs = self.pairs(value)
        numbers = {name: number(text) for name, text in pairs.items()}
        return Reading(
            says=self._says(pairs),
            score=numbers.get(self.score),
            scores={name: found for name in self.scores if (found := numbers.get(name)) is not None},
            delivery_folder=self.folder[1].get(pairs.get(self.folder[0], "").lower()) if self.folder else None,
            meanings=tuple(self._meanings(pairs)),
        )

    def pairs(self, value: str) -> dict[str, str]:
        """Names in lower case, the first of each."""
        found: dict[str, str] = {}
        for part in re.split(f"[{re.escape(self.separators)}]", value[:MAX_VALUE]):
            name, equals, text = part.partition(self.equals)
            if equals:
                found.setdefault(name.strip().lower(), text.strip())
        return found

    def _says(self, pairs: Mapping[str, str]) -> Says:
        words = (table.get(pairs.get(name, "").lower(), Says.UNKNOWN) for name, table in self.says)
        numbers = (band(pairs.get(name, "")).says for name, band in self.bands)
        decided = (says for says in (*words, *numbers) if says is not Says.UNKNOWN)
        return next(decided, Says.UNKNOWN)

    def _meanings(self, pairs: Mapping[str, str]) -> Iterator[str]:
        for name, table in self.meanings.items():
            yield from _known(table, pairs.get(name, "").lower())


@dataclass(frozen=True, slots=True)
class RuleList:
    """ "RULE 1.5, OTHER -0.1" (Fastmail) or "RULE(1.5)" (rspamd): the rules that fired, without a verdict."""

    pattern: re.Pattern[str]

    def __call__(self, value: str) -> Reading:
        return Reading(hits=tuple(self.hits(value[:MAX_VALUE])))

    def hits(self, text: str) -> Iterator[Hit]:
        for count, found in enumerate(self.pattern.finditer(text)):
            if count == MAX_HITS:
                return
            yield Hit(found.group(1), number(found.group(2) or ""))


def _known(table: Mapping[str, str], word: str) -> tuple[str, ...]:
    meaning = table.get(word)
    return (meaning,) if meaning else ()
