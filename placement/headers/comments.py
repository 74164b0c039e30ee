"""Comments of a structured field (RFC 5322 3.2.2): where one ends, and the text without them; linear."""

from __future__ import annotations

import re
from typing import Final

_PARENTHESIS: Final = re.compile(r"\\.|[()]", re.DOTALL)


def comment_end(text: str, start: int) -> int:
    """Offset behind the comment that opens at `start`; past the end by one where it is never closed."""
    depth = 0
    for found in _PARENTHESIS.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(found.group(), 0)
        if depth == 0:
            return found.end()
    return len(text) + 1


def split_comments(text: str) -> tuple[str, tuple[str, ...]]:
    """(what stands outside of comments, the comments); each comment leaves a space behind."""
    outside: list[str] = []
    comments: list[str] = []
    position = 0
    while (opened := text.find("(", position)) >= 0:
        end = comment_end(text, opened)
        outside += [text[position:opened], " "]
        comments.append(text[opened + 1 : end - 1])
        position = end
    return "".join([*outside, text[position:]]), tuple(comments)
