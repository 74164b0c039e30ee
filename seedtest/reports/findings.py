"""What a report says beside its numbers: each finding names its evidence and the next step. The weightiest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from placement.diagnosis import REASONS
from placement.vocabulary import FOUND, AuthResult, Placement, Reason
from seedtest.models.seedtests import Dispatch, Status
from seedtest.reports import authentication_findings
from seedtest.reports.numbers import standing
from seedtest.reports.values import About, Finding, ProviderRow, SeedRow

_Rows: TypeAlias = Sequence[ProviderRow]
_Seeds: TypeAlias = Sequence[SeedRow]
_Look: TypeAlias = Callable[[About, _Rows, _Seeds], Iterator[Finding]]

_SHOWN: Final = 5


def find(about: About, rows: _Rows, seeds: _Seeds) -> tuple[Finding, ...]:
    return tuple(finding for look in _LOOKS for finding in look(about, rows, seeds))


def _nothing_arrived(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    if about.status == Status.INCONCLUSIVE:
        told = REASONS[Reason.NOTHING_ARRIVED]
        yield Finding(
            "nothing_arrived", "high", told.title, f"{told.what_happened} {told.what_it_means}", told.what_next
        )


def _possibly_not_sent(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    """Dispatch is only assumed, and a whole provider or more than half of the seeds are empty."""
    if any(seed.dispatch == Dispatch.CONFIRMED for seed in seeds) or about.status == Status.INCONCLUSIVE:
        return
    counted = sum(row.counts.n for row in rows)
    missing = sum(row.counts.missing for row in rows)
    empty = [row.name for row in rows if row.counts.n and row.counts.missing == row.counts.n]
    if not empty and missing * 2 <= counted:
        return
    where = f" Nothing at all came to {_listed(empty)}." if empty else ""
    yield Finding(
        "possibly_not_sent",
        "high",
        "Possibly not sent to all seeds",
        f"{missing} of {counted} seeds got nothing, and we only assume that the message was sent to them.{where}",
        "Look in your ESP for these addresses: suppressed, unsubscribed or outside the segment? Then run it again.",
        _addresses(seed for seed in seeds if seed.placement is Placement.MISSING),
    )


def _rejected(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    yield from _by_reason(seeds, Placement.REJECTED, "rejected", "high")


def _variants(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    concerned = [seed for seed in seeds if seed.variants]
    if concerned:
        yield Finding(
            "variants",
            "high",
            "Different messages carry the same test ID",
            f"At {len(concerned)} seeds a second message came that differs in subject, From, sending IP or DKIM "
            "domain. Only the earliest one is measured.",
            "Is it an A/B split or two campaigns? Open one test for each version.",
            _addresses(concerned),
        )


def _rivals(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    concerned = [seed for seed in seeds if seed.rival_tests]
    if concerned:
        others = sorted({test for seed in concerned for test in seed.rival_tests})
        yield Finding(
            "rival_tests",
            "high",
            "Another test claims the same message",
            f"At {len(concerned)} seeds a message came that fits this test and {_listed(others)} equally well, so it "
            "was given to neither.",
            "Give each open test a value of its own (a test ID header, another campaign value), then send again.",
            _addresses(concerned),
        )


def _authentication_failed(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    for method in ("spf", "dkim", "dmarc"):
        failed = [seed for seed in seeds if seed.placement in FOUND and _standing(seed, method) == "fail"]
        if failed:
            yield Finding(
                f"{method}_failed",
                "high",
                f"{method.upper()} failed",
                f"{method.upper()} failed at {len(failed)} seeds, by the word of their own providers.",
                f"Compare the {method.upper()} record in DNS with the domain and the IP in the evidence.",
                tuple(line for seed in failed[:_SHOWN] if (line := _line(seed, method))),
            )


def _standing(seed: SeedRow, method: str) -> str:
    return standing(_results(seed, method))


def _results(seed: SeedRow, method: str) -> tuple[AuthResult, ...]:
    said = getattr(seed.authentication, method)
    if isinstance(said, tuple):
        return said
    return (said,) if said else ()


def _line(seed: SeedRow, method: str) -> str:
    return next((f"{seed.provider_name}: {one.line}" for one in _results(seed, method) if one.line), "")


def _could_not_look(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    yield from _by_reason(seeds, Placement.UNKNOWN, "could_not_look", "medium")


def _not_sent(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    if about.status not in (Status.INCONCLUSIVE, Status.CANCELLED):
        yield from _by_reason(seeds, Placement.NOT_SENT, "not_sent", "medium")


def _by_reason(seeds: _Seeds, placement: Placement, code: str, severity: str) -> Iterator[Finding]:
    """One finding a reason, in the reason's own words."""
    concerned = [seed for seed in seeds if seed.placement is placement]
    for reason in dict.fromkeys(seed.reason for seed in concerned):
        some = [seed for seed in concerned if seed.reason == reason]
        told = REASONS[Reason(reason)]
        words = dict.fromkeys(f"{seed.provider_name}: {seed.detail}" for seed in some if seed.detail)
        yield Finding(
            f"{code}_{reason}" if reason else code,
            severity,
            told.title,
            f"{len(some)} of {len(seeds)} seeds. {told.what_happened} {told.what_it_means}",
            told.what_next,
            tuple(words)[:_SHOWN] or _addresses(some),
        )


