"""A message as signatures see it: fields in order and the body, byte for byte; or a header block alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from placement.headers import Headers
from placement.headers.block import Field
from placement.verify import canonical

MAX_BODY: Final = 64 * 1024 * 1024
_EMPTY_LINE: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """What is kept where raw mail is not: the headers, perhaps cut."""

    block: bytes = field(repr=False)
    truncated: bool = False


@dataclass(frozen=True)
class Raw:
    """`body` is None where it was not kept."""

    headers: Headers
    body: bytes | None = field(repr=False)
    truncated: bool = False
    _hashes: dict[tuple[str, int | None], bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, message: bytes | HeaderBlock) -> Raw:
        if isinstance(message, HeaderBlock):
            return cls(Headers.parse(with_crlf(message.block)), None, message.truncated)
        head, body = _split(with_crlf(message))
        return cls(Headers.parse(head), body)

    def named(self, name: str) -> list[Field]:
        return [one for one in self.headers.fields if one.name.lower() == name]

    def body_hash(self, method: str, limit: int | None) -> bytes:
        """SHA-256 of the canonical body, at most `limit` bytes of it (RFC 6376 3.7)."""
        key = (method, limit)
        if key not in self._hashes:
            self._hashes[key] = hashlib.sha256(self.canonical_body(method)[:limit]).digest()
        return self._hashes[key]

    def canonical_body(self, method: str) -> bytes:
        return canonical.body(self.body or b"", method)


def with_crlf(message: bytes) -> bytes:
    """Files saved on Unix hold bare LF throughout; where one CRLF stands, bare LFs are data and stay."""
    return message if b"\r\n" in message else message.replace(b"\n", b"\r\n")


def _split(message: bytes) -> tuple[bytes, bytes]:
    if message.startswith(b"\r\n"):
        return b"", message[2:]
    head, _, body = message.partition(_EMPTY_LINE)
    return head + b"\r\n", body[:MAX_BODY]
