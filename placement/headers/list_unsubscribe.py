"""List-Unsubscribe (RFC 2369) and List-Unsubscribe-Post (RFC 8058): what a recipient's one click would find."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from placement.headers.block import Headers

_MAX_VALUE: Final = 8192
_MAX_URIS: Final = 20
_ANGLE: Final = re.compile(r"<([^<>]*)>")
_ONE_CLICK: Final = "list-unsubscribe=one-click"


@dataclass(frozen=True, slots=True)
class ListUnsubscribe:
    """As written. `one_click`: both fields are as RFC 8058 wants; whether DKIM covers them is another check."""

    present: bool = False
    https: tuple[str, ...] = ()
    mailto: tuple[str, ...] = ()
    other: tuple[str, ...] = ()  # http: and whatever else no mail program should open
    post: str | None = None  # value of List-Unsubscribe-Post; None: there is none
    faults: tuple[str, ...] = ()
    line: str = ""

    @property
    def one_click(self) -> bool:
        return bool(self.https) and self.post is not None and _is_one_click(self.post)


def read_list_unsubscribe(headers: Headers) -> ListUnsubscribe:
    values, posts = headers.all("List-Unsubscribe"), headers.all("List-Unsubscribe-Post")
    text = values[0][:_MAX_VALUE] if values else ""
    uris = ["".join(uri.split()) for uri in _ANGLE.findall(text)[:_MAX_URIS]]
    found = ListUnsubscribe(
        present=bool(values),
        https=tuple(uri for uri in uris if uri.lower().startswith("https://")),
        mailto=tuple(uri for uri in uris if uri.lower().startswith("mailto:")),
        other=tuple(uri for uri in uris if not uri.lower().startswith(("https://", "mailto:"))),
        post=posts[0] if posts else None,
        line=text,
    )
    return _with_faults(found, len(values), len(posts))


def _with_faults(found: ListUnsubscribe, values: int, posts: int) -> ListUnsubscribe:
    faults = tuple(_faults(found, values, posts))
    return ListUnsubscribe(found.present, found.https, found.mailto, found.other, found.post, faults, found.line)


def _faults(found: ListUnsubscribe, values: int, posts: int) -> Iterator[str]:
    if values > 1 or posts > 1:
        yield "A field stands there twice, so receivers may read either."
    if found.present and not (found.https or found.mailto):
        yield "It holds no https: and no mailto: address in angle brackets, so nobody can use it."
    if not found.https and any(uri.lower().startswith("http:") for uri in found.other):
        yield "It holds an http: address; one-click unsubscription needs https: (RFC 8058 3.1)."
    if found.post is None:
        return
    if not _is_one_click(found.post):
        yield 'List-Unsubscribe-Post must say exactly "List-Unsubscribe=One-Click" (RFC 8058 3.1).'
    if not found.https:
        yield "List-Unsubscribe-Post stands there, but no https: address to post to."


def _is_one_click(post: str) -> bool:
    return "".join(post.split()).lower() == _ONE_CLICK
