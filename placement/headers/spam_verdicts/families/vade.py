"""Vade inside Orange, LaPoste, Comcast, BT, Telstra and OVH: a level in words, a rating from 0 to 100."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Number, Opaque, Pairs, Word

_OPAQUE: Final = Opaque()
_LEVEL: Final = {
    "not-spam": Says.CLEAN,
    "low": Says.SPAM,
    "medium": Says.SPAM,
    "high": Says.SPAM,
    "spam": Says.SPAM,
    "phishing": Says.PHISH,
    "malware": Says.MALWARE,
}
_STATE: Final = {
    "clean": Says.CLEAN,
    "legit": Says.CLEAN,
    "ok": Says.CLEAN,
    "spam": Says.SPAM,
    "suspect": Says.SPAM,
    "phishing": Says.PHISH,
    "scam": Says.PHISH,
    "malware": Says.MALWARE,
    "virus": Says.MALWARE,
    "commercial": Says.BULK,
    "marketing": Says.BULK,
}

FAMILY: Final = Family(
    id="vade",
    name="Vade (Orange, LaPoste, Comcast, BT, Telstra, OVH)",
    sources=("hdr-scan",),
    headers={
        "X-me-spamlevel": Word(_LEVEL),
        "X-me-spamrating": Number(),
        "X-me-spamcause": _OPAQUE,
        "X-lpn-spamlevel": Word(_LEVEL),
        "X-lpn-spamrating": Number(),
        "X-lpn-spamcause": _OPAQUE,
        "X-lpn-mailing": _OPAQUE,
        "X-Xfinity-VMeta": Pairs(says=(("st", _STATE),), score="sc", scores=("sc",)),
        # IPv6:N;TLS=1;SPF=1;DMARC=: Comcast's SPF and DMARC results stand here and nowhere else.
        "X-Xfinity-Message-Heuristics": _OPAQUE,
        "X-Xfinity-VAAS": _OPAQUE,
        "X-CAA-SPAM": _OPAQUE,
        "X-VadeSecure-score": Pairs(separators=" ,", says=(("verdict", _STATE), ("class", _STATE)), score="score"),
        "X-RazorGate-Vade-Verdict": Word(_STATE),
        "X-RazorGate-Vade-Classification": Word(_STATE),
        "X-RazorGate-Vade": _OPAQUE,
        "X-OWM-Source-IP": _OPAQUE,
        "X-VR-SPAMSTATE": Word(_STATE),
        "X-VR-SPAMSCORE": Number(),
        "X-Ovh-Spam-Reason": _OPAQUE,
    },
    samples=(
        Sample("X-me-spamlevel", "not-spam", Says.CLEAN),
        Sample("X-me-spamrating", "36.00", Says.UNKNOWN),
        Sample("X-me-spamcause", "gggruggvucftvghtrhhoucdtuddrgeefvddrtddv", Says.UNKNOWN),
        Sample("X-lpn-spamlevel", "low", Says.SPAM),
        Sample("X-lpn-spamrating", "69", Says.UNKNOWN),
        Sample("X-lpn-spamcause", "gggruggvucftvghtrhhoucdtuddrgeefvddrtddv", Says.UNKNOWN),
        Sample("X-lpn-mailing", "LEGIT", Says.UNKNOWN),
        Sample("X-Xfinity-VMeta", "sc=0.00;st=legit", Says.CLEAN),
        Sample("X-Xfinity-Message-Heuristics", "IPv6:N;TLS=1;SPF=1;DMARC=", Says.UNKNOWN),
        Sample("X-Xfinity-VAAS", "gggruggvucftvghtrhhoucdtuddrgeefvddrtddv", Says.UNKNOWN),
        Sample("X-CAA-SPAM", "00000", Says.UNKNOWN),
        Sample("X-VadeSecure-score", "verdict=clean score=0/300, class=clean", Says.CLEAN),
        Sample("X-VadeSecure-score", "verdict=spam:high score=500/300, class=spam", Says.SPAM),
        Sample("X-RazorGate-Vade-Verdict", "clean 0", Says.CLEAN),
        Sample("X-RazorGate-Vade-Classification", "clean", Says.CLEAN),
        Sample("X-RazorGate-Vade", "gggruggvucftvghtrhhoucdtuddrgeefvddrtddv", Says.UNKNOWN),
        Sample("X-OWM-Source-IP", "192.0.2.5 (GB)", Says.UNKNOWN),
        Sample("X-VR-SPAMSTATE", "OK", Says.CLEAN),
        Sample("X-VR-SPAMSCORE", "0", Says.UNKNOWN),
        Sample("X-Ovh-Spam-Reason", "vr: OK; dkim: disabled; spf: disabled", Says.UNKNOWN),
    ),
    unverified=("every word but not-spam, low, clean, legit and OK", "X-CAA-SPAM"),
)
