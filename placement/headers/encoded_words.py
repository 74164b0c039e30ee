"""RFC 2047 encoded words to text, tolerant of what is met in the field; never raises."""

from __future__ import annotations

import base64
import binascii
import re
from encodings.aliases import aliases
from typing import Final

#: Every part stops at "?", so hostile repetition stays linear. RFC 2231 5 allows "*language" after the charset.
_WORD: Final = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
_HEX: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
#: NUL, and the half characters that UTF-7 lets through: no PostgreSQL text and no UTF-8 holds either.
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
#: Codecs that are no charset of mail: slow, warning, or raising on all input.
_NO_CHARSETS: Final = ("punycode", "idna", "undefined", "unicode_escape", "raw_unicode_escape")
#: Those of Python's that have one name only.
_UNALIASED: Final = (
    "charmap", "cp1006", "cp720", "cp737", "cp856", "cp874", "cp875", "koi8_t", "koi8_u", "mac_arabic", "mac_croatian",
    "mac_farsi", "mac_romanian", "palmos", "utf_8_sig",
)  # fmt: skip
#: Python's codecs by name. Asked for a name, Python looks for a module, and remembers for ever that there is none.
_CODECS: Final = {
    **{name: name for name in (*aliases.values(), *_UNALIASED)},
    **aliases,
    **dict.fromkeys(_NO_CHARSETS, "utf-8"),
}
_BETWEEN_NAMES: Final = re.compile(r"[^a-z0-9.]+")


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
    name = _BETWEEN_NAMES.sub("_", charset.lower()).strip("_")
    try:
        return raw.decode(_CODECS.get(name, "latin-1"), "replace")
    except (LookupError, ValueError):
        return raw.decode("latin-1")
