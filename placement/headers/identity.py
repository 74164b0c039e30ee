"""Who the message says it is from: From domain, return path, subject."""

from __future__ import annotations

import re
from typing import Final

from placement.headers.block import Headers
from placement.headers.domains import normal_domain

_MAX_ADDRESS_FIELD: Final = 2000
#: Quoted display names and comments may hold an "@"; the caps keep an unclosed one from costing much.
_NOISE: Final = re.compile(r'"(?:[^"\\]|\\.){0,500}"|\([^()]{0,500}\)')
_ANGLE: Final = re.compile(r"<([^<>]*)>")
_BARE: Final = re.compile(r"[^\s<>,;:]+@[^\s<>,;:]+")


def from_domain(headers: Headers) -> str:
    """Domain of the first From address, "" when there is none."""
    return _domain(first_address(headers.first("From")))


def return_path_domain(headers: Headers) -> str:
    """Domain of the envelope sender as the receiver wrote it; "" for bounces (<>) and when absent."""
    return _domain(first_address(headers.first("Return-Path")))


def subject(headers: Headers) -> str:
    """Decoded, white space collapsed."""
    return " ".join(headers.decoded("Subject").split())


def first_address(text: str) -> str:
    cleaned = _NOISE.sub(" ", text[:_MAX_ADDRESS_FIELD])
    for angled in _ANGLE.findall(cleaned):
        if "@" in angled:
            return str(angled).strip()
    bare = _BARE.search(cleaned)
    return bare.group(0) if bare else ""


def _domain(address: str) -> str:
    return normal_domain(address.rpartition("@")[2]) if "@" in address else ""
