"""One Received field as a hop (RFC 5321 4.4, and what servers really write); linear, never raises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

from placement.headers.addresses import bracketed, is_external, normal_address
from placement.headers.comments import comment_end
from placement.moments import can_be

MAX_RECEIVED: Final = 4096
_MAX_DATE: Final = 120
_KEYWORDS: Final = frozenset({"from", "by", "via", "with", "id", "for"})
_WORD: Final = re.compile(r"[^\s;(]+")
#: "(HELO x)", "(EHLO x)" of qmail and Yahoo, "helo=x" of Exim.
_HELO: Final = re.compile(r"(?:\b[HE][EH]LO[ \t]+|\bhelo=)([^\s()]{1,255})", re.IGNORECASE)
#: "(rdns. [192.0.2.1])", perhaps "(user@rdns [192.0.2.1])".
_REVERSE: Final = re.compile(r"(?:^|@)[ \t]*([A-Za-z0-9_.-]{1,255})[ \t]{1,8}\[")
#: version=TLS1_3 · TLSv1.2 · TLS1.2:… ; "TLS_AES_128…" is a cipher.
_TLS_VERSION: Final = re.compile(r"(?<![A-Za-z0-9])(TLS|SSL)v?([0-9](?:[._][0-9])?)(?![0-9A-Za-z])", re.IGNORECASE)
_CIPHER: Final = re.compile(
    r"cipher[= ]([A-Za-z0-9_-]{5,60})|\b(TLS_[A-Z0-9_]{6,60})|TLSv?1[._][0-9]:([A-Z0-9_-]{6,60})"
)
#: RFC 3848: an S says that TLS was used, even where no version stands.
_PROTOCOL_WITH_TLS: Final = re.compile(r"(?:UTF8)?(?:ESMTP|LMTP|SMTP)SA?|HTTPS", re.IGNORECASE)
_NO_NAME: Final = frozenset({"", "unknown", "unverified", "localhost"})


@dataclass(frozen=True, slots=True)
class Tls:
    version: str = ""  # "1.3"; "" where only the protocol word tells
    cipher: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """What one server wrote when it took the message. "" and None: it did not say."""

    helo: str = ""  # as the client called itself: the client may lie
    reverse_name: str = ""  # as the server looked it up
    address: str = ""
    by: str = ""
    protocol: str = ""  # the words of "with"
    id: str = ""
    recipient: str = ""  # the words of "for", without angle brackets
    tls: Tls | None = None
    at: datetime | None = None  # UTC
    line: str = ""

    @property
    def is_external(self) -> bool:
        """The client's address belongs to the outside world."""
        return is_external(self.address)


# The boundary and the route read the same fields one after the other.
@lru_cache(maxsize=64)
def parse_hop(received: str) -> Hop:
    """One Received value, unfolded; the first 4 kB are read."""
    text = received[:MAX_RECEIVED]
    clauses = _clauses(text)
    client, comments = clauses.get("from", ((), ()))
    protocol = " ".join(clauses.get("with", ((), ()))[0])
    return Hop(
        helo=_helo(client, comments),
        reverse_name=_reverse_name(client, comments),
        address=_address(client, comments),
        by=_first(clauses, "by").rstrip("."),
        protocol=protocol,
        id=_first(clauses, "id").strip("<>"),
        recipient=_first(clauses, "for").strip("<>"),
        tls=_tls(text, protocol),
        at=stamp(received),
        line=received,
    )


def stamp(received: str) -> datetime | None:
    """UTC time behind the last semicolon; None where none can be read."""
    text = received.rpartition(";")[2].strip()
    if not text or len(text) > _MAX_DATE:
        return None
    try:
        stamped = parsedate_to_datetime(text)
        moment = stamped.replace(tzinfo=stamped.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if can_be(moment) else None


def _clauses(text: str) -> dict[str, tuple[Sequence[str], Sequence[str]]]:
    """Keyword → its words and comments; the first of each keyword, up to the semicolon before the date."""
    clauses: dict[str, tuple[list[str], list[str]]] = {}
    current: tuple[list[str], list[str]] = ([], [])
    for kind, piece in _pieces(text):
        if kind == ";":
            break
        keyword = piece.lower()
        if kind == "word" and keyword in _KEYWORDS and keyword not in clauses:
            current = clauses.setdefault(keyword, ([], []))
        else:
            current[kind == "comment"].append(piece)
    return {keyword: (tuple(words), tuple(comments)) for keyword, (words, comments) in clauses.items()}


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        char = text[position]
        if char == "(":
            end = comment_end(text, position)
            yield "comment", text[position + 1 : end - 1]
            position = end
        elif char == ";" or char.isspace():
            position += 1
            if char == ";":
                yield ";", char
        else:
            found = _WORD.match(text, position)
            end = found.end() if found else position + 1
            yield "word", text[position:end]
            position = end


def _first(clauses: dict[str, tuple[Sequence[str], Sequence[str]]], keyword: str) -> str:
    return next(iter(clauses.get(keyword, ((), ()))[0]), "")


def _name(client: Sequence[str]) -> str:
    return client[0] if client else ""


def _said_helo(comments: Sequence[str]) -> str:
    found = (_HELO.search(comment) for comment in comments)
    return next((match.group(1) for match in found if match), "").strip("[]<>")


def _helo(client: Sequence[str], comments: Sequence[str]) -> str:
    return _said_helo(comments) or _name(client).rstrip(".")


def _reverse_name(client: Sequence[str], comments: Sequence[str]) -> str:
    """Postfix, Gmail and sendmail put it into the comment; Exim and qmail put it first and HELO into the comment."""
    if _said_helo(comments):
        name = "" if normal_address(_name(client)) else _name(client)
    else:
        found = (_REVERSE.search(comment) for comment in comments)
        name = next((match.group(1) for match in found if match), "")
    name = name.rstrip(".").lower()
    return "" if name in _NO_NAME or normal_address(name) else name


def _address(client: Sequence[str], comments: Sequence[str]) -> str:
    """An external one where there is one: Yahoo writes "from 127.0.0.1 (EHLO x) (192.0.2.1)"."""
    shown = [address for comment in comments for address in bracketed(f"({comment})")]
    candidates = [address for address in (*shown, normal_address(_name(client))) if address]
    return next(filter(is_external, candidates), next(iter(candidates), ""))


def _tls(text: str, protocol: str) -> Tls | None:
    version, cipher = _TLS_VERSION.search(text), _CIPHER.search(text)
    if version is None and cipher is None and not _PROTOCOL_WITH_TLS.fullmatch(protocol.partition(" ")[0]):
        return None
    number = version.group(2).replace("_", ".") if version else ""
    prefix = "SSL " if version and version.group(1).upper() == "SSL" else ""
    return Tls(prefix + number, next(filter(None, cipher.groups()), "") if cipher else "")
