"""WP and o2 (Poland): one word. The same header is stamped on mail their customers send."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque, Word

FAMILY: Final = Family(
    id="wp_pl",
    name="WP, o2",
    sources=("hdr-scan",),
    headers={
        "X-WP-SPAM": Word({"no": Says.CLEAN, "yes": Says.SPAM}),
        "X-WP-AV": Opaque(),
        "X-WP-MailID": Opaque(),
    },
    samples=(
        Sample("X-WP-SPAM", "NO 000000A [kQLQ]", Says.CLEAN),
        Sample("X-WP-SPAM", "YES 000000A [kQLQ]", Says.SPAM),
        Sample("X-WP-AV", "skaner antywirusowy Poczty Wirtualnej Polski", Says.UNKNOWN),
        Sample("X-WP-MailID", "8a24a4f4f4f4", Says.UNKNOWN),
    ),
    unverified=("X-WP-SPAM: YES",),
)
