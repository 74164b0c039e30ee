"""Yahoo, AOL, AT&T, Cox, Verizon, Sky: one platform. It names its bulk folder on old mail only."""

from __future__ import annotations

from typing import Final

from placement.headers.addresses import normal_address
from placement.headers.spam_verdicts.model import DeliveryFolder, Family, Place, Reading, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque, Word

_OPAQUE: Final = Opaque()


def filtered_bulk(value: str) -> Reading:
    """The client's address, written on mail that was put into Bulk; its absence proves nothing."""
    if not normal_address(value.strip()[:50]):
        return Reading()
    return Reading(says=Says.SPAM, delivery_folder=DeliveryFolder.JUNK)


FAMILY: Final = Family(
    id="yahoo",
    name="Yahoo platform",
    sources=("samples", "hdr-scan"),
    # Yahoo stamps the client's address into a hop above the one that took the message in.
    place=Place.BELOW,
    headers={
        "X-YahooFilteredBulk": filtered_bulk,
        "x-aol-global-disposition": Word({"g": Says.CLEAN, "s": Says.SPAM}),
        "X-YMailISG": _OPAQUE,
        "X-YMail-OSG": _OPAQUE,
        "X-Apparently-To": _OPAQUE,
        "X-Originating-IP": _OPAQUE,
        "x-aol-sid": _OPAQUE,
    },
    samples=(
        Sample("X-YahooFilteredBulk", "192.0.2.213", Says.SPAM, DeliveryFolder.JUNK),
        Sample("x-aol-global-disposition", "G", Says.CLEAN),
        Sample("x-aol-global-disposition", "S", Says.SPAM),
        Sample("X-YMailISG", "RT5ZnycWLDvIW52uqHS_EWNgl31N", Says.UNKNOWN),
        Sample("X-YMail-OSG", "eMrawLgVM1ma8AsZrTC_8QLLs39K", Says.UNKNOWN),
        Sample("X-Apparently-To", "a@d; Wed, 10 Jun 2020 10:11:23 +0000", Says.UNKNOWN),
        Sample("X-Originating-IP", "[192.0.2.145]", Says.UNKNOWN),
        Sample("x-aol-sid", "3039ac1d41164d08f9453480", Says.UNKNOWN),
    ),
    unverified=("x-aol-global-disposition: the meaning of its letters",),
)
