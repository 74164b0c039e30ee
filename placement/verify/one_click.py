"""One-click unsubscription (RFC 8058): both fields, an https address, and a valid signature over both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from placement.headers import Headers
from placement.verify.model import DkimCheck, OneClickCheck, Outcome

_FIELDS: Final = ("list-unsubscribe", "list-unsubscribe-post")
_URI: Final = re.compile(r"<([^<>]*)>")
_MAX_FIELD: Final = 8192


def check(headers: Headers, dkim: Sequence[DkimCheck]) -> OneClickCheck:
    """`headers_only` where the signature over both fields was checked without the body."""
    wanting = _wanting(headers)
    if wanting is not None:
        return wanting
    uri = _https(headers.first("List-Unsubscribe"))
    covering = [one for one in dkim if set(_FIELDS) <= set(one.covered)]
    for outcome, says in _BY_SIGNATURE.items():
        for one in covering:
            if one.outcome is outcome:
                return OneClickCheck(outcome, says, uri, one.domain)
    says = "No valid DKIM signature covers both List-Unsubscribe and List-Unsubscribe-Post, so receivers ignore them."
    return OneClickCheck(Outcome.FAIL, says, uri)


#: Best first.
_BY_SIGNATURE: Final = {
    Outcome.PASS: "Both fields are there and a valid signature covers them.",
    Outcome.HEADERS_ONLY: "Both fields are there and a signature covers them; the body was not kept to check it whole.",
    Outcome.UNKNOWN: "Unknown (temporary): both fields are there, but the signature over them could not be checked.",
}


def _wanting(headers: Headers) -> OneClickCheck | None:
    fields = headers.all("List-Unsubscribe")
    posts = headers.all("List-Unsubscribe-Post")
    if not fields and not posts:
        return OneClickCheck(Outcome.NONE, "The message offers no unsubscription in its headers.")
    if not posts:
        return OneClickCheck(Outcome.FAIL, "List-Unsubscribe-Post is missing, so unsubscribing is not one click.")
    if len(fields) != 1 or len(posts) != 1:
        return OneClickCheck(
            Outcome.FAIL, "List-Unsubscribe and List-Unsubscribe-Post must each be there exactly once."
        )
    if "".join(posts[0].split()).lower() != "list-unsubscribe=one-click":
        return OneClickCheck(Outcome.FAIL, "List-Unsubscribe-Post must read List-Unsubscribe=One-Click.")
    if not _https(fields[0]):
        return OneClickCheck(Outcome.FAIL, "List-Unsubscribe holds no https address.")
    return None


def _https(field: str) -> str:
    """The first https address between angle brackets, folding white space taken out (RFC 2369 2)."""
    uris = ("".join(uri.split()) for uri in _URI.findall(field[:_MAX_FIELD]))
    return next((uri for uri in uris if uri.lower().startswith("https://")), "")
