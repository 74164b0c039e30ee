"""Mint the marker that ties a message to its test, and recognise it in a received message.

The highest place that names a test wins (`MatchKind`). Where that place names two tests, neither gets the message
and `rivals` says who they are. Replies, forwards and automatic answers quote subjects and bodies, so on them only
what no mail client copies counts: our header, a campaign header, the address the message went to.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from placement.campaign_headers import PRESET_HEADERS, PRESETS
from placement.headers import Headers
from placement.headers.domains import normal_domain
from placement.headers.encoded_words import decode_words
from placement.headers.identity import from_domain, subject
from placement.message_body import visible_texts
from placement.vocabulary import MarkerKind, MarkerRule, Match, MatchKeys, MatchKind

__all__ = [
    "OWN_HEADER",
    "PRESETS",
    "Recognition",
    "RuleBook",
    "body_line",
    "keys",
    "message_key",
    "mint",
    "plus_address",
    "recognise",
    "recognise_body",
]

OWN_HEADER: Final = "X-Seedtest-ID"

_ALPHABET: Final = string.ascii_lowercase + string.digits
_LENGTH: Final = 26  # 134 bits
_MAX_VALUE: Final = 1000
_MAX_ADDRESSES: Final = 16 * 1024
_MAX_CAMPAIGN_KEYS: Final = 50
_MAX_EMAIL_ID: Final = 64  # RFC 8474 allows 255; a key is at most 67 characters long

_TOKEN: Final = re.compile(r"[a-z0-9]{26}")
_WORD: Final = re.compile(r"(?<![a-z0-9])[a-z0-9]{26}(?![a-z0-9])", re.IGNORECASE)
#: Any separator a provider may use, and the start of a local part for subdomain addressing.
_IN_ADDRESS: Final = re.compile(r"(?<![a-z0-9])([a-z0-9]{26})@", re.IGNORECASE)
_RECEIVED_FOR: Final = re.compile(r"\sfor\s+<?([^\s<>;]{1,320})", re.IGNORECASE)
_REF: Final = re.compile(r"(?<![a-z0-9])ref:\s{0,20}([a-z0-9]{26})(?![a-z0-9])", re.IGNORECASE)

_ADDRESS_HEADERS: Final = (
    "To",
    "Cc",
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "Apparently-To",
    "X-Apparently-To",
)

#: What mail clients put before the subject of an answer or a forward.
_ANSWER: Final = re.compile(
    r"(?:re|aw|sv|antw|odp|rv|vs|ynt|fwd?|wg|tr|rif|doorst|enc|回复|答复|回覆|转发|轉寄)(?:\[\d{1,3}\])?\s?(?::\s|\uff1a)",
    re.IGNORECASE,
)
#: What a filter at the receiver puts before the subject of what it takes for spam.
_SPAM_TAG: Final = re.compile(
    r"(?:\[(?:suspected )?spam[^\]]{0,20}\]|\*{2,8}\s?spam\s?\*{2,8}|\{spam\??\}|spam:)\s*", re.IGNORECASE
)
_BULK_HEADERS: Final = ("List-Unsubscribe", "List-ID", "Feedback-ID")
_AUTOMATIC: Final = frozenset({"auto_reply", "auto-reply"})


@dataclass(frozen=True, slots=True)
class Recognition:
    """`match` when exactly one test is named at the highest place; `rivals` when several are."""

    match: Match | None = None
    rivals: tuple[Match, ...] = ()


_NOTHING: Final = Recognition()
_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The open markers as dictionaries: a message costs the same however many tests are open."""

    tokens: Mapping[str, tuple[MarkerRule, ...]]
    body_tokens: frozenset[str]
    headers: Mapping[str, Mapping[str, tuple[MarkerRule, ...]]]  # name → value
    prefixes: Mapping[str, Mapping[int, Mapping[str, tuple[MarkerRule, ...]]]]  # name → length → prefix
    subjects: Mapping[tuple[str, str], tuple[MarkerRule, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[MarkerRule]) -> RuleBook:
        """A rule without a value matches nothing."""
        by_kind: dict[MarkerKind, list[MarkerRule]] = {kind: [] for kind in MarkerKind}
        for rule in rules:
            if rule.value.strip():
                by_kind[rule.kind].append(rule)
        tokens = by_kind[MarkerKind.TOKEN]
        return cls(
            tokens=_grouped((rule.value.strip().lower(), rule) for rule in tokens),
            body_tokens=frozenset(rule.value.strip().lower() for rule in tokens if rule.in_body),
            headers=_exact(by_kind[MarkerKind.HEADER]),
            prefixes=_by_length(by_kind[MarkerKind.HEADER_PREFIX]),
            subjects=_grouped((_subject_key(rule), rule) for rule in by_kind[MarkerKind.SENDER_SUBJECT]),
        )

    @property
    def wants_body(self) -> bool:
        return bool(self.body_tokens)


def mint() -> str:
    """An unguessable marker of [a-z0-9]{26}: safe in header values, local parts and SEARCH arguments."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def body_line(token: str) -> str:
    return f"Ref: {token}"


def plus_address(email: str, token: str, separator: str) -> str:
    local, _, domain = email.rpartition("@")
    return f"{local}{separator}{token}@{domain}"


def keys(headers: Headers) -> MatchKeys:
    """What a later test could be matched by."""
    own = headers.first(OWN_HEADER).lower()
    return MatchKeys(
        token=own if _TOKEN.fullmatch(own) else next((token for _, token in _addressed(headers)), ""),
        campaign=tuple(_campaign(headers))[:_MAX_CAMPAIGN_KEYS],
        feedback_id=_value(headers.first("Feedback-ID")),
        list_id=_value(headers.first("List-ID")),
        from_domain=from_domain(headers),
        subject=subject(headers)[:_MAX_VALUE],
    )


def recognise(headers: Headers, book: RuleBook, *, internaldate: datetime) -> Recognition:
    """Which test the headers name. `internaldate` (aware) is held against the window of customers' values."""
    lookups = [_own_header, _campaign_headers, _plus_addresses]
    if not is_answer(headers):
        lookups += [_sender_subject, _subject_token]
    for lookup in lookups:
        found = _decide(lookup(headers, book), internaldate)
        if found is not _NOTHING:
            return found
    return _NOTHING


def recognise_body(raw_body: bytes, header_block: bytes, book: RuleBook) -> Recognition:
    """The visible "Ref: …" line in the text and HTML parts; never in comments, hidden or quoted text."""
    headers = Headers.parse(header_block)
    if not book.body_tokens or is_answer(headers):
        return _NOTHING
    matches = []
    for content_type, text in visible_texts(headers, raw_body):
        found = {token.lower() for token in _REF.findall(text)} & book.body_tokens
        matches += [
            (rule, Match(rule.test, MatchKind.BODY_LINE, f"{content_type} body line", token))
            for token in sorted(found)
            for rule in book.tokens[token]
            if rule.in_body
        ]
    return _decide(matches, None)


def is_answer(headers: Headers) -> bool:
    """A reply, a forward or an automatic answer: it may quote what it did not carry.

    A campaign may call itself "Re: …", so on bulk mail the subject alone says nothing.
    """
    automatic = headers.first("Auto-Submitted").lower().startswith("auto-replied")
    if automatic or headers.first("Precedence").lower() in _AUTOMATIC:
        return True
    if any(name in headers for name in ("In-Reply-To", "X-Autoreply", "X-Autorespond")):
        return True
    is_bulk = any(name in headers for name in _BULK_HEADERS) and "References" not in headers
    return not is_bulk and _ANSWER.match(subject(headers) + " ") is not None


def message_key(
    headers: Headers, block: bytes, *, gm_msgid: str | int | None = None, email_id: str | None = None
) -> str:
    """The same for every copy of a message within a mailbox, at most 67 characters: the server's id, else a hash."""
    if gm_msgid:
        return f"gm:{gm_msgid}"
    if email_id:
        return f"em:{email_id if len(email_id) <= _MAX_EMAIL_ID else _digest(email_id)}"
    message_id = headers.first("Message-ID")
    if not message_id:
        return f"hb:{hashlib.sha256(block).hexdigest()}"
    return f"id:{_digest(message_id, headers.first('Date'), headers.first('From'))}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


_Found: TypeAlias = Iterable[tuple[MarkerRule, Match]]


def _own_header(headers: Headers, book: RuleBook) -> _Found:
    for value in headers.all(OWN_HEADER):
        token = _value(value).lower()
        yield from _found(book.tokens.get(token, ()), MatchKind.OWN_HEADER, OWN_HEADER, token)


def _campaign_headers(headers: Headers, book: RuleBook) -> _Found:
    for one in headers.fields:
        name = one.name.lower()
        exact, prefixes = book.headers.get(name, {}), book.prefixes.get(name, {})
        if exact or prefixes:
            value = _value(one.unfolded)
            rules = [*exact.get(value, ()), *_prefixed(prefixes, value)]
            yield from _found(rules, MatchKind.CAMPAIGN_HEADER, one.name, value)


def _plus_addresses(headers: Headers, book: RuleBook) -> _Found:
    for where, token in _addressed(headers):
        yield from _found(book.tokens.get(token, ()), MatchKind.PLUS_ADDRESS, where, token)


def _sender_subject(headers: Headers, book: RuleBook) -> _Found:
    if not book.subjects:
        return
    sender, line = from_domain(headers), subject(headers)
    for candidate in dict.fromkeys((line, _SPAM_TAG.sub("", line, count=1))):
        rules = book.subjects.get((sender, _comparable(candidate)), ())
        yield from _found(rules, MatchKind.SENDER_SUBJECT, "From and Subject", candidate)


def _subject_token(headers: Headers, book: RuleBook) -> _Found:
    for word in dict.fromkeys(_WORD.findall(subject(headers).lower())):
        yield from _found(book.tokens.get(word, ()), MatchKind.SUBJECT_TOKEN, "Subject", word)


def _found(rules: Iterable[MarkerRule], kind: MatchKind, where: str, value: str) -> _Found:
    return ((rule, Match(rule.test, kind, where, value)) for rule in rules)


def _decide(found: _Found, internaldate: datetime | None) -> Recognition:
    by_test: dict[int, Match] = {}
    for rule, match in found:
        if internaldate is None or _in_window(rule, internaldate):
            by_test.setdefault(match.test, match)
    if not by_test:
        return _NOTHING
    if len(by_test) == 1:
        return Recognition(next(iter(by_test.values())))
    return Recognition(None, tuple(by_test[test] for test in sorted(by_test)))


def _in_window(rule: MarkerRule, internaldate: datetime) -> bool:
    if rule.kind is MarkerKind.TOKEN:
        return True  # unguessable, so never in older mail; and INTERNALDATE may lag behind the test's clock
    if rule.valid_from is not None and internaldate < rule.valid_from:
        return False
    return rule.valid_until is None or internaldate <= rule.valid_until


def _addressed(headers: Headers) -> Iterator[tuple[str, str]]:
    """(where, token-shaped local part detail) of every address the message went to."""
    for name in _ADDRESS_HEADERS:
        for value in headers.all(name):
            for token in _IN_ADDRESS.findall(value[:_MAX_ADDRESSES]):
                yield name, token.lower()
    for value in headers.all("Received"):
        for address in _RECEIVED_FOR.findall(value[:_MAX_ADDRESSES]):
            for token in _IN_ADDRESS.findall(address):
                yield "Received for", token.lower()


def _campaign(headers: Headers) -> Iterator[tuple[str, str]]:
    for one in headers.fields:
        if one.name.lower() in PRESET_HEADERS and one.unfolded:
            yield one.name.lower(), _value(one.unfolded)


def _value(text: str) -> str:
    """Folding, RFC 2047 words and white space at the ends are the ESP's doing, not part of the value."""
    return " ".join(decode_words(text[:_MAX_VALUE]).split())


def _prefixed(by_length: Mapping[int, Mapping[str, tuple[MarkerRule, ...]]], value: str) -> Iterator[MarkerRule]:
    for length, prefixes in by_length.items():
        yield from prefixes.get(value[:length], ())


def _exact(rules: Iterable[MarkerRule]) -> dict[str, dict[str, tuple[MarkerRule, ...]]]:
    by_name = _grouped((rule.header.strip().lower(), rule) for rule in rules)
    return {name: _grouped((_value(rule.value), rule) for rule in group) for name, group in by_name.items()}


def _by_length(rules: Iterable[MarkerRule]) -> dict[str, dict[int, dict[str, tuple[MarkerRule, ...]]]]:
    """Length buckets: as many lookups as there are different lengths, however many prefixes."""
    return {
        name: {
            length: {prefix: group for prefix, group in prefixes.items() if len(prefix) == length}
            for length in {len(prefix) for prefix in prefixes}
        }
        for name, prefixes in _exact(rules).items()
    }


def _grouped(pairs: Iterable[tuple[_K, MarkerRule]]) -> dict[_K, tuple[MarkerRule, ...]]:
    groups: dict[_K, list[MarkerRule]] = {}
    for key, rule in pairs:
        groups.setdefault(key, []).append(rule)
    return {key: tuple(group) for key, group in groups.items()}


def _subject_key(rule: MarkerRule) -> tuple[str, str]:
    return normal_domain(rule.from_domain), _comparable(rule.value)


def _comparable(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text[:_MAX_VALUE].split()))
