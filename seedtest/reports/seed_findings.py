"""Findings about the seeds themselves: left out, biased, not on the sender's list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from placement.vocabulary import Placement
from seedtest.reports.findings import listing
from seedtest.reports.unlisted import SILENT_CAMPAIGNS
from seedtest.reports.values import Finding, LeftOut, SeedRow


def about_seeds(
    left_out: Sequence[LeftOut], unlisted: Sequence[SeedRow], biased: Sequence[SeedRow]
) -> Iterator[Finding]:
    if unlisted:
        yield _not_on_list(unlisted)
    if biased:
        yield _apart(biased)
    for title in dict.fromkeys(one.title for one in left_out):
        yield _excluded([one for one in left_out if one.title == title])


def _not_on_list(seeds: Sequence[SeedRow]) -> Finding:
    return Finding(
        "not_on_list",
        "high",
        "Not on your list, or suppressed",
        f"The last {SILENT_CAMPAIGNS} campaigns of this From domain passed over {_seeds(len(seeds))}; the siblings "
        "got them. That counts as missing, and probably nothing was ever sent there.",
        "Upload these addresses to your ESP again, and look for them under suppressions and bounces.",
        listing([seed.masked_address for seed in seeds]),
    )


def _apart(seeds: Sequence[SeedRow]) -> Finding:
    spam = sum(seed.placement is Placement.SPAM for seed in seeds)
    return Finding(
        "biased_seeds",
        "info",
        "Biased seeds stand apart",
        f"Filing known-good mail as spam: {_seeds(len(seeds))} ({spam} filed this one so). They are in no number here.",
        "Look for rules, blocked senders and old spam reports in their web settings, or replace them.",
        listing([seed.masked_address for seed in seeds]),
    )


def _excluded(left_out: Sequence[LeftOut]) -> Finding:
    return Finding(
        "seeds_left_out",
        "info",
        f"Left out: {left_out[0].title}",
        f"This kept {_seeds(len(left_out))} out of the test when it was opened: in no number here.",
        left_out[0].next_step,
        listing([one.masked_address for one in left_out]),
    )


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
