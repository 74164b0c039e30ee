"""Split a header block into fields: bytes in, order kept, raw bytes kept, linear time, never raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from placement.headers.encoded_words import decode_words

MAX_BLOCK: Final = 256 * 1024
MAX_FIELDS: Final = 2000
#: A value shown to a person or compared with a subject; longer ones are cut before decoding.
MAX_DECODED: Final = 8192

#: RFC 5322 2.2: printable US-ASCII except the colon. White space before the colon is the obsolete syntax (4.5).
_FIELD_NAME: Final = re.compile(rb"([!-9;-~]+)[ \t]*:")
_ENDS: Final = b"\r\n"


class Field(NamedTuple):
    """One field. `name` is "" for lines that are no field: mbox "From ", text before headers, a missing colon."""

    name: str
    raw: bytes
    unfolded: str


@dataclass(frozen=True, slots=True)
class Headers:
    """A header block as it stood. Names are compared without case."""

    fields: tuple[Field, ...]
    _by_name: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def parse(cls, block: bytes) -> Headers:
        """Read at most 256 KiB and 2000 fields, up to the first empty line after a field."""
        fields = tuple(_read_field(lines) for lines in _grouped(_lines(block[:MAX_BLOCK])))
        by_name: dict[str, list[str]] = {}
        for one in fields:
            by_name.setdefault(one.name.lower(), []).append(one.unfolded)
        by_name.pop("", None)
        return cls(fields, {name: tuple(values) for name, values in by_name.items()})

    def all(self, name: str) -> list[str]:
        return list(self._by_name.get(name.lower(), ()))

    def first(self, name: str) -> str:
        """The topmost value, "" when there is none."""
        return next(iter(self._by_name.get(name.lower(), ())), "")

    def decoded(self, name: str) -> str:
        """The topmost value for people: RFC 2047 words decoded, at most 8 kB of it read."""
        return decode_words(self.first(name)[:MAX_DECODED])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name


def _lines(block: bytes) -> list[bytes]:
    """Lines with their ends.

    A bare CR ends a line only where no LF exists at all (old Mac files): beside LF it is data, and servers
    that wrote CRLF again left "\\r\\r\\n", which must not read as an empty line.
    """
    if b"\n" not in block:
        return block.splitlines(keepends=True)
    return [line + b"\n" for line in block.split(b"\n")[:-1]] + [block.rpartition(b"\n")[2]]


def _grouped(lines: list[bytes]) -> list[list[bytes]]:
    """Lines of one field each, continuations included."""
    groups: list[list[bytes]] = []
    seen_field = False
    for line in lines:
        if not line.strip(_ENDS):
            if seen_field:
                break
            continue
        if groups and line[:1] in b" \t":
            groups[-1].append(line)
            continue
        if len(groups) == MAX_FIELDS:
            break
        seen_field = seen_field or _FIELD_NAME.match(line) is not None
        groups.append([line])
    return groups


def _read_field(lines: list[bytes]) -> Field:
    raw = b"".join(lines)
    named = _FIELD_NAME.match(lines[0])
    if named is None:
        return Field("", raw, _text(lines, 0))
    return Field(named.group(1).decode("ascii"), raw, _text(lines, named.end()))


def _text(lines: list[bytes], start: int) -> str:
    """Unfolded (RFC 5322 2.2.3) and trimmed. NUL becomes U+FFFD: no PostgreSQL text holds one."""
    joined = b"".join([lines[0][start:].rstrip(_ENDS), *(line.rstrip(_ENDS) for line in lines[1:])])
    try:
        text = joined.decode("utf-8")
    except UnicodeDecodeError:
        text = joined.decode("latin-1")
    return text.replace("\0", "\ufffd").replace("\r", " ").strip()
