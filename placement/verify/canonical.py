"""Canonical forms of DKIM (RFC 6376 3.4), on the raw bytes and in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from placement.headers.block import Field

_SPACES: Final = re.compile(rb"[ \t]+")
_CRLF: Final = b"\r\n"


def header(field: Field, method: str) -> bytes:
    """One field with its line end."""
    return _simple_header(field.raw) if method == "simple" else _relaxed_header(field)


def _simple_header(raw: bytes) -> bytes:
    return raw if raw.endswith(_CRLF) else raw + _CRLF


def _relaxed_header(field: Field) -> bytes:
    value = field.raw.partition(b":")[2].replace(_CRLF, b"")
    return field.name.lower().encode() + b":" + _SPACES.sub(b" ", value).strip(b" ") + _CRLF


def body(raw: bytes, method: str) -> bytes:
    """The body: trailing empty lines gone, exactly one line end at its end (simple: an empty body is CRLF)."""
    if method == "relaxed":
        raw = _CRLF.join(_SPACES.sub(b" ", line).rstrip(b" ") for line in raw.split(_CRLF))
    trimmed = _without_empty_lines(raw)
    if not trimmed and method == "relaxed":
        return b""
    return trimmed + _CRLF


def _without_empty_lines(raw: bytes) -> bytes:
    end = len(raw)
    while raw[max(end - 2, 0) : end] == _CRLF:
        end -= 2
    return raw[:end]


def selected(fields: Sequence[Field], names: Sequence[str]) -> Iterator[Field]:
    """The signed fields in the order of h=: each name takes the lowest one not taken yet (RFC 6376 5.4.2)."""
    stacks: dict[str, list[Field]] = {}
    for field in fields:
        stacks.setdefault(field.name.lower(), []).append(field)
    for name in names:
        if stack := stacks.get(name):
            yield stack.pop()


#: The value of b=, wherever it stands in the list; bh= is another tag.
_SIGNATURE_VALUE: Final = re.compile(rb"((?:^|;)[ \t\r\n]*+b[ \t\r\n]*+=)[^;]*+")


def unsigned(field: Field, method: str) -> bytes:
    """A signature field as it was signed: b= empty, no line end (RFC 6376 3.7)."""
    name, colon, value = field.raw.partition(b":")
    emptied = Field(field.name, name + colon + _SIGNATURE_VALUE.sub(rb"\1", value, count=1), b"")
    return header(emptied, method).removesuffix(_CRLF)
