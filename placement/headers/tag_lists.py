"""Tag lists (RFC 6376 3.2) as far as they can be read: `i=1; a=rsa-sha256; …`; never raises."""

from __future__ import annotations

from typing import Final

_MAX_TAGS: Final = 100
_MAX_LENGTH: Final = 16 * 1024


def read_tags(text: str) -> dict[str, str]:
    """Names in lower case, the first of each; white space is taken out of values, since folding leaves some."""
    tags: dict[str, str] = {}
    for part in text[:_MAX_LENGTH].split(";", _MAX_TAGS)[:_MAX_TAGS]:
        name, equals, value = part.partition("=")
        if equals and name.strip():
            tags.setdefault(name.strip().lower(), "".join(value.split()))
    return tags
