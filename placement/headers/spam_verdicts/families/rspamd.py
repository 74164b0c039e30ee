"""Rspamd, as own servers run it: points, threshold and every symbol in one header."""

from __future__ import annotations

import re
from typing import Final

from placement.headers.spam_verdicts.model import Family, Hit, Reading, Sample, Says
from placement.headers.spam_verdicts.shapes import MAX_VALUE, Number, Opaque, RuleList, Word, number

_OPAQUE: Final = Opaque()
#: "default: False [4.17 / 15.00]; SYMBOL(score)[opts]; …": True once the points reach an action.
_RESULT: Final = re.compile(
    r"(True|False)\s{0,4}\[\s{0,4}(-?[0-9.]{1,10})\s{0,4}/\s{0,4}(-?[0-9.]{1,10})\s{0,4}\]", re.IGNORECASE
)
_SYMBOLS: Final = RuleList(re.compile(r"(?<![\w])([A-Z][A-Z0-9_]{1,60})\((-?[0-9.]{1,10})\)"))
_ACTIONS: Final = {
    "no": Says.CLEAN,
    "greylist": Says.UNKNOWN,
    "add": Says.SPAM,
    "rewrite": Says.SPAM,
    "soft": Says.UNKNOWN,
    "reject": Says.SPAM,
}


def result(value: str) -> Reading:
    text = value[:MAX_VALUE]
    found = _RESULT.search(text)
    hits: tuple[Hit, ...] = tuple(_SYMBOLS.hits(text))
    if found is None:
        return Reading(hits=hits)
    return Reading(
        says=Says.SPAM if found.group(1).lower() == "true" else Says.CLEAN,
        score=number(found.group(2)),
        threshold=number(found.group(3)),
        hits=hits,
    )


FAMILY: Final = Family(
    id="rspamd",
    name="Rspamd",
    sources=("decode-spam", "samples"),
    headers={
        "X-Spamd-Result": result,
        "X-Rspamd-Action": Word(_ACTIONS),
        "X-Spamd-Bar": _OPAQUE,
        "X-Rspamd-Score": Number(),
        "X-Rspamd-Server": _OPAQUE,
        "X-Rspamd-Queue-Id": _OPAQUE,
    },
    samples=(
        Sample("X-Spamd-Result", "default: False [4.17 / 15.00]; ARC_NA(0.00)[]; R_SPF_ALLOW(-0.20)[+a]", Says.CLEAN),
        Sample("X-Spamd-Result", "default: True [16.2 / 15.00]; BAYES_SPAM(5.10)[100.00%]", Says.SPAM),
        Sample("X-Rspamd-Action", "no action", Says.CLEAN),
        Sample("X-Rspamd-Action", "add header", Says.SPAM),
        Sample("X-Spamd-Bar", "++++", Says.UNKNOWN),
        Sample("X-Rspamd-Score", "1.598556", Says.UNKNOWN),
        Sample("X-Rspamd-Server", "hq6", Says.UNKNOWN),
        Sample("X-Rspamd-Queue-Id", "40DA541C7E", Says.UNKNOWN),
    ),
    unverified=("X-Rspamd-Action",),
)
