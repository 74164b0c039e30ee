"""Cisco (IronPort) gateways: the sender's reputation and the policy it got."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Number, Opaque

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="cisco",
    name="Cisco Secure Email (IronPort)",
    sources=("decode-spam", "samples"),
    headers={
        "X-SBRS": Number(),  # -10 to 10, the higher the better
        "X-IronPort-MailFlowPolicy": _OPAQUE,  # $TRUSTED · $ACCEPTED · $THROTTLED · $BLOCKED
        "X-IronPort-SenderGroup": _OPAQUE,
        "X-IronPort-Anti-Spam-Filtered": _OPAQUE,  # that it was looked at, not what was found
        "X-IronPort-Anti-Spam-Result": _OPAQUE,
        "X-IPAS-Result": _OPAQUE,
        "X-IronPort-AV": _OPAQUE,
    },
    samples=(
        Sample("X-SBRS", "5.1", Says.UNKNOWN),
        Sample("X-IronPort-MailFlowPolicy", "$ACCEPTED", Says.UNKNOWN),
        Sample("X-IronPort-SenderGroup", "UNKNOWNLIST", Says.UNKNOWN),
        Sample("X-IronPort-Anti-Spam-Filtered", "true", Says.UNKNOWN),
        Sample("X-IronPort-Anti-Spam-Result", "AvMBAPfV6koIDCrmhWdsb2JhbACbVgEBAQoLChoDxH2EPQQ", Says.UNKNOWN),
        Sample("X-IPAS-Result", "A0C0kgB4e0RjYQqF5JhaGgEBAQEBKwEBAQEDAQEBAQEBA", Says.UNKNOWN),
        Sample("X-IronPort-AV", 'E=Sophos;i="5.97,222,1669071600"; d="scan\'208";a="60840111"', Says.UNKNOWN),
    ),
)
