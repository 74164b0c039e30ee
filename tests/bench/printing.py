"""Rows, ranges and goals as lines of text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


def say(line: str) -> None:
    print(line, flush=True)


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
        verdict = "met   " if met else "MISSED"
        share = self.reached / limit if limit else 0.0
        return f"  {verdict} {self.words}: {self.reached:.4g} (goal {sign} {limit:g}, {share:.2f} of it)"


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
        return self
