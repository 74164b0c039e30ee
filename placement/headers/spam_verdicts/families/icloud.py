"""iCloud Mail: the folder it chose stands in X-Apple-MoveToFolder; a Proofpoint filter works inside."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import DeliveryFolder, Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Number, Opaque, Word

_OPAQUE: Final = Opaque()
_MOVE: Final = Word(
    {"inbox": Says.INBOX, "junk": Says.SPAM}, {"inbox": DeliveryFolder.INBOX, "junk": DeliveryFolder.JUNK}
)
_ACTION: Final = Word(
    {"move_to_folder/inbox": Says.INBOX, "move_to_folder/junk": Says.SPAM},
    {"move_to_folder/inbox": DeliveryFolder.INBOX, "move_to_folder/junk": DeliveryFolder.JUNK},
)

FAMILY: Final = Family(
    id="icloud",
    name="iCloud Mail",
    sources=("hdr-scan", "dkimchecks"),
    headers={
        "X-Apple-MoveToFolder": _MOVE,
        "X-Apple-Action": _ACTION,
        "X-Suspected-Spam": Word({"true": Says.SPAM, "false": Says.CLEAN}),
        # "About 4 and above is junk" was reported once: too little for a threshold.
        "X-ICL-SCORE": Number(),
        "X-ICL-INFO": _OPAQUE,
        "X-DMARC-Info": _OPAQUE,
        "X-DMARC-Policy": _OPAQUE,
        "X-ARC-Info": _OPAQUE,
        "X-CLX-Shades": Word({"deliver": Says.CLEAN}),
    },
    samples=(
        Sample("X-Apple-MoveToFolder", "INBOX", Says.INBOX, DeliveryFolder.INBOX),
        Sample("X-Apple-MoveToFolder", "Junk", Says.SPAM, DeliveryFolder.JUNK),
        Sample("X-Apple-MoveToFolder", "Receipts", Says.UNKNOWN),
        Sample("X-Apple-Action", "MOVE_TO_FOLDER/INBOX", Says.INBOX, DeliveryFolder.INBOX),
        Sample("X-Apple-Action", "MOVE_TO_FOLDER/Junk", Says.SPAM, DeliveryFolder.JUNK),
        Sample("X-Suspected-Spam", "true", Says.SPAM),
        Sample("X-ICL-SCORE", "3.323434343301", Says.UNKNOWN),
        Sample("X-ICL-INFO", "GAtbVUseBVFGSVVESVZGS0dEQ1NM", Says.UNKNOWN),
        Sample("X-DMARC-Info", "pass=pass; dmarc-policy=none; s=r0; d=r0; pdomain=d", Says.UNKNOWN),
        Sample("X-DMARC-Policy", "v=DMARC1; p=none", Says.UNKNOWN),
        Sample("X-ARC-Info", "policy=fail; arc=none", Says.UNKNOWN),
        Sample("X-CLX-Shades", "Deliver", Says.CLEAN),
        Sample("X-CLX-Shades", "MLX", Says.UNKNOWN),
    ),
    unverified=("X-Suspected-Spam: its values", "X-ICL-SCORE: its threshold"),
)
