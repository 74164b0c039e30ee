"""The text a reader of a message sees: MIME parts decoded, comments, hidden and quoted text left out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from placement.headers import Headers
from placement.mime import MAX_MIME_FIELD, MimePart, parsed

MAX_BODY: Final = 1024 * 1024
_MAX_TEXT: Final = 256 * 1024

_MIME_FIELDS: Final = frozenset({"content-type", "content-transfer-encoding", "mime-version"})
#: The type is part of the evidence we keep, and a sender may write a megabyte of NULs for it (RFC 6838 4.2).
_TEXT_TYPE: Final = re.compile(r"text/[a-z0-9!#$&^_.+-]{1,60}")
#: A closing tag has no values to quote. An opening one whose quote never ends makes no match, and the scan stops there:
#: every start is looked at once.
_TAG: Final = re.compile(r"<(/)?([a-zA-Z][^\s/>]{0,40})((?(1)[^>]*+|(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+))>")
#: Python reads no decimal number of more than 4,300 digits.
_ENDLESS_REFERENCE: Final = re.compile(r"&#[0-9]{4000,};?")
_LOOKS_LIKE_MARKUP: Final = re.compile(r"<[a-zA-Z/!?]")
_HIDDEN_STYLE: Final = re.compile(
    r"display\s{0,5}:\s{0,5}none|visibility\s{0,5}:\s{0,5}hidden|mso-hide\s{0,5}:\s{0,5}all"
    r"|font-size\s{0,5}:\s{0,5}0(?![.\d])|\shidden(?![\w-])",
    re.IGNORECASE,
)
_HIDDEN_TAGS: Final = frozenset({"script", "style", "head", "title", "template", "noscript", "blockquote"})
_VOID_TAGS: Final = frozenset({"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "wbr"})
_INLINE_TAGS: Final = frozenset({"a", "abbr", "b", "code", "em", "font", "i", "small", "span", "strong", "tt", "u"})


def visible_texts(headers: Headers, raw_body: bytes) -> Iterator[tuple[str, str]]:
    """(content type, visible text) of every text part; a type that is none is plain text.

    At most 1 MiB and 50 parts are looked at.
    """
    for part in _text_parts(parsed(_mime_block(headers) + raw_body[:MAX_BODY])):
        content_type = _text_type(part)
        text = _decoded(part)
        yield content_type, visible_html(text) if content_type == "text/html" else _unquoted(text)


def visible_html(markup: str) -> str:
    """The text between the tags that are shown. What is never closed hides the rest."""
    pieces: list[str] = []
    hidden, depth = "", 0
    for token in _tokens(markup):
        if isinstance(token, str):
            pieces.append("" if hidden else token)
            continue
        name, closes = token[2].lower(), bool(token[1])
        if hidden == name:
            depth += -1 if closes else 1
            hidden = hidden if depth else ""
        elif not hidden and not closes and _hides(name, token[3]):
            hidden, depth = name, 1
        pieces.append("" if name in _INLINE_TAGS else "\n")
    return html.unescape(_ENDLESS_REFERENCE.sub("\ufffd", "".join(pieces)))


def _tokens(markup: str) -> Iterator[str | re.Match[str]]:
    """Texts and tags; comments and declarations are dropped."""
    position = 0
    while (start := markup.find("<", position)) >= 0:
        yield markup[position:start]
        tag = _TAG.match(markup, start)
        if tag is not None:
            yield tag
        position = tag.end() if tag is not None else _after_markup(markup, start)
        if position == start:
            yield "<"
            position += 1
    yield markup[position:]


def _after_markup(markup: str, start: int) -> int:
    """Where a comment or declaration ends; `start` itself where "<" is only a character."""
    if not _LOOKS_LIKE_MARKUP.match(markup, start):
        return start
    comment = markup.startswith("<!--", start)
    mark = "-->" if comment else ">"
    end = markup.find(mark, start + 4 if comment else start)
    unclosed = end < 0 or markup[start + 1].isalpha()
    return len(markup) if unclosed else end + len(mark)


def _hides(name: str, attributes: str) -> bool:
    if name in _VOID_TAGS or attributes.endswith("/"):
        return False
    return name in _HIDDEN_TAGS or _HIDDEN_STYLE.search(attributes) is not None


def _mime_block(headers: Headers) -> bytes:
    """Only what MIME needs: the parser never sees the sender's other fields."""
    kept = [one.raw[:MAX_MIME_FIELD].rstrip(b"\r\n") for one in headers.fields if one.name.lower() in _MIME_FIELDS]
    return b"\r\n".join([*kept, b"", b""])


def _text_parts(message: MimePart) -> Iterator[MimePart]:
    """Attached messages are somebody else's text, whoever attached them."""
    if message.is_multipart():
        if message.get_content_maintype() == "multipart":
            for part in message.get_payload():
                yield from _text_parts(part)  # type: ignore[arg-type]
        return
    if message.get_content_maintype() == "text" and message.get_content_disposition() != "attachment":
        yield message


def _text_type(part: MimePart) -> str:
    named = part.get_content_type()
    return named if _TEXT_TYPE.fullmatch(named) else "text/plain"


def _decoded(part: MimePart) -> str:
    payload = part.get_payload(decode=True)
    raw = payload[:_MAX_TEXT] if isinstance(payload, bytes) else b""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unquoted(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(">"))
