"""Puts a line a reader can see at the end of a message's text, in every text part, without re-encoding the rest."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from copy import copy
from email.generator import BytesGenerator
from email.policy import Compat32
from typing import Any

from placement.mime import MimePart, parsed

#: Python's reader holds each line by itself: ten million empty ones take a gigabyte. 10 MB of base64 have 140,000.
MAX_LINES = 300_000
_BODY_END = re.compile(rb"</body|</html", re.IGNORECASE)
#: Charsets in which ASCII bytes are not ASCII text.
_WIDE = ("utf-16", "utf-32", "ucs-2", "utf16", "utf32", "utf-7")


class _AsGiven(Compat32):
    """Writes each field as it was read: folding it anew takes quadratic time, and raises on what looks like two."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        return f"{name}: {value}{self.linesep}".encode("ascii", "surrogateescape")


def added(mime_header: bytes, body: bytes, line: str) -> bytes | None:
    """The body with `line` (ASCII without =) in each shown text part; None where there is no such part."""
    if body.count(b"\n") > MAX_LINES:
        return None
    message = parsed(mime_header + b"\r\n\r\n" + body)
    parts = list(_text_parts(message)) if message.complete else []
    for part in parts:
        _append(part, line.encode("ascii"))
    return _body_of(message) if parts else None


def _text_parts(message: MimePart) -> Iterator[MimePart]:
    for part in message.walk():
        shown = part.get_content_type() in ("text/plain", "text/html") and not part.is_multipart()
        wide = str(part.get_content_charset("")).startswith(_WIDE)
        if shown and not wide and part.get_content_disposition() != "attachment":
            yield part


def _append(part: MimePart, line: bytes) -> None:
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding == "base64":
        text = base64.encodebytes(_inserted(part, _payload(part), line))
    else:
        # The line has no "=", so it may stand in quoted-printable as it is: nothing else is encoded anew.
        text = _inserted(part, _undecoded(part), line)
    part.set_payload(text.decode("ascii", "surrogateescape"))


def _payload(part: MimePart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _undecoded(part: MimePart) -> bytes:
    """The part's own bytes: `get_payload()` would replace its 8-bit ones."""
    bare = copy(part)
    del bare["Content-Transfer-Encoding"]
    return _payload(bare)


def _inserted(part: MimePart, text: bytes, line: bytes) -> bytes:
    if part.get_content_type() == "text/plain":
        return text.rstrip(b"\r\n") + b"\r\n\r\n" + line + b"\r\n"
    ends = [found.start() for found in _BODY_END.finditer(text)]
    at = ends[0] if ends else len(text)
    return text[:at] + b"\r\n<p>" + line + b"</p>\r\n" + text[at:]


def _body_of(message: MimePart) -> bytes:
    out = io.BytesIO()
    BytesGenerator(out, mangle_from_=False, policy=_AsGiven()).flatten(message, linesep="\r\n")
    return out.getvalue().partition(b"\r\n\r\n")[2]
