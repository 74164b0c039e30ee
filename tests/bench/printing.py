"""Rows, ranges and goals as lines of text."""

from __future__ import annotations

import statistics
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

_papers: list[TextIO] = [sys.stdout]
#: Of the tables that were shown, in order; and the parts that broke.
GOALS: list[Goal] = []
BROKEN: list[str] = []


def keep_in(path: Path) -> None:
    """From now on everything that is said is written there as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _papers.append(path.open("a", encoding="utf-8"))


def say(line: str) -> None:
    for paper in _papers:
        print(line, file=paper, flush=True)


@contextmanager
def part(name: str) -> Iterator[None]:
    """What breaks in it is said, and the run goes on with the next: its figures are not lost."""
    try:
        yield
    except Exception:
        BROKEN.append(name)
        say(f"\n({name} broke off)\n{traceback.format_exc()}")


@dataclass(frozen=True, slots=True)
class Measured:
    """The median of some runs, and how far they lay apart."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    def text(self, digits: int = 1) -> str:
        low, high = min(self.runs), max(self.runs)
        spread = f" [{low:.{digits}f}-{high:.{digits}f}]" if len(self.runs) > 1 else ""
        return f"{self.median:.{digits}f}{spread}"


@dataclass(frozen=True, slots=True)
class Goal:
    """`at_least`, or `at_most` where that is set."""

    words: str
    reached: float
    at_least: float = 0.0
    at_most: float | None = None

    def line(self) -> str:
        limit, sign = (self.at_least, "≥") if self.at_most is None else (self.at_most, "≤")
        met = self.reached >= limit if self.at_most is None else self.reached <= limit
        off = self.reached / limit - 1 if limit else 0.0
        verdict = "met   " if met else "MISSED"
        return f"  {verdict} {self.words}: {self.reached:.4g} (goal {sign} {limit:g}: {off:+.0%})"


@dataclass
class Table:
    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        self.rows.append(cells)

    def show(self) -> Table:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[at]) for line in lines if at < len(line)) for at in range(len(self.columns))]
        say(f"\n{self.title}")
        for line in lines:
            cells = [
                cell.ljust(width) if not at else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(line, widths, strict=False))
            ]
            say("  " + "  ".join(cells).rstrip())
        GOALS.extend(self.goals)
        return self
