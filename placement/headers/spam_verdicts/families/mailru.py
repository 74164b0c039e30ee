"""Mail.ru: its headers stand below the sender's; most of them only Mail.ru can read."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Place, Sample, Says
from placement.headers.spam_verdicts.shapes import Contains, Opaque, Word

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="mailru",
    name="Mail.ru",
    sources=("sisimai", "samples", "hdr-scan"),
    place=Place.END,
    opened_by="X-DMARC-Policy",
    headers={
        "X-Mras": Word({"ok": Says.CLEAN}),
        "X-Spam": Contains({"not detected": Says.CLEAN}),
        "X-Mailru-Dmarc-Auth": _OPAQUE,
        "X-Mailru-BIMI-Organization": _OPAQUE,
        "X-Mailru-MsgType": _OPAQUE,
        "X-Mailru-Src": _OPAQUE,
        "X-7564579A": _OPAQUE,
        "X-77F55803": _OPAQUE,
        "X-7FA49CB5": _OPAQUE,
    },
    samples=(
        Sample("X-Mras", "Ok", Says.CLEAN),
        Sample("X-Mras", "9C5F5CEB", Says.UNKNOWN),
        Sample("X-Spam", "Not detected", Says.CLEAN),
        Sample("X-Spam", "undefined", Says.UNKNOWN),
        Sample("X-Mailru-Dmarc-Auth", "dmarc=pass header.from=a@d", Says.UNKNOWN),
        Sample("X-Mailru-BIMI-Organization", "d", Says.UNKNOWN),
        Sample("X-Mailru-MsgType", "770 capital", Says.UNKNOWN),
        Sample("X-Mailru-Src", "smtp", Says.UNKNOWN),
        Sample("X-7564579A", "EEAE043A70213CC8", Says.UNKNOWN),
        Sample("X-77F55803", "4F1203BC0FB41BD9", Says.UNKNOWN),
        Sample("X-7FA49CB5", "FF5795518A3D127A", Says.UNKNOWN),
    ),
    unverified=("X-Mras: what it says of spam", "opened_by: in both of two messages"),
)