def _late(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    late = [seed for seed in seeds if seed.late_at]
    if late:
        told = REASONS[Reason.LATE]
        detail = f"{len(late)} of {len(seeds)} seeds. {told.what_happened} {told.what_it_means}"
        yield Finding("late", "medium", told.title, detail, told.what_next, _addresses(late))


def _moved(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    moved = [seed for seed in seeds if seed.moved_at]
    if moved:
        yield Finding(
            "moved",
            "info",
            "Moved after delivery",
            f"At {len(moved)} seeds the message stands elsewhere now than where it first was.",
            "Nobody opens the seeds, so the provider moved it. The rates use the placement of the measurement.",
            tuple(
                f"{seed.masked_address}: {seed.first_placement} → {seed.current_placement}" for seed in moved[:_SHOWN]
            ),
        )


def _removed(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    gone = [seed for seed in seeds if seed.gone_at]
    if gone:
        yield Finding(
            "removed",
            "medium",
            "Removed after delivery",
            f"At {len(gone)} seeds the message was found and is in no folder any more.",
            "Check that nobody and no mail program cleans these mailboxes; else the provider withdrew it.",
            _addresses(gone),
        )


def _contradicted(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    odd = [seed for seed in seeds if seed.dispatch == Dispatch.CONTRADICTED]
    if odd:
        yield Finding(
            "dispatch_contradicted",
            "medium",
            "Arrived although the sending side said no",
            f"At {len(odd)} seeds a message came for which the sending side had reported a failure.",
            "Is the same message also sent by another system? The placement found is what counts.",
            _addresses(odd),
        )


def _subject_token(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    if any(seed.matched_by == "subject_token" for seed in seeds):
        yield Finding(
            "token_in_subject",
            "info",
            "The test ID stands in the subject",
            "A changed subject changes the message that is measured.",
            "Carry the test ID in the header, or let the test match a header your ESP writes.",
        )


def _copies(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    several = [seed for seed in seeds if seed.copies - seed.variants > 1]
    if several:
        yield Finding(
            "copies",
            "info",
            "Several copies arrived",
            f"{len(several)} seeds got the message more than once. The earliest copy is measured.",
            "Check whether these addresses are on more than one list of the campaign.",
            _addresses(several),
        )


def _provisional(about: About, rows: _Rows, seeds: _Seeds) -> Iterator[Finding]:
    waiting = sum(row.counts.waiting for row in rows)
    if waiting:
        yield Finding(
            "provisional",
            "info",
            "Provisional numbers",
            f"{waiting} of {len(seeds)} seeds are still waited for. Fast providers answer first, so rates may move.",
            "Wait until the test is complete before you decide.",
        )


def _addresses(seeds: Iterable[SeedRow]) -> tuple[str, ...]:
    return listing([seed.masked_address for seed in seeds])


def listing(items: Sequence[str]) -> tuple[str, ...]:
    more = len(items) - _SHOWN
    return (*items[:_SHOWN], *((f"and {more} more",) if more > 0 else ()))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(listing(names))


_LOOKS: Final[tuple[_Look, ...]] = (
    _nothing_arrived,
    _possibly_not_sent,
    _rejected,
    _variants,
    _rivals,
    authentication_findings.not_aligned,
    _authentication_failed,
    authentication_findings.differs,
    _could_not_look,
    _not_sent,
    _late,
    _removed,
    _contradicted,
    _moved,
    authentication_findings.stated_elsewhere,
    authentication_findings.clock_skew,
    _subject_token,
    _copies,
    _provisional,
)
