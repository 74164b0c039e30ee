"""Google Workspace. Gmail writes no verdict: its policy stands in the DMARC comment (dis=)."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Word

FAMILY: Final = Family(
    id="google",
    name="Google Workspace",
    sources=("hdr-scan",),
    # A routing rule of an administrator writes them; most that are met came with mail that left a Workspace.
    headers={
        "X-Gm-Spam": Word({"0": Says.CLEAN, "1": Says.SPAM}),
        "X-Gm-Phishy": Word({"1": Says.PHISH}),
    },
    samples=(
        Sample("X-Gm-Spam", "0", Says.CLEAN),
        Sample("X-Gm-Spam", "1", Says.SPAM),
        Sample("X-Gm-Phishy", "1", Says.PHISH),
        Sample("X-Gm-Phishy", "0", Says.UNKNOWN),
    ),
    unverified=("who writes X-Gm-Spam",),
)
