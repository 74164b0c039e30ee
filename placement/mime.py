"""MIME parts of a stranger's message, without the places where Python's own reader raises or stalls on them."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from email.utils import unquote
from typing import Any, Final

#: Python looks for each semicolon from the start of the field: 900,000 of them take a quarter of an hour.
MAX_MIME_FIELD: Final = 4096
#: A part of five bytes costs Python's reader as much as a thousand bytes of text.
_MAX_PARTS: Final = 50
#: The reader looks at each line once for every multipart around it.
_MAX_DEPTH: Final = 10


class _Enough(Exception):
    """As many parts were read as are looked at."""


class MimePart(Message):
    """A part whose unreadable parameters are as absent (RFC 2045 5.1, RFC 2231).

    A boundary and a charset's name are ASCII (RFC 2046 5.1.1, RFC 2978 2.3), so what RFC 2231 says of their
    own charset is not followed: some codecs raise, and "punycode" takes quadratic time.
    """

    #: False where the message has more parts, or deeper ones, than are read.
    complete = True
    depth = 0

    def attach(self, payload: Any) -> None:
        payload.depth = self.depth + 1
        if payload.depth > _MAX_DEPTH:
            raise _Enough
        super().attach(payload)

    def get_param(self, param: str, failobj: Any = None, header: str = "content-type", unquote: bool = True) -> Any:
        if len(str(self.get(header, ""))) > MAX_MIME_FIELD:
            return failobj
        try:
            return super().get_param(param, failobj, header, unquote)
        except (ValueError, TypeError):  # pieces by RFC 2231: a number too long for Python, or one without a number
            return failobj

    def get_boundary(self, failobj: Any = None) -> Any:
        return self._ascii("boundary", failobj)

    def get_content_charset(self, failobj: Any = None) -> Any:
        found = self._ascii("charset", failobj)
        return failobj if found is failobj else found.lower()

    def _ascii(self, param: str, failobj: Any) -> Any:
        found = self.get_param(param)
        text = found[2] if isinstance(found, tuple) else found
        return unquote(text).rstrip() if text and text.isascii() else failobj


def parsed(raw: bytes) -> MimePart:
    """A message and its first parts; never raises on what a sender wrote."""
    made: list[MimePart] = []

    def next_part() -> MimePart:
        if len(made) == _MAX_PARTS:
            raise _Enough
        made.append(MimePart())
        return made[-1]

    try:
        message_from_bytes(raw, _class=next_part)
    except _Enough:
        made[0].complete = False
    return made[0]
