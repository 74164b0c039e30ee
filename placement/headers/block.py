"""Split a header block into fields: bytes in, order kept, raw bytes kept, linear time, never raises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from placement.headers.encoded_words import decode_words

MAX_BLOCK: Final = 256 * 1024
MAX_FIELDS: Final = 2000
#: A value shown to a person or compared with a subject; longer ones are cut before decoding.
MAX_DECODED: Final = 8192

#: RFC 5322 2.2: printable US-ASCII except the colon. White space before the colon is the obsolete syntax (4.5).
_NAME: Final = rb"([!-9;-~]++)[ \t]*:"
_FIRST_FIELD: Final = re.compile(rb"^" + _NAME, re.MULTILINE)
#: Servers that wrote CRLF again left "\r\r\n" at every line.
_EMPTY_LINE: Final = re.compile(rb"\n\r*(?:\n|\Z)")
_EMPTY_LINES: Final = re.compile(rb"^\r*(?:\n|\Z)", re.MULTILINE)
#: One field, or a line that is none, with its continuations (2.2.3) and its end: (name, rest).
_FIELD: Final = re.compile(rb"(?:" + _NAME + rb")?([^\n]*(?:\n[ \t][^\n]*)*)\n?")


class Field(NamedTuple):
    """One field. `name` is "" for lines that are no field: mbox "From ", text before headers, a missing colon."""

    name: str
    raw: bytes
    folded: bytes  # what stands behind the colon, or the whole line where there is no field

    @property
    def unfolded(self) -> str:
        """As text (RFC 5322 2.2.3), trimmed. NUL becomes U+FFFD: no PostgreSQL text holds one.

        Read when it is asked for: of fifty fields most looks ask for ten.
        """
        joined = b"".join([line.rstrip(b"\r") for line in self.folded.split(b"\n")])
        try:
            text = joined.decode("utf-8")
        except UnicodeDecodeError:
            text = joined.decode("latin-1")
        return text.replace("\0", "\ufffd").replace("\r", " ").strip()


@dataclass(frozen=True, slots=True)
class Headers:
    """A header block as it stood. Names are compared without case."""

    fields: tuple[Field, ...]
    _by_name: Mapping[str, Sequence[Field]] = field(repr=False)

    @classmethod
    def parse(cls, block: bytes) -> Headers:
        """Read at most 256 KiB and 2000 fields, up to the first empty line after a field."""
        fields = tuple(islice(_fields(block[:MAX_BLOCK]), MAX_FIELDS))
        by_name: dict[str, list[Field]] = {}
        for one in fields:
            by_name.setdefault(one.name.lower(), []).append(one)
        by_name.pop("", None)
        return cls(fields, by_name)

    def all(self, name: str) -> list[str]:
        return [one.unfolded for one in self._by_name.get(name.lower(), ())]

    def first(self, name: str) -> str:
        """The topmost value, "" when there is none."""
        found = self._by_name.get(name.lower())
        return found[0].unfolded if found else ""

    def decoded(self, name: str) -> str:
        """The topmost value for people: RFC 2047 words decoded, at most 8 kB of it read."""
        return decode_words(self.first(name)[:MAX_DECODED])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name


def _fields(block: bytes) -> Iterator[Field]:
    """A bare CR ends a line only where no LF exists at all (old Mac files): beside LF it is data."""
    if b"\r" in block and b"\n" not in block:
        for one in _fields(block.replace(b"\r", b"\n")):
            yield one._replace(raw=one.raw.replace(b"\n", b"\r"))
        return
    text = _without_empty_lines(block)
    for found in _FIELD.finditer(text):
        raw, name, folded = found.group(0, 1, 2)
        if raw:
            yield Field(name.decode("ascii") if name else "", raw, folded)


def _without_empty_lines(block: bytes) -> bytes:
    """Up to the first one after a field; those before it are skipped."""
    first = _FIRST_FIELD.search(block)
    start = first.start() if first else len(block)
    end = _EMPTY_LINE.search(block, start)
    return _EMPTY_LINES.sub(b"", block[:start]) + block[start : end.start() + 1 if end else None]
