"""Compile a catalogue pattern, refusing what could run away on hostile input or believe everybody."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

_FLAGS: Final = re.IGNORECASE | re.ASCII
_TOKEN: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|.", re.DOTALL)
_REPEATS: Final = frozenset("*+{")
#: Each more multiplies the work by the length of the input, which `Provider.wrote` caps.
_MAX_REPEATS: Final = 3
#: A pattern that matches one of these would believe what any sender writes.
_STRANGERS: Final = ("stranger.example", "mx1.stranger.example", "localhost", "spf=pass", "x", "")


def compile_authserv_id(text: str) -> re.Pattern[str]:
    """The pattern, for `fullmatch`, case-insensitive. ValueError says what is wrong with it."""
    _refuse_runaway(text)
    try:
        pattern = re.compile(text, _FLAGS)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    for stranger in _STRANGERS:
        if pattern.fullmatch(stranger):
            raise ValueError(f"also matches {stranger!r}, so it would believe what any sender writes")
    return pattern


def _refuse_runaway(text: str) -> None:
    """Only what takes linear time: no repeated group, no back-reference, no look-around, few repeats."""
    tokens = _TOKEN.findall(text)
    repeats = [index for index, token in enumerate(tokens) if token in _REPEATS]
    if any(index and tokens[index - 1] == ")" for index in repeats):
        raise ValueError("repeats a group, which can take exponential time: repeat a character class instead")
    if len(repeats) > _MAX_REPEATS:
        raise ValueError(f"has {len(repeats)} repeats, at most {_MAX_REPEATS} are allowed")
    if any(token[0] == "\\" and token[1:2].isdigit() for token in tokens):
        raise ValueError("has a back-reference, which can take exponential time")
    if any(pair == ("(", "?") for pair in pairwise(tokens)):
        raise ValueError("has a (?…) group other than (?:…)")
