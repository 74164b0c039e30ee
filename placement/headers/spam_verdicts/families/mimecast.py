"""Mimecast gateways: a score; what they hold never reaches the mailbox."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Number, Opaque

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="mimecast",
    name="Mimecast",
    sources=("decode-spam",),
    headers={
        # Held by a policy of the customer, about 5 to 7: no threshold to go by.
        "X-Mimecast-Spam-Score": Number(),
        "X-Mimecast-Impersonation-Protect": _OPAQUE,
        "X-Mimecast-Spam-Signature": _OPAQUE,
        "X-Mimecast-Bulk-Signature": _OPAQUE,
        "X-Mimecast-Originator": _OPAQUE,
        "X-MC-Unique": _OPAQUE,
    },
    samples=(
        Sample("X-Mimecast-Spam-Score", "0", Says.UNKNOWN),
        Sample(
            "X-Mimecast-Impersonation-Protect",
            "Policy=CF - Impersonation Protect;Similar Internal Domain=false",
            Says.UNKNOWN,
        ),
        Sample("X-Mimecast-Spam-Signature", "bulk", Says.UNKNOWN),
        Sample("X-Mimecast-Bulk-Signature", "yes", Says.UNKNOWN),
        Sample("X-Mimecast-Originator", "d", Says.UNKNOWN),
        Sample("X-MC-Unique", "oRzHkYI1MvmfKd5Vq3Ytzg-1", Says.UNKNOWN),
    ),
)
