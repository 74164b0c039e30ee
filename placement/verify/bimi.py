"""BIMI: the assertion record in DNS. Neither logo nor certificate is fetched; receivers judge those themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from placement.errors import LookupFailed
from placement.headers import Headers
from placement.verify.dns import Resolver
from placement.verify.model import BimiCheck, Outcome
from placement.verify.tags import TagError, parse_tags

_DEFAULT: Final = "default"
_MAX_SELECTOR: Final = 63
_MAX_RECORD: Final = 4096


def check(headers: Headers, from_domain: str, organisational_domain: str, resolver: Resolver) -> BimiCheck:
    """The record of the From domain, else of the organisational domain, at the selector the message names."""
    if not from_domain:
        return BimiCheck(Outcome.NONE, "The message has no From domain to look up.")
    selector = _selector(headers.first("BIMI-Selector"))
    seen = BimiCheck(Outcome.NONE, "", domain=from_domain, selector=selector)
    try:
        for domain in dict.fromkeys(filter(None, (from_domain, organisational_domain))):
            records = [text for text in resolver.txt(f"{selector}._bimi.{domain}") if _is_record(text)]
            if records:
                return _read(replace(seen, domain=domain), records)
    except LookupFailed as error:
        return replace(seen, outcome=Outcome.UNKNOWN, says=f"Unknown (temporary): {error}")
    return replace(seen, says=f"There is no BIMI record at {selector}._bimi.{from_domain}.")


def _selector(field: str) -> str:
    try:
        named = parse_tags(field).get("s", "") if field else ""
    except TagError:
        return _DEFAULT
    return named.lower()[:_MAX_SELECTOR] or _DEFAULT


def _is_record(text: bytes) -> bool:
    return text[:32].replace(b" ", b"").lower().startswith(b"v=bimi1")


def _read(seen: BimiCheck, records: list[bytes]) -> BimiCheck:
    text = records[0][:_MAX_RECORD].decode("utf-8", "replace")
    seen = replace(seen, record=text)
    if len(records) > 1:
        return replace(
            seen, outcome=Outcome.PERMERROR, says="There are several BIMI records; receivers use none of them."
        )
    try:
        tags = parse_tags(text)
    except TagError as error:
        return replace(seen, outcome=Outcome.PERMERROR, says=f"The BIMI record cannot be read: {error}.")
    return _judged(replace(seen, logo=tags.get("l", ""), authority=tags.get("a", "")))


def _judged(seen: BimiCheck) -> BimiCheck:
    if not seen.logo and not seen.authority:
        return replace(seen, says=f"{seen.domain} declines to take part in BIMI: its l= is empty.")
    for name, uri in (("l", seen.logo), ("a", seen.authority)):
        if uri and not uri.lower().startswith("https://"):
            says = f"{name}= of the BIMI record is no https address, so receivers ignore the record."
            return replace(seen, outcome=Outcome.PERMERROR, says=says)
    proof = "with a mark certificate" if seen.authority else "without a mark certificate, which Gmail and Apple need"
    return replace(seen, outcome=Outcome.PASS, says=f"{seen.domain} publishes a logo, {proof}. It was not fetched.")
