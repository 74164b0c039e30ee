"""Mailbox names on the wire: modified UTF-7 (RFC 3501 5.1.3). What cannot be decoded stays readable."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

_SHIFTED: Final = re.compile(rb"&([^&-]*)-")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+|&")


def decode_name(raw: bytes) -> str:
    """8-bit names are UTF-8 (RFC 6855, RFC 9051), where "&" is only itself. NUL becomes U+FFFD."""
    if not raw.isascii():
        return _eight_bit(raw)
    return _SHIFTED.sub(_decoded_chunk, raw).decode("utf-8", "replace").replace("\0", "\ufffd")


def encode_name(name: str) -> bytes:
    return _UNPRINTABLE.sub(_encoded_chunk, name).encode("ascii")


def _eight_bit(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.replace("\0", "\ufffd")


def _decoded_chunk(found: re.Match[bytes]) -> bytes:
    chunk = found.group(1)
    if not chunk:
        return b"&"
    try:
        padded = chunk.replace(b",", b"/") + b"=" * (-len(chunk) % 4)
        return base64.b64decode(padded, validate=True).decode("utf-16-be").encode("utf-8")
    except (binascii.Error, ValueError):
        return found.group()


def _encoded_chunk(found: re.Match[str]) -> str:
    if found.group() == "&":
        return "&-"
    encoded = base64.b64encode(found.group().encode("utf-16-be", "surrogatepass")).decode("ascii")
    return "&" + encoded.rstrip("=").replace("/", ",") + "-"
