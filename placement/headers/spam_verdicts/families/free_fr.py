"""Free (France): X-ProXaD-SC states the verdict, its category and a score."""

from __future__ import annotations

import re
from typing import Final

from placement.headers.spam_verdicts.model import DeliveryFolder, Family, Reading, Sample, Says
from placement.headers.spam_verdicts.shapes import MAX_VALUE, number

#: state=HAM|SPAM[:Category] score=N
_STATE: Final = re.compile(r"state=(HAM|SPAM)(?::([\w-]{1,60}))?(?:\s+score=(-?[0-9.]{1,10}))?", re.IGNORECASE)


def proxad(value: str) -> Reading:
    found = _STATE.search(value[:MAX_VALUE])
    if found is None:
        return Reading()
    spam = found.group(1).upper() == "SPAM"
    return Reading(
        says=Says.SPAM if spam else Says.CLEAN,
        score=number(found.group(3) or ""),
        delivery_folder=DeliveryFolder.JUNK if spam else DeliveryFolder.INBOX,
        meanings=(f"Category {found.group(2)}.",) if found.group(2) else (),
    )


FAMILY: Final = Family(
    id="free_fr",
    name="Free",
    sources=("hdr-scan",),
    headers={"X-ProXaD-SC": proxad},
    samples=(
        Sample("X-ProXaD-SC", "state=HAM score=0", Says.CLEAN, DeliveryFolder.INBOX),
        Sample("X-ProXaD-SC", "state=SPAM:CommercialEmailGeneric score=255", Says.SPAM, DeliveryFolder.JUNK),
    ),
)
