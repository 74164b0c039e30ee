"""Proton Mail: X-Pm-Spam-Action says what its filter decided on arrival."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import DeliveryFolder, Family, Place, Sample, Says
from placement.headers.spam_verdicts.shapes import Number, Opaque, Word

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="proton",
    name="Proton Mail",
    sources=("ms-vocab", "hdr-scan"),
    place=Place.END,
    opened_by="X-Pm-Origin",
    headers={
        "X-Pm-Spam-Action": Word(
            {"inbox": Says.INBOX, "spam": Says.SPAM, "phishing": Says.PHISH},
            {
                "inbox": DeliveryFolder.INBOX,
                "spam": DeliveryFolder.JUNK,
                "phishing": DeliveryFolder.JUNK,
            },
            {"dunno": "dunno – the filter was not sure."},
        ),
        # 0 to 24 as a rule, 101 and 102 forced: no threshold is published.
        "X-Pm-Spamscore": Number(),
        "X-Pm-Spam": _OPAQUE,
        "X-Pm-Origin": _OPAQUE,
        "X-Pm-Content-Encryption": _OPAQUE,
        "X-Pm-Transfer-Encryption": _OPAQUE,
    },
    samples=(
        Sample("X-Pm-Spam-Action", "inbox", Says.INBOX, DeliveryFolder.INBOX),
        Sample("X-Pm-Spam-Action", "spam", Says.SPAM, DeliveryFolder.JUNK),
        Sample("X-Pm-Spam-Action", "phishing", Says.PHISH, DeliveryFolder.JUNK),
        Sample("X-Pm-Spam-Action", "dunno", Says.UNKNOWN),
        Sample("X-Pm-Spamscore", "24", Says.UNKNOWN),
        Sample("X-Pm-Spam", "0yezJI6cihyJeYR3pi42biOpJ", Says.UNKNOWN),
        Sample("X-Pm-Origin", "external", Says.UNKNOWN),
        Sample("X-Pm-Content-Encryption", "on-delivery", Says.UNKNOWN),
        Sample("X-Pm-Transfer-Encryption", "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384", Says.UNKNOWN),
    ),
    unverified=("place, opened_by: not seen on a whole message",),
)
