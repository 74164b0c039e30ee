"""The value of one Authentication-Results field: a tokenizer, then a grammar (RFC 8601 2.2, and what is met)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from placement.headers.comments import comment_end
from placement.headers.encoded_words import decode_words

MAX_VALUE: Final = 16 * 1024
_MAX_FAULTS: Final = 10
_MAX_QUOTED: Final = 60

#: An unclosed quoted string runs to the end, so that every start is looked at once.
_TOKEN: Final = re.compile(r'\s+|(?P<quoted>"(?P<inner>(?:[^"\\]|\\.)*+)"?)|(?P<mark>[;=])|(?P<word>[^\s;="(]+)')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
#: "p=REJECT sp=REJECT dis=NONE", "p=NONE,sp=QUARANTINE", "p=none,d=none,d.eval=none"
_COMMENT_PAIR: Final = re.compile(r"(?<![\w.-])([a-zA-Z][\w.-]{0,40})=([\w-]{1,40})")
#: Microsoft leaves the authserv-id out.
_STARTS_WITH_METHOD: Final = re.compile(r"\s*(?:spf|dkim|dmarc|arc|bimi|compauth|iprev|auth)\s*=", re.IGNORECASE)


class Token(NamedTuple):
    kind: str  # word · quoted · comment · ; · =
    text: str
    start: int
    end: int


class Property(NamedTuple):
    """One "ptype.property=value" as written. `ptype` is "" where none stands: Microsoft's action=, reason=."""

    ptype: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One "method=result reason=… ptype.property=value".

    `properties` also holds the pairs of the comments, the first of each name; `written` is what stands outside
    of comments, in order and in full.
    """

    method: str
    result: str
    properties: Mapping[str, str]
    version: str = ""  # "1" of dkim/1=pass
    reason: str = ""
    written: tuple[Property, ...] = ()
    comments: tuple[str, ...] = ()

    def value_of(self, names: Iterable[str]) -> str:
        return next((self.properties[name] for name in names if self.properties.get(name)), "")


@dataclass(frozen=True, slots=True)
class ResultsValue:
    """A whole value. The id is "" for Microsoft, who starts with a method, and "?" where none can be read."""

    authserv_id: str
    version: str = ""
    statements: tuple[Statement, ...] = ()
    says_none: bool = False  # "; none": the receiver checked nothing, and says so
    faults: tuple[str, ...] = ()  # what the grammar does not allow, one sentence each


def parse_value(value: str) -> tuple[str, tuple[Statement, ...]]:
    """(authserv-id, statements) of `parse`."""
    parsed = parse(value)
    return parsed.authserv_id, parsed.statements


def parse(value: str) -> ResultsValue:
    """What could be read; never raises."""
    text = value[:MAX_VALUE]
    if text.startswith("=?"):  # seen at Microsoft: the whole value as encoded words
        text = decode_words(text)
    all_tokens = list(tokens(text))
    parts = list(_parts(all_tokens))
    nameless = _STARTS_WITH_METHOD.match(text) is not None
    head, body = ([], parts) if nameless else (parts[:1], parts[1:])
    authserv_id, version = _authserv_id(head[0]) if head else ("" if nameless else "?", "")
    read = [(part, _statement(part)) for part in body]
    return ResultsValue(
        authserv_id=authserv_id,
        version=version,
        statements=tuple(statement for _, statement in read if statement is not None),
        says_none=any(_says_none(part) for part, statement in read if statement is None),
        faults=tuple(_faults(value, text, all_tokens, authserv_id, read))[:_MAX_FAULTS],
    )


def tokens(text: str) -> Iterator[Token]:
    """White space is dropped; offsets say what stood together."""
    position = 0
    while position < len(text):
        if text[position] == "(":
            end = comment_end(text, position)
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


def _parts(all_tokens: Iterable[Token]) -> Iterator[list[Token]]:
    for is_mark, group in groupby(all_tokens, key=lambda token: token.kind == ";"):
        if not is_mark:
            yield list(group)


def _authserv_id(part: Sequence[Token]) -> tuple[str, str]:
    """The first value and the version that may follow it. "a=b" is none, so that no pair passes as a name."""
    run = [token for token in part if token.kind != "comment"]
    if not run or run[0].kind not in {"word", "quoted"} or any(token.kind == "=" for token in run):
        return "?", ""
    return run[0].text, run[1].text if len(run) > 1 else ""


def _statement(part: Sequence[Token]) -> Statement | None:
    pairs = list(_pairs([token for token in part if token.kind != "comment"]))
    if not pairs or not pairs[0][1]:
        return None
    (method, result), rest = pairs[0], pairs[1:]
    properties: dict[str, str] = {}
    for name, value in [*rest, *_comment_pairs(part)]:
        properties.setdefault(name, value)
    name, _, version = method.partition("/")
    return Statement(
        method=name,
        result=result.lower(),
        properties=properties,
        version=version,
        reason=next((value for key, value in rest if key == "reason"), ""),
        written=tuple(_property(key, value) for key, value in rest),
        comments=tuple(token.text for token in part if token.kind == "comment"),
    )


def _property(name: str, value: str) -> Property:
    ptype, dot, rest = name.partition(".")
    return Property(ptype, rest, value) if dot else Property("", name, value)


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


def _says_none(part: Sequence[Token]) -> bool:
    return [token.text.lower() for token in part if token.kind != "comment"] == ["none"]


def _faults(
    value: str,
    text: str,
    all_tokens: Sequence[Token],
    authserv_id: str,
    read: Sequence[tuple[Sequence[Token], Statement | None]],
) -> Iterator[str]:
    if len(value) > MAX_VALUE:
        yield f"It is longer than {MAX_VALUE} characters; the rest was not read."
    if authserv_id == "?":
        yield "It does not begin with the name of the server that wrote it."
    if all_tokens and all_tokens[-1].end > len(text):
        yield "A comment is opened and never closed."
    if all_tokens and all_tokens[-1].kind == "quoted" and not _closed(text[all_tokens[-1].start :]):
        yield "A quoted text is opened and never closed."
    if authserv_id not in {"", "?"} and not read:
        yield "It names a server and states no result."
    for part, statement in read:
        if statement is None and not _says_none(part) and any(token.kind != "comment" for token in part):
            yield f"{text[part[0].start : part[-1].end][:_MAX_QUOTED]!r} is no result of a method."


def _closed(quoted: str) -> bool:
    return len(quoted) > 1 and quoted.endswith('"') and not quoted.endswith('\\"')
