"""Who the message says it is from: From domain, return path, subject."""

from __future__ import annotations

import re
from typing import Final

from placement.headers.block import Headers
from placement.headers.comments import comment_end
from placement.headers.domains import normal_domain

_MAX_OUTSIDE: Final = 2000
_OPENING: Final = re.compile(r'["(]')
_QUOTED: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
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
    cleaned = _outside(text)[:_MAX_OUTSIDE]
    for angled in _ANGLE.findall(cleaned):
        if "@" in angled:
            return str(angled).strip()
    bare = _BARE.search(cleaned)
    return bare.group(0) if bare else ""


def _outside(text: str) -> str:
    """What stands outside of quoted names and comments, where an "@" means nothing (RFC 5322 3.2.2, 3.2.4).

    Where one is never closed, the marks that open its kind are characters from there on.
    """
    kept: list[str] = []
    never_closed = ""
    position = 0
    for opening in _OPENING.finditer(text):
        start, mark = opening.start(), opening.group()
        if start < position or mark in never_closed:
            continue
        end = comment_end(text, start) if mark == "(" else _quote_end(text, start)
        if end > len(text):
            never_closed += mark
            continue
        kept += [text[position:start], " "]
        position = end
    return "".join([*kept, text[position:]])


def _quote_end(text: str, start: int) -> int:
    """As `comment_end`."""
    found = _QUOTED.match(text, start)
    return found.end() if found else len(text) + 1


def _domain(address: str) -> str:
    return normal_domain(address.rpartition("@")[2]) if "@" in address else ""
