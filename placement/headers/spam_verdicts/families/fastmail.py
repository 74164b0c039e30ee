"""Fastmail: SpamAssassin points with the rules that fired, and a Vade score beside them."""

from __future__ import annotations

import re
from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Number, Opaque, RuleList, Word

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="fastmail",
    name="Fastmail",
    sources=("samples",),
    headers={
        # The account moves mail from its own threshold on; 5 is the default.
        "X-Spam-score": Number(spam_from=5),
        "X-Spam-hits": RuleList(re.compile(r"([A-Z][A-Z0-9_]{2,60}) (-?[0-9]{1,5}(?:\.[0-9]{1,6})?)(?![\w.])")),
        "X-Spam-known-sender": Word(
            {},
            meanings={"yes": "The account knows the sender, so the filter is skipped.", "no": "An unknown sender."},
        ),
        "X-Spam-source": _OPAQUE,
        "X-Spam-sender-reputation": Number(),
        "X-ME-VSScore": Number(),
        "X-ME-VSCategory": Word(
            {
                "clean": Says.CLEAN,
                "transactional": Says.CLEAN,
                "commercial": Says.BULK,
                "spam": Says.SPAM,
                "phishing": Says.PHISH,
                "malware": Says.MALWARE,
            }
        ),
        "X-ME-VSCause": _OPAQUE,
        "X-Delivered-to": _OPAQUE,
        "X-Mail-from": _OPAQUE,
    },
    samples=(
        Sample("X-Spam-score", "1.5", Says.CLEAN),
        Sample("X-Spam-score", "7.1", Says.SPAM),
        Sample("X-Spam-hits", "DCC_CHECK 1.1, SPF_PASS -0.001, LANGUAGES en, SA_VERSION 3.4.6", Says.UNKNOWN),
        Sample("X-Spam-known-sender", 'yes ("The Fastmail Team"); trusted-sender', Says.UNKNOWN),
        Sample("X-Spam-source", "IP='192.0.2.167', Host='h', Country='US', FromHeader='com'", Says.UNKNOWN),
        Sample("X-Spam-sender-reputation", "500 (none)", Says.UNKNOWN),
        Sample("X-ME-VSScore", "20", Says.UNKNOWN),
        Sample("X-ME-VSCategory", "transactional:account", Says.CLEAN),
        Sample("X-ME-VSCategory", "commercial:mce", Says.BULK),
        Sample("X-ME-VSCause", "gggruggvucftvghtrhhoucdtuddrgedvkedrkeeigdduheelucetufdo", Says.UNKNOWN),
        Sample("X-Delivered-to", "a@d", Says.UNKNOWN),
        Sample("X-Mail-from", "a@d", Says.UNKNOWN),
    ),
    unverified=("X-Spam-score: 5 as the default threshold", "X-ME-VSCategory: spam, phishing, malware"),
)
