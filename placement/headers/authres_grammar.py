"""The value of one Authentication-Results field: a tokenizer, then a grammar (RFC 8601 2.2, and what is met)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from placement.headers.encoded_words import decode_words

MAX_VALUE: Final = 16 * 1024

#: An unclosed quoted string runs to the end, so that every start is looked at once.
_TOKEN: Final = re.compile(
    r'\s+|(?P<quoted>"(?P<inner>(?:[^"\\]|\\.)*+)"?)|(?P<mark>[;=])|(?P<word>[^\s;="(]+)'
)
_PARENTHESIS: Final = re.compile(r"\\.|[()]", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
#: "p=REJECT sp=REJECT dis=NONE", "p=NONE,sp=QUARANTINE", "p=none,d=none,d.eval=none"
_COMMENT_PAIR: Final = re.compile(r"(?<![\w.-])([a-zA-Z][\w.-]{0,40})=([\w-]{1,40})")
#: Microsoft leaves the authserv-id out.
_STARTS_WITH_METHOD: Final = re.compile(r"\s*(?:spf|dkim|dmarc)\s*=", re.IGNORECASE)


class Token(NamedTuple):
    kind: str  # word · quoted · comment · ; · =
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One "method=result reason=… ptype.property=value" with the pairs of its comments."""

    method: str
    result: str
    properties: Mapping[str, str]

    def value_of(self, names: Iterable[str]) -> str:
        return next((self.properties[name] for name in names if self.properties.get(name)), "")


def parse_value(value: str) -> tuple[str, tuple[Statement, ...]]:
    """(authserv-id, statements). The id is "" for Microsoft, who starts with a method, and "?" where none is read."""
    text = value[:MAX_VALUE]
    if text.startswith("=?"):  # seen at Microsoft: the whole value as encoded words
        text = decode_words(text)
    parts = list(_parts(tokens(text)))
    if _STARTS_WITH_METHOD.match(text):
        return "", _statements(parts)
    return _authserv_id(parts[0]) if parts else "?", _statements(parts[1:])


def tokens(text: str) -> Iterator[Token]:
    """White space is dropped; offsets say what stood together."""
    position = 0
    while position < len(text):
        if text[position] == "(":
            end = _comment_end(text, position)
            yield Token("comment", text[position + 1 : end - 1], position, end)
            position = end
            continue
        found = _TOKEN.match(text, position)
        if found is None:  # pragma: no cover - the pattern and "(" cover every character
            return
        if found.lastgroup is not None:
            yield _token(found)
        position = found.end()


def _token(found: re.Match[str]) -> Token:
    if found["mark"]:
        return Token(found["mark"], found["mark"], found.start(), found.end())
    if found["word"]:
        return Token("word", found["word"], found.start(), found.end())
    return Token("quoted", _ESCAPED.sub(r"\1", found["inner"]), found.start(), found.end())


def _comment_end(text: str, start: int) -> int:
    """Comments nest and hold quoted pairs (RFC 5322 3.2.2); an unclosed one runs to the end."""
    depth = 0
    for found in _PARENTHESIS.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(found.group(), 0)
        if depth == 0:
            return found.end()
    return len(text) + 1


def _parts(all_tokens: Iterable[Token]) -> Iterator[list[Token]]:
    for is_mark, group in groupby(all_tokens, key=lambda token: token.kind == ";"):
        if not is_mark:
            yield list(group)


def _authserv_id(part: Sequence[Token]) -> str:
    """The first value; a version may follow it. "a=b" is none, so that no pair passes as a name."""
    run = [token for token in part if token.kind != "comment"]
    if not run or run[0].kind not in {"word", "quoted"} or any(token.kind == "=" for token in run):
        return "?"
    return run[0].text


def _statements(parts: Iterable[Sequence[Token]]) -> tuple[Statement, ...]:
    read = (_statement(part) for part in parts)
    return tuple(statement for statement in read if statement is not None)


def _statement(part: Sequence[Token]) -> Statement | None:
    pairs = list(_pairs([token for token in part if token.kind != "comment"]))
    if not pairs or not pairs[0][1]:
        return None
    method, result = pairs[0]
    properties: dict[str, str] = {}
    for name, value in [*pairs[1:], *_comment_pairs(part)]:
        properties.setdefault(name, value)
    return Statement(method.partition("/")[0], result.lower(), properties)


def _pairs(run: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """name=value; white space is allowed around the "=", and the value may itself hold "="."""
    position = 0
    while position + 2 <= len(run):
        name, mark = run[position], run[position + 1]
        if name.kind != "word" or mark.kind != "=":
            position += 1
            continue
        end = _value_end(run, position + 2)
        yield name.text.lower(), "".join(token.text for token in run[position + 2 : end])
        position = max(end, position + 2)


def _value_end(run: Sequence[Token], start: int) -> int:
    end = min(start + 1, len(run))
    while end < len(run) and run[end].start == run[end - 1].end:
        end += 1
    return end


def _comment_pairs(part: Sequence[Token]) -> Iterator[tuple[str, str]]:
    for token in part:
        if token.kind == "comment":
            for name, value in _COMMENT_PAIR.findall(token.text):
                yield name.lower(), value
