"""What the evidence page of one result shows: two opinions side by side, the route drawn, the lines all rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponse

from seedtest.reports import readings
from seedtest.reports.evidence import Evidence
from seedtest.reports.header_lines import header_lines

_NAMES: Final = {
    "spf": "SPF", "dkim": "DKIM", "dmarc": "DMARC", "arc": "ARC", "bimi": "BIMI", "one_click": "One-click unsubscribe",
}  # fmt: skip
_TONES: Final = {
    "good": frozenset({"pass", "headers_only", "inbox", "clean"}),
    "bad": frozenset({"fail", "hardfail", "softfail", "permerror", "policy", "spam", "phish", "malware"}),
    "warn": frozenset({"neutral", "none", "bulk"}),
}
_WORDS: Final = {
    None: "said nothing", "headers_only": "pass (headers only)", "clean": "not spam",
}  # fmt: skip
_SEVERITIES: Final = ("high", "medium", "info")
#: Not having these is no fault.
_OPTIONAL: Final = frozenset({"arc", "bimi"})
#: What each mark of a header line is called beside it; colour alone would not be read by everybody.
MARKS: Final = {
    "believed": "counts",
    "doubted": "not believed",
    "verdict": "filter",
    "ignored": "not believed",
    "boundary": "sending IP",
    "route": "route",
    "identity": "sender",
    "list": "list",
}
#: Facts of our own checks worth a line of their own.
_FACTS: Final = (
    ("domain", "Domain"), ("selector", "Selector"), ("aligned", "In line with From"), ("algorithm", "Algorithm"),
    ("key_bits", "Key, bits"), ("sending_ip", "Sending IP"), ("mechanism", "Matched"), ("lookups", "DNS lookups"),
    ("policy", "Policy"), ("record_domain", "Record at"), ("record", "Record"), ("covered", "Signed fields"),
    ("body_limit", "Signed body, bytes"), ("expires_at", "Expires"), ("logo", "Logo"), ("authority", "Certificate"),
    ("uri", "Address"), ("signed_by", "Signed by"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Row:
    """One method: the receiver's word, ours, and what either rests on."""

    name: str
    receiver: Word | None  # None: nothing a receiver speaks of
    ours: Word
    line: str
    says: str
    facts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # (what, its facts)


@dataclass(frozen=True, slots=True)
class Hop:
    """`css`: how long the bar is, of the longest delay; "" draws none. `words`: how the message came here."""

    document: Mapping[str, Any]
    css: str
    words: str


def context(evidence: Evidence) -> dict[str, Any]:
    told = evidence.document
    return {
        "evidence": evidence,
        "rows": [_row(method, told) for method in readings.CHECKS],
        "untrusted": told["untrusted"],
        "hops": list(_hops(told["route"]["hops"])),
        "route": told["route"],
        "says": told["says"],
        "filter_word": word(told["says"]["placement"]) if told["says"]["header"] else None,
        "verdicts": [readings.verdict(one) for one in evidence.reading.verdicts.believed],
        "ignored": [readings.ignored(one) for one in evidence.reading.verdicts.ignored],
        "lists": list(_list_rows(evidence)),
        "list_faults": readings.list_headers(evidence.reading)["faults"],
        "lines": [(one, MARKS.get(one.mark, "")) for one in header_lines(evidence.block, evidence.reading)],
        "findings": sorted(told["findings"], key=lambda one: _SEVERITIES.index(one["severity"])),
    }


def word(result: str | None) -> Word:
    tone = next((tone for tone, words in _TONES.items() if result in words), "quiet")
    return Word(_WORDS.get(result, result or ""), tone)


def _own_word(method: str, result: str) -> Word:
    return Word("none", "quiet") if method in _OPTIONAL and result == "none" else word(result)


def _row(method: str, told: Mapping[str, Any]) -> Row:
    check, said = told["checks"][method], told["authentication"].get(method)
    parts = [(f"Signature {number}", one) for number, one in enumerate(check.get("signatures", ()), 1)]
    parts = parts or [("", check)]
    return Row(
        name=_NAMES[method],
        receiver=word(said["result"]) if said is not None else None,
        ours=_own_word(method, check["result"]),
        line=f"{said['header']}: {said['line']}" if said and said["line"] else "",
        says=check["says"],
        facts=tuple((name, tuple(_facts(one))) for name, one in parts if any(_facts(one))),
    )


def _facts(check: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, name in _FACTS:
        value = check.get(key)
        if value not in (None, "", [], ()):
            yield name, _said(value)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _hops(hops: Sequence[Mapping[str, Any]]) -> Iterator[Hop]:
    longest = max((hop["delay_seconds"] or 0 for hop in hops), default=0) or 1
    for hop in hops:
        share = 100 * (hop["delay_seconds"] or 0) / longest
        yield Hop(hop, f"{share:.2f}" if share else "", " · ".join(filter(None, _hop_words(hop))))


def _hop_words(hop: Mapping[str, Any]) -> Iterator[str]:
    address = f"[{hop['address']}]" if hop["address"] else ""
    sender = " ".join(filter(None, [hop["from"], address]))
    yield f"from {sender}" if sender else ""
    yield hop["with"]
    yield f"TLS {hop['tls']['version']}".strip() if hop["tls"] else "no TLS named"
    yield f"for {hop['for']}" if hop["for"] else ""
    yield "the receiver" if hop["by_receiver"] else ""


_LIST_NAMES: Final = {
    "list_unsubscribe": "List-Unsubscribe", "list_unsubscribe_post": "List-Unsubscribe-Post", "list_id": "List-Id",
    "feedback_id": "Feedback-ID", "precedence": "Precedence", "auto_submitted": "Auto-Submitted",
    "return_path": "Return-Path", "bimi_selector": "BIMI-Selector", "bimi_location": "BIMI-Location",
}  # fmt: skip


def _list_rows(evidence: Evidence) -> Iterator[tuple[str, str]]:
    found = readings.list_headers(evidence.reading)
    for key, name in _LIST_NAMES.items():
        if found[key]:
            yield name, found[key]


def download(content: bytes, name: str) -> HttpResponse:
    """A file to save, which no browser shows or runs in our name."""
    answer = HttpResponse(content, content_type="message/rfc822")
    answer["Content-Disposition"] = f'attachment; filename="{name}.eml"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer
