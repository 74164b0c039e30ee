"""What the page of one test shows beside the report: the headline, what is waited for, bars, who may see what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from placement.rates import Rate
from placement.vocabulary import Placement
from seedtest.admin import words
from seedtest.models import SeedTest
from seedtest.models.seedtests import Mode, Status
from seedtest.reports import AuthenticatedAs, Counts, Identity, ProviderRow, Report, SeedRow


@dataclass(frozen=True, slots=True)
class Slice:
    """One piece of a stacked bar."""

    placement: str
    text: str
    count: int
    percent: float

    @property
    def css(self) -> str:
        """A number for CSS: a point, whatever the language of the page."""
        return f"{self.percent:.3f}"


@dataclass(frozen=True, slots=True)
class NameLine:
    """One domain the messages are authenticated as, and whether it is that of From."""

    text: str
    tone: str
    said: str


@dataclass(frozen=True, slots=True)
class ProviderLine:
    row: ProviderRow
    bar: tuple[Slice, ...]
    tabs: str
    said: str  # the interval in words
    authentication: tuple[tuple[str, str, str], ...]  # (method, tone, words)
    names: tuple[NameLine, ...]  # authenticated as


@dataclass(frozen=True, slots=True)
class SeedLine:
    row: SeedRow
    address: str
    shared: bool
    tab: str
    badge: words.Badge
    moved_to: str


def headline(report: Report) -> str:
    """The test in one sentence, counts first."""
    counts = report.totals.counts
    if report.about.status == Status.INCONCLUSIVE:
        return "Nothing arrived at any seed, so nothing was measured."
    if not counts.n:
        return "Nothing has arrived yet." if report.about.is_open else "No seed could be measured."
    seeds = "seed" if counts.n == 1 else "seeds"
    said = f"Inbox at {counts.inbox} of {counts.n} {seeds}"
    said += " that have answered so far" if report.provisional else " that we could look at"
    rest = list(_rest(report.providers))
    return f"{said}; {', '.join(rest)}." if rest else f"{said}."


_HEADLINE = (
    (Placement.SPAM, "in spam"), (Placement.MISSING, "missing"), (Placement.REJECTED, "rejected"),
    (Placement.OTHER, "in other folders"),
)  # fmt: skip


def _rest(rows: Iterable[ProviderRow]) -> Iterator[str]:
    rows = list(rows)
    for placement, text in _HEADLINE:
        where = [row for row in rows if row.counts[placement]]
        if not where:
            continue
        count = sum(row.counts[placement] for row in where)
        at = " and ".join(row.name for row in where) if len(where) < 3 else f"{len(where)} providers"
        yield f"{count} {text} at {at}"


def awaited(test: SeedTest, report: Report) -> str:
    """What happens next, in one sentence; times are filled in by the template."""
    counts = report.totals.counts
    match report.about.status:
        case Status.SENDING:
            return "We are sending the message now. The first results usually come within a minute."
        case Status.WAITING if test.mode == Mode.SERVICE:
            return "The message is out. We look into the mailboxes until it arrives."
        case Status.WAITING:
            return "Send your campaign to the addresses below. We look into the mailboxes until the first one arrives."
        case Status.RECEIVING | Status.SETTLED:
            return (
                f"{counts.waiting} of {counts.total} seeds have not got it yet. Slow providers may need half an hour."
            )
        case Status.COMPLETE:
            return "Every seed is decided. We look again later and say here if a provider moves the message."
        case Status.INCONCLUSIVE:
            return "Check that the campaign was sent to the seeds and carried the test ID, then start the test again."
    return "The test was cancelled. What had been found until then is kept below."


def bar(counts: Counts) -> tuple[Slice, ...]:
    total = counts.total or 1
    return tuple(
        Slice(placement, words.PLACEMENTS[placement].text, count, round(100 * count / total, 3))
        for placement in words.PLACEMENT_ORDER
        if (count := counts[Placement(placement)])
    )


def interval(rate: Rate) -> str:
    """The Wilson interval as a person would say it."""
    if rate.n == 0 or rate.ci_low is None or rate.ci_high is None:
        return ""
    return f"With {rate.n} seeds, the true share may be anywhere from {rate.ci_low:.0%} to {rate.ci_high:.0%}."


def provider_lines(report: Report) -> list[ProviderLine]:
    return [_provider_line(row) for row in report.providers]


def _provider_line(row: ProviderRow) -> ProviderLine:
    tabs = [f"{count} in {name}" for tab, count in row.tabs if (name := words.TABS[tab.value])]
    methods = (("SPF", row.spf), ("DKIM", row.dkim), ("DMARC", row.dmarc))
    found = row.counts.inbox + row.counts.spam + row.counts.other
    said = tuple((name, *_authenticated(one)) for name, one in methods) if found else ()
    return ProviderLine(
        row, bar(row.counts), ", ".join(tabs), interval(row.rates.inbox), said, name_lines(row.authenticated_as)
    )


_ALIGNED = {
    True: ("good", "your From domain"),
    False: ("bad", "not your From domain"),
    None: ("quiet", "cannot be compared with From"),
}


def name_lines(told: AuthenticatedAs) -> tuple[NameLine, ...]:
    return tuple(_name_line(one) for one in told.identities)


def _name_line(one: Identity) -> NameLine:
    tone, said = _ALIGNED[one.aligned]
    selector = f" s={one.selector}" if one.selector else ""
    text = f"DKIM d={one.domain}{selector}" if one.method == "dkim" else f"SPF {one.domain}"
    passed = f"passed at {one.passed} of {one.messages}"
    return NameLine(
        text, tone if one.passed else "warn", f"{said}, {passed}{', by our own check' if one.by_us else ''}"
    )


def _authenticated(one: Any) -> tuple[str, str]:
    if one.failed:
        return "bad", f"failed at {one.failed}"
    if one.passed:
        return "good", "passed"
    return ("warn", "none") if one.none else ("quiet", "not said")


def seed_lines(report: Report) -> list[SeedLine]:
    return [_seed_line(row) for row in report.seeds]


def _seed_line(row: SeedRow) -> SeedLine:
    moved = bool(row.moved_at and row.current_placement and row.current_placement != row.placement.value)
    return SeedLine(
        row=row,
        address=row.masked_address if row.shared else row.address,
        shared=row.shared,
        tab=words.TABS[row.tab.value] if row.tab else "",
        badge=words.PLACEMENTS[row.placement.value],
        moved_to=words.PLACEMENTS[row.current_placement].text if moved else "",
    )


def moments(test: SeedTest, report: Report) -> list[tuple[str, datetime | None]]:
    """The times worth showing, in their order."""
    about = report.about
    window = test.mode == Mode.ESP
    rows = [
        ("Opened", about.created_at),
        ("Send window", about.window_starts_at if window else None),
        ("until", about.window_ends_at if window else None),
        ("Sent", about.sent_at),
        ("First arrival", about.first_arrival_at),
        ("Last arrival", about.last_arrival_at),
        ("Decided by" if about.is_open else "Deadline was", about.deadline_at),
        ("Ends without result unless something arrives by", None if about.first_arrival_at else about.start_by),
        ("Completed", about.completed_at),
        ("Watched until", about.watch_until),
    ]
    return [(text, moment) for text, moment in rows if moment]
