"""What a report says of authentication, of two opinions that differ, and of folders that the provider states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from placement.vocabulary import FOUND, Placement
from seedtest.reports.identities import alignment
from seedtest.reports.values import About, Finding, ProviderRow, SeedRow

_SHOWN: Final = 5
_SKEW: Final = 1.5  # INTERNALDATE has whole seconds
#: A delivery folder as stated → the placement that it would be.
_STATED: Final = {"inbox": Placement.INBOX, "junk": Placement.SPAM}


def not_aligned(about: About, rows: Sequence[ProviderRow], seeds: Sequence[SeedRow]) -> Iterator[Finding]:
    """The commonest fault: everything passes, but for the ESP's own domain."""
    found = [seed for seed in seeds if seed.placement in FOUND]
    concerned = [seed for seed in found if alignment(seed) == "not_aligned"]
    if concerned:
        sender = _names(seed.from_domain for seed in concerned) or "your From domain"
        passing = _names(_named(seed) for seed in concerned)
        yield Finding(
            "not_aligned",
            "high",
            "Authenticated, but not as your From domain",
            f"At {len(concerned)} of {len(found)} messages only {passing} passes. That belongs to another organisation "
            f"than {sender}, so it does not count for DMARC, and the mail has no reputation of its own.",
            f"In your e-mail service, set up DKIM for {sender} (“authenticate your domain”: a few DNS records), or a "
            f"Return-Path below {sender}. Then send again.",
            tuple(dict.fromkeys(_line(seed) for seed in concerned))[:_SHOWN],
        )


def _named(seed: SeedRow) -> str:
    passing = [one for one in seed.identities if one.standing == "pass"]
    return " and ".join(dict.fromkeys(one.words for one in passing))


def _line(seed: SeedRow) -> str:
    said = seed.authentication
    lines = [one.line for one in (*said.dkim, said.spf) if one is not None and one.line]
    return f"{seed.provider_name}: {lines[0]}" if lines else f"{seed.masked_address}: by our own check"


def differs(about: About, rows: Sequence[ProviderRow], seeds: Sequence[SeedRow]) -> Iterator[Finding]:
    """The receiver says one thing, our own check another."""
    concerned = [seed for seed in seeds if seed.differences]
    if concerned:
        yield Finding(
            "checks_differ",
            "medium",
            "A receiver and our own check do not agree",
            f"At {_count(concerned, 'message')} the receiver's word on SPF, DKIM, DMARC or ARC is not what we find.",
            "Read both lines. Where the difference stays after another send, a record has changed, or something "
            "alters the message on its way.",
            tuple(f"{seed.provider_name}: {text}" for seed in concerned for text in seed.differences)[:_SHOWN],
        )


def stated_elsewhere(about: About, rows: Sequence[ProviderRow], seeds: Sequence[SeedRow]) -> Iterator[Finding]:
    """The provider wrote down where it put the message on arrival, and we found it elsewhere."""
    concerned = [seed for seed in seeds if was_moved(seed)]
    if concerned:
        yield Finding(
            "moved_after_delivery",
            "info",
            "The provider first put it elsewhere",
            f"At {_count(concerned, 'seed')} the provider's own header states another folder than the one we found the "
            "message in. Providers go on judging for hours. The rates use the folder we found.",
            "Compare both: mail that is moved to spam later often collects complaints; mail that is moved out of it "
            "was saved by a rule or by reputation.",
            tuple(
                f"{seed.masked_address}: delivered to {seed.stated_folder}, found in {seed.placement.value} — "
                f"{seed.stated_line}"
                for seed in concerned[:_SHOWN]
            ),
        )


def was_moved(seed: SeedRow) -> bool:
    stated = _STATED.get(seed.stated_folder)
    return stated is not None and seed.placement in (Placement.INBOX, Placement.SPAM) and seed.placement is not stated


def clock_skew(about: About, rows: Sequence[ProviderRow], seeds: Sequence[SeedRow]) -> Iterator[Finding]:
    """A mailbox's clock says that the message came before it was sent: no delivery time can be given."""
    concerned = [seed for seed in seeds if _before(seed) > _SKEW]
    if concerned:
        yield Finding(
            "clock_skew",
            "info",
            "A mail server's clock is wrong",
            f"At {_count(concerned, 'seed')} the message is dated before we sent it, so its delivery time is left out.",
            "Nothing to do: placements do not depend on the provider's clock.",
            tuple(f"{seed.masked_address}: {_before(seed):.0f} s early" for seed in concerned[:_SHOWN]),
        )


def _before(seed: SeedRow) -> float:
    if seed.dispatch != "confirmed" or seed.dispatched_at is None or seed.received_at is None:
        return 0.0
    return (seed.dispatched_at - seed.received_at).total_seconds()


def _count(seeds: Sequence[SeedRow], noun: str) -> str:
    return f"{len(seeds)} {noun}{'' if len(seeds) == 1 else 's'}"


def _names(values: Iterable[str]) -> str:
    named = [value for value in dict.fromkeys(values) if value]
    more = len(named) - _SHOWN
    return ", ".join(named[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
