"""RFC 2047 encoded words to text, tolerant of what is met in the field; never raises."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from typing import Final

#: Every part stops at "?", so hostile repetition stays linear. RFC 2231 5 allows "*language" after the charset.
_WORD: Final = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
_HEX: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
#: NUL, and the half characters that UTF-7 lets through: no PostgreSQL text and no UTF-8 holds either.
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
#: Codecs that are no charset of mail: slow, warning, or raising on all input.
_NO_CHARSETS: Final = frozenset({"punycode", "idna", "undefined", "unicode-escape", "raw-unicode-escape"})


def decode_words(text: str) -> str:
    """Adjacent words of one charset are joined before decoding: senders split characters over two words."""
    pieces: list[str] = []
    pending = b""
    charset = ""
    position = 0
    for word in _WORD.finditer(text):
        between = text[position : word.start()]
        if between.strip() or not pending or word.group(1).lower() != charset:
            pieces.append(_decode(pending, charset))
            pending = b""
            pieces.append(between if between.strip() or not charset else "")
        charset = word.group(1).lower()
        pending += _payload(word.group(2), word.group(3))
        position = word.end()
    return _UNSTORABLE.sub("\ufffd", "".join([*pieces, _decode(pending, charset), text[position:]]))


def _payload(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return _HEX.sub(lambda found: bytes([int(found.group(1), 16)]), raw.replace(b"_", b" "))
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return raw


def _decode(raw: bytes, charset: str) -> str:
    try:
        codec = codecs.lookup(charset or "ascii").name  # however it was spelled
        return raw.decode("utf-8" if codec in _NO_CHARSETS else codec, "replace")
    except (LookupError, ValueError):
        return raw.decode("latin-1")
