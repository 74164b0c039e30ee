"""Tag lists (RFC 6376 3.2): `v=1; a=rsa-sha256; …`, as DKIM, ARC, DMARC and BIMI write them."""

from __future__ import annotations

import re
from typing import Final

MAX_TAGS: Final = 100
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_SPACE: Final = " \t\r\n"


class TagError(ValueError):
    """What stands there is no tag list; says which part."""


def parse_tags(text: str) -> dict[str, str]:
    """Tags in order, values trimmed. Raises TagError for a part without `=`, a bad name or a tag given twice."""
    tags: dict[str, str] = {}
    parts = text.strip(_SPACE).removesuffix(";").split(";", MAX_TAGS)
    for part in parts:
        name, equals, value = (piece.strip(_SPACE) for piece in part.partition("="))
        if not equals or not _NAME.match(name):
            raise TagError(f"{part.strip(_SPACE)[:60]!r} is no tag of the form name=value")
        if name in tags:
            raise TagError(f"{name}= is given twice")
        tags[name] = value
    return tags


def without_space(value: str) -> str:
    """Folding white space taken out of base64 and lists."""
    return "".join(value.split())
