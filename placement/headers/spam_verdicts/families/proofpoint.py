"""Proofpoint gateways. rule=outbound_* is the stamp of a sender behind one."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Reading, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque, Pairs, Word

_OPAQUE: Final = Opaque()
_DETAILS: Final = Pairs(
    separators=" ",
    says=(
        (
            "rule",
            {
                "notspam": Says.CLEAN,
                "inbound_notspam": Says.CLEAN,
                "spam": Says.SPAM,
                "inbound_spam": Says.SPAM,
                "phish": Says.PHISH,
                "inbound_phish": Says.PHISH,
                "bulk": Says.BULK,
                "inbound_bulk": Says.BULK,
            },
        ),
    ),
    score="score",
    scores=("spamscore", "phishscore", "bulkscore", "malwarescore", "suspectscore", "mlxscore"),
)


def details(value: str) -> Reading:
    return Reading() if value.lstrip().lower().startswith("rule=outbound") else _DETAILS(value)


FAMILY: Final = Family(
    id="proofpoint",
    name="Proofpoint",
    sources=("decode-spam", "samples"),
    headers={
        "X-Proofpoint-Spam-Details": details,
        "X-Proofpoint-Spam-Details-Enc": _OPAQUE,
        "X-Proofpoint-Virus-Version": _OPAQUE,
        "X-Proofpoint-GUID": _OPAQUE,
        "X-CLX-Shades": Word({"deliver": Says.CLEAN}),
        "X-MDID": _OPAQUE,
        "X-PPE-STACK": _OPAQUE,
        "X-PPE-TRUSTED": _OPAQUE,
    },
    samples=(
        Sample("X-Proofpoint-Spam-Details", "rule=notspam policy=default score=0 bulkscore=0 spamscore=0", Says.CLEAN),
        Sample("X-Proofpoint-Spam-Details", "rule=inbound_spam policy=inbound score=99 spamscore=99", Says.SPAM),
        Sample("X-Proofpoint-Spam-Details", "rule=outbound_notspam policy=outbound score=0", Says.UNKNOWN),
        Sample("X-Proofpoint-Spam-Details-Enc", "AW1haW4tMjQxMTA4MDEyMyBTYWx0", Says.UNKNOWN),
        Sample("X-Proofpoint-Virus-Version", "vendor=fsecure engine=2.50.10434", Says.UNKNOWN),
        Sample("X-Proofpoint-GUID", "LEm70QGIAm5yI92lkVoK9pVFjTUb0sDQ", Says.UNKNOWN),
        Sample("X-CLX-Shades", "MLX", Says.UNKNOWN),
        Sample("X-MDID", "1447695362-7QHzzMfWg3Ex", Says.UNKNOWN),
        Sample("X-PPE-STACK", "{'stack':'us4'}", Says.UNKNOWN),
        Sample("X-PPE-TRUSTED", "V=1;DIR=OUT;", Says.UNKNOWN),
    ),
    unverified=("X-Proofpoint-Spam-Details: rules other than notspam", "X-MDID", "X-PPE-*"),
)
