"""A header block as lines for a person: which of them a statement rests on, and what each is to us."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from placement.headers import Headers
from placement.headers.block import Field
from placement.reading import Reading
from seedtest.reports.readings import MAX_LINE, storable

#: Lines and characters shown on a page; the file holds them all.
MAX_LINES: Final = 1000
MAX_TEXT: Final = 120_000
_VERDICT_RAW: Final = 8192  # as much as the engine keeps of a verdict header

_IDENTITY: Final = frozenset({"from", "return-path", "dkim-signature", "sender", "bimi-location"})
_LIST: Final = frozenset(
    {"list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id", "precedence", "auto-submitted"}
)


@dataclass(frozen=True, slots=True)
class HeaderLine:
    """`mark`: believed | doubted | verdict | ignored | boundary | route | identity | list; "" for the others."""

    text: str
    mark: str = ""
    why: str = ""


def header_lines(block: bytes, reading: Reading) -> list[HeaderLine]:
    marks = _marks(reading)
    lines: list[HeaderLine] = []
    room = MAX_TEXT
    for field in Headers.parse(block).fields[:MAX_LINES]:
        text = _text(field)[:room]
        room -= len(text)
        lines.append(HeaderLine(text, *_mark(field, marks)))
        if room <= 0:
            break
    return lines


def _text(field: Field) -> str:
    raw = field.raw.rstrip(b"\r\n")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = storable(text.replace("\r\n", "\n").replace("\r", "\n"))
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]} […]"


_Key = tuple[str, str]
_Marks = Mapping[_Key, deque[tuple[str, str]]]


def _marks(reading: Reading) -> _Marks:
    """Header name and value → what it is. Of lines with the same text the topmost is taken first."""
    marks: dict[_Key, deque[tuple[str, str]]] = {}
    for name, value, mark, why in _named(reading):
        marks.setdefault((name.lower(), value), deque()).append((mark, why))
    return marks


def _named(reading: Reading) -> Iterator[tuple[str, str, str, str]]:
    for line in reading.authentication.trusted:
        yield "Authentication-Results", line, "believed", "The receiver's own results: these count."
    for doubted in reading.untrusted:
        yield "Authentication-Results", doubted.line, "doubted", f"Not believed. {doubted.words}"
    if reading.received_spf:
        yield "Received-SPF", reading.received_spf.line, "believed", "The receiver's own result."
    for spf in reading.doubted_spf:
        yield "Received-SPF", spf.line, "doubted", "Not believed. A relay or the sender may have written it."
    for verdict in reading.verdicts.believed:
        yield verdict.header, verdict.raw, "verdict", " ".join(verdict.reading.meanings) or "The provider's filter."
    for ignored in reading.verdicts.ignored:
        yield ignored.header, ignored.raw, "ignored", f"Not believed. {ignored.why}"
    yield from _route(reading)


def _route(reading: Reading) -> Iterator[tuple[str, str, str, str]]:
    own = [leg for leg in reading.route.legs if leg.by_receiver]
    for leg in reversed(reading.route.legs):
        if own and leg is own[0]:
            yield "Received", leg.hop.line, "boundary", "Here the receiver took the message in: the sending IP."
        else:
            words = "Within the receiver." if leg.by_receiver else "Written by the sending side."
            yield "Received", leg.hop.line, "route", words


def _mark(field: Field, marks: _Marks) -> tuple[str, str]:
    name = field.name.lower()
    waiting = marks.get((name, field.unfolded)) or marks.get((name, field.unfolded[:_VERDICT_RAW]))
    if waiting:
        return waiting.popleft()
    if name in _IDENTITY:
        return "identity", ""
    return ("list", "") if name in _LIST else ("", "")
