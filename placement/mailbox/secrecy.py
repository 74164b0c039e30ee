"""Takes a login's secret out of what a server says, in every form in which a server may quote it back."""

from __future__ import annotations

import base64
import string
from collections.abc import Iterator
from urllib.parse import quote

INSTEAD = "[secret]"
#: So many characters of a secret in a row are taken for the beginning of it: servers cut what they quote.
_BEGINNING = 8
#: More of a server's words than this is never shown, so it need not be searched, nor searched for a meaning.
_MOST = 16 * 1024
_KEPT = 2 * 1024
_BASE64 = frozenset(string.ascii_letters + string.digits + "+/-_=")
#: Below this a piece of base64 stands everywhere.
_SHORTEST_CODE = 4


class Secrets:
    """What no error, log or row may hold. It shows nothing of itself."""

    __slots__ = ("_codes", "_texts")

    def __init__(self, *secrets: str) -> None:
        told = [secret for secret in secrets if secret]
        self._texts = tuple(dict.fromkeys(form for secret in told for form in _as_text(secret)))
        self._codes = tuple(dict.fromkeys(code for secret in told for code in _as_base64(secret)))

    def out_of(self, words: str) -> str:
        """The first words, without the secrets. Whoever cuts before leaves the beginning of one at the cut."""
        words = words[:_MOST]
        for form in self._texts:
            words = _without(words, form)
        for code in self._codes:
            words = _without(words, code, around=_BASE64)
        return words[:_KEPT]


NO_SECRETS = Secrets()


def _as_text(secret: str) -> Iterator[str]:
    """As it is, as IMAP quotes it (RFC 9051 section 4.3), as Python shows bytes of either, as JSON and as a URL do."""
    quoted = secret.replace("\\", "\\\\").replace('"', '\\"')
    for form in (secret, quoted):
        yield form
        shown = repr(form.encode())[2:-1]
        yield from (shown, shown.replace("'", "\\'"))
    yield quote(secret, safe="")


def _as_base64(secret: str) -> Iterator[str]:
    """What base64 makes of it wherever it stands in a SASL line: three codes, by its distance from the beginning."""
    raw = secret.encode()
    for shift, first in ((0, 0), (1, 2), (2, 3)):
        known = (shift + len(raw)) * 8 // 6  # the characters that hang on nothing behind the secret
        for alphabet in (b"+/", b"-_"):
            code = base64.b64encode(bytes(shift) + raw, altchars=alphabet).decode()[first:known]
            if len(code) >= _SHORTEST_CODE:
                yield code


def _without(words: str, form: str, *, around: frozenset[str] = frozenset()) -> str:
    """`words` with `form`, or its beginning, replaced; with it go its neighbours out of `around`."""
    kept, start = [], 0
    while (found := words.find(form[:_BEGINNING], start)) >= 0:
        end = found + _alike(words[found : found + len(form)], form)
        while found > start and words[found - 1] in around:
            found -= 1
        while end < len(words) and words[end] in around:
            end += 1
        kept += [words[start:found], INSTEAD]
        start = end
    return "".join([*kept, words[start:]])


def _alike(one: str, other: str) -> int:
    """How many characters from the beginning on are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
