"""Yandex Mail: one digit, written right below the Received of its front server."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import DeliveryFolder, Family, Place, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque, Word

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="yandex",
    name="Yandex Mail",
    sources=("sisimai", "hdr-scan"),
    place=Place.BELOW,
    headers={
        # 2 was seen on notifications of GitHub: other mail, perhaps bulk; it says nothing of a folder.
        "X-Yandex-Spam": Word(
            {"1": Says.CLEAN, "2": Says.BULK, "4": Says.SPAM},
            {"1": DeliveryFolder.INBOX, "4": DeliveryFolder.JUNK},
        ),
        "X-Yandex-Front": _OPAQUE,
        "X-Yandex-Fwd": _OPAQUE,
        "X-Yandex-Uniq": _OPAQUE,
        "X-Yandex-TimeMark": _OPAQUE,
    },
    samples=(
        Sample("X-Yandex-Spam", "1", Says.CLEAN, DeliveryFolder.INBOX),
        Sample("X-Yandex-Spam", "2", Says.BULK),
        Sample("X-Yandex-Spam", "4", Says.SPAM, DeliveryFolder.JUNK),
        Sample("X-Yandex-Front", "mxback1h.mail.yandex.net", Says.UNKNOWN),
        Sample("X-Yandex-Fwd", "MTM1NDMyNjI4MTQ4OTgzNjcz", Says.UNKNOWN),
        Sample("X-Yandex-Uniq", "92309766-f1c8-4bd4-92bc-657c75766587", Says.UNKNOWN),
        Sample("X-Yandex-TimeMark", "1417885948", Says.UNKNOWN),
    ),
    unverified=("X-Yandex-Spam: the meaning of 2",),
)
