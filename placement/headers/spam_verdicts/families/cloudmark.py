"""Cloudmark (CMAE) inside Ziggo, KPN, Bluewin, Libero and Rackspace."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Number, Opaque, Pairs

_OPAQUE: Final = Opaque()
_CMAE: Final = Number(spam_from=100, threshold_known=False)

FAMILY: Final = Family(
    id="cloudmark",
    name="Cloudmark (Ziggo, KPN, Bluewin, Libero, Rackspace)",
    sources=("samples", "hdr-scan"),
    headers={
        "X-CMAE-Score": _CMAE,
        "X-CMAE-Analysis": _OPAQUE,
        "X-CMAE-Scan-Result": _OPAQUE,
        "X-MessageSniffer-Scan-Result": _OPAQUE,
        "X-Ziggo-spamscore": Number(),
        "X-Ziggo-spambar": _OPAQUE,
        "X-Ziggo-spamreport": _OPAQUE,
        "X-SourceIP": _OPAQUE,
        "X-KPN-SpamVerdict": Pairs(equals=":", says=(("finalverdict", {"clean": Says.CLEAN, "spam": Says.SPAM}),)),
        "X-Brand": _OPAQUE,
        "X-Bluewin-Spam-Score": Number(spam_from=100, threshold_known=False),
        "X-Bluewin-Spam-Analysis": _OPAQUE,
        "X-Bluewin-BP": _OPAQUE,
        "X-CNFS-Analysis": _OPAQUE,
        "x-libjamoibt": _OPAQUE,
        "X-IOL-DMARC": _OPAQUE,
        "X-IOL-SEC": _OPAQUE,
    },
    sender_stamps={"X-CMAE-Envelope": "Written by the server that sent the message."},
    samples=(
        Sample("X-CMAE-Score", "0", Says.CLEAN),
        Sample("X-CMAE-Score", "100", Says.SPAM),
        Sample("X-CMAE-Analysis", "v=2.4 cv=UNyOoQTy c=1 sm=1 tr=0 a=9cW_t1CCXrUA:10", Says.UNKNOWN),
        Sample("X-CMAE-Scan-Result", "0", Says.UNKNOWN),
        Sample("X-MessageSniffer-Scan-Result", "0", Says.UNKNOWN),
        Sample("X-Ziggo-spamscore", "0.0", Says.UNKNOWN),
        Sample("X-Ziggo-spambar", "/", Says.UNKNOWN),
        Sample("X-Ziggo-spamreport", "CMAE Analysis: v=2.4 cv=UNyOoQTy c=1 sm=0", Says.UNKNOWN),
        Sample("X-SourceIP", "192.0.2.7", Says.UNKNOWN),
        Sample("X-KPN-SpamVerdict", "e1=0;e2=0;EVW:White;BM:NotScanned;FinalVerdict:Clean", Says.CLEAN),
        Sample("X-KPN-SpamVerdict", "e1=0;EVW:None;FinalVerdict:Spam", Says.SPAM),
        Sample("X-Brand", "kpn", Says.UNKNOWN),
        Sample("X-Bluewin-Spam-Score", "0.00", Says.CLEAN),
        Sample("X-Bluewin-Spam-Score", "100.00", Says.SPAM),
        Sample("X-Bluewin-Spam-Analysis", "v=2.4 cv=UNyOoQTy c=1", Says.UNKNOWN),
        Sample("X-Bluewin-BP", "1", Says.UNKNOWN),
        Sample("X-CNFS-Analysis", "v=2.3 cv=ZdPMyfdA c=1 sm=1 tr=0 cx=a_idp_d", Says.UNKNOWN),
        Sample("x-libjamoibt", "1601", Says.UNKNOWN),
        Sample("X-IOL-DMARC", "pass con il dominio d", Says.UNKNOWN),
        Sample("X-IOL-SEC", "_SFQ", Says.UNKNOWN),
    ),
    unverified=("X-KPN-SpamVerdict: Spam", "X-IOL-*", "scores between 0 and 100"),
)
