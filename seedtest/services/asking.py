"""What a person asks for when they open a test, and whether it can be done. Reads only; `intake` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final, NamedTuple

from placement import providers
from placement.headers.domains import normal_domain
from placement.headers.encoded_words import decode_words
from placement.marker import OWN_HEADER
from seedtest.models import OutgoingMessage, Schedule, SeedList, SendingProfile, Stream, User, Workspace
from seedtest.models.seedtests import Kind, Mode

#: Clocks of mail servers and of callers differ from ours by so much at most.
CLOCK_SLACK: Final = timedelta(minutes=5)
#: Unmatched arrivals are kept for two weeks, so a send before that cannot be found again.
OLDEST_SEND: Final = timedelta(days=14)
LONGEST_WINDOW: Final = timedelta(days=31)
SETTLE_RANGE: Final = (10, 86_400)
MAX_META: Final = 8 * 1024
MAX_DOMAINS: Final = 2000
MAX_PROVIDERS: Final = 100
POLICY_KEYS: Final = ("min_inbox_rate", "no_spam_at", "auth_must_pass")

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,75}")
_DOMAIN: Final = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}")
#: They differ with every message, or are the same on all mail of a sender: no value of theirs names a campaign.
_NO_CAMPAIGN: Final = frozenset(
    {"from", "to", "cc", "bcc", "date", "subject", "sender", "reply-to", "message-id", "received", "return-path"}
    | {"mime-version", "content-type", "delivered-to", "dkim-signature", "authentication-results", "in-reply-to"}
    | {"references"}
)
_MIN_PREFIX: Final = 3


class Fault(NamedTuple):
    """One thing that is wrong with what was asked for. `pointer` is a JSON pointer into the request."""

    pointer: str
    code: str
    detail: str


class IntakeError(Exception):
    """What was asked for cannot be done; `errors` says why, one a field."""

    def __init__(self, errors: Sequence[Fault]) -> None:
        self.errors = [Fault(*error) for error in errors]
        super().__init__(" ".join(error.detail for error in self.errors))


@dataclass(frozen=True, slots=True)
class MatchRequest:
    """How messages may be recognised beside the minted marker, which every test has."""

    in_body: bool = False
    header: str = ""
    value: str = ""
    prefix: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class NewTest:
    """A test as it is asked for."""

    name: str
    kind: Kind = Kind.PLACEMENT
    mode: Mode = Mode.ESP
    match: MatchRequest = field(default_factory=MatchRequest)
    stream: Stream | None = None
    from_domain: str = ""
    seed_list: SeedList | None = None
    provider_filter: tuple[str, ...] = ()
    max_seeds_per_provider: int | None = None
    window_starts_at: datetime | None = None
    window_ends_at: datetime | None = None
    settle_seconds: int = 600
    sent_at: datetime | None = None
    sending_profile: SendingProfile | None = None
    message: OutgoingMessage | None = None
    domain_mix: Mapping[str, float] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule | None = None
    scheduled_for: datetime | None = None
    created_by: User | None = None

    @property
    def sender_domain(self) -> str:
        """The From domain that a sender-and-subject rule compares with."""
        return normal_domain(self.from_domain or (self.stream.from_domain if self.stream else ""))


def check(workspace: Workspace, new: NewTest, now: datetime) -> None:
    """Raises IntakeError with everything that is wrong, not only the first."""
    checks = (_foreign_rows(workspace, new), _basics(new), _times(new, now), _match(new), _extras(new))
    faults = [fault for found in checks for fault in found]
    if faults:
        raise IntakeError(faults)


def unknown_id(name: str) -> Fault:
    """The same words for an id that never was and for one of another workspace."""
    return Fault(f"#/{name}", "unknown_id", f"There is no {name.replace('_', ' ')} with this id in this workspace.")


def _foreign_rows(workspace: Workspace, new: NewTest) -> Iterator[Fault]:
    for name in ("stream", "seed_list", "sending_profile", "message", "schedule"):
        row = getattr(new, name)
        if row is not None and row.workspace_id != workspace.pk:
            yield unknown_id(name)


def _basics(new: NewTest) -> Iterator[Fault]:
    if not new.name.strip() or len(new.name) > 200:
        yield Fault("#/name", "invalid", "Give the test a name of 1 to 200 characters.")
    if new.stream is not None and new.from_domain:
        yield Fault("#/from_domain", "conflict", "Give a stream or a From domain, not both: the stream has its own.")
    if new.from_domain and not _DOMAIN.fullmatch(normal_domain(new.from_domain)):
        yield Fault("#/from_domain", "invalid", "Write the From domain alone, like news.acme.example.")
    if not SETTLE_RANGE[0] <= new.settle_seconds <= SETTLE_RANGE[1]:
        yield Fault("#/settle_seconds", "invalid", f"Choose {SETTLE_RANGE[0]} to {SETTLE_RANGE[1]} seconds.")
    if new.max_seeds_per_provider is not None and new.max_seeds_per_provider < 1:
        yield Fault("#/max_seeds_per_provider", "invalid", "At least one seed a provider, or leave it out.")
    yield from _provider_faults("#/provider_filter", new.provider_filter)
    yield from _sending(new)


def _sending(new: NewTest) -> Iterator[Fault]:
    if new.mode != Mode.SERVICE:
        if new.sending_profile or new.message:
            yield Fault("#/mode", "conflict", "A message and a sending profile belong to a test that we send.")
        return
    if new.sending_profile is None:
        yield Fault("#/sending_profile", "required", "Name the sending profile (SMTP account) to send through.")
    if new.message is None:
        yield Fault("#/message", "required", "Give the message to send.")
    if new.sent_at is not None:
        yield Fault("#/sent_at", "conflict", "We send this test, so we note the time ourselves. Leave sent_at out.")


def _provider_faults(pointer: str, ids: Sequence[object]) -> Iterator[Fault]:
    known = set(providers.ids())
    for index, one in enumerate(ids):
        if one not in known:
            yield Fault(f"{pointer}/{index}", "unknown_provider", f"There is no mailbox provider “{str(one)[:60]}”.")


def _times(new: NewTest, now: datetime) -> Iterator[Fault]:
    starts = new.window_starts_at or new.sent_at or now
    if starts < now - OLDEST_SEND:
        pointer = "#/send_window/starts_at" if new.window_starts_at else "#/sent_at"
        yield Fault(pointer, "too_old", f"Mail older than {OLDEST_SEND.days} days cannot be found again.")
    if new.window_ends_at is not None and new.window_ends_at <= starts:
        yield Fault("#/send_window/ends_at", "invalid", "The send window ends before it starts.")
    if (new.window_ends_at or starts) > now + LONGEST_WINDOW:
        yield Fault("#/send_window", "too_far", f"The send window must end within {LONGEST_WINDOW.days} days.")
    if new.sent_at is None:
        return
    if new.sent_at > now + CLOCK_SLACK:
        yield Fault("#/sent_at", "in_the_future", "sent_at says when it was sent; for later use send_window.")
    if new.window_starts_at and new.sent_at < new.window_starts_at:
        yield Fault("#/sent_at", "before_window", "It was sent before its send window starts.")


def _match(new: NewTest) -> Iterator[Fault]:
    match = new.match
    if match.header or match.value or match.prefix:
        yield from _campaign_header(match)
    if match.subject and not new.sender_domain:
        yield Fault(
            "#/match/subject", "from_domain_required",
            "A subject alone is not enough: give from_domain, or a stream that has one.",
        )  # fmt: skip
    if len(match.subject) > 500:
        yield Fault("#/match/subject", "invalid", "A subject of at most 500 characters can be compared.")


def _campaign_header(match: MatchRequest) -> Iterator[Fault]:
    if not _HEADER_NAME.fullmatch(match.header):
        yield Fault("#/match/header/name", "invalid", "Give the name of the header, like Feedback-ID, without a colon.")
        return
    if match.header.lower() in _NO_CAMPAIGN or match.header.lower() == OWN_HEADER.lower():
        yield Fault("#/match/header/name", "unsuitable", f"{match.header} does not name a campaign. Use Feedback-ID …")
    if bool(match.value) == bool(match.prefix):
        yield Fault("#/match/header", "invalid", "Give either the value of the header or its prefix.")
    # As it is compared: an encoded word of nothing would be the beginning of every value.
    compared = " ".join(decode_words(match.value or match.prefix).split())
    if match.value and not compared:
        yield Fault("#/match/header/value", "invalid", "The value of the header is empty once it is decoded.")
    if match.prefix and len(compared) < _MIN_PREFIX:
        yield Fault("#/match/header/prefix", "too_short", f"A prefix needs at least {_MIN_PREFIX} characters.")
    if max(len(match.value), len(match.prefix)) > 998:
        yield Fault("#/match/header", "invalid", "A header line holds at most 998 characters.")


def _extras(new: NewTest) -> Iterator[Fault]:
    yield from _domain_mix(new.domain_mix)
    yield from policy_faults(new.policy)
    if not storable_json(new.meta, MAX_META):
        yield Fault("#/meta", "invalid", f"meta must be at most {MAX_META // 1024} KB of plain JSON text and numbers.")


def _domain_mix(mix: Mapping[str, Any]) -> Iterator[Fault]:
    if len(mix) > MAX_DOMAINS:
        yield Fault("#/domain_mix", "too_many", f"Give at most {MAX_DOMAINS} domains; the small ones change nothing.")
        return
    for domain, weight in mix.items():
        if not _DOMAIN.fullmatch(normal_domain(domain)):
            yield Fault("#/domain_mix", "invalid", f"“{domain[:60]}” is not a domain.")
        elif not _is_number(weight) or weight < 0:
            yield Fault("#/domain_mix", "invalid", f"Give {domain} a count or a share of addresses, 0 or more.")
    if mix and not any(_is_number(weight) and weight > 0 for weight in mix.values()):
        yield Fault("#/domain_mix", "invalid", "At least one domain needs a weight above 0.")


def policy_faults(policy: Mapping[str, Any]) -> Iterator[Fault]:
    for key in policy.keys() - set(POLICY_KEYS):
        yield Fault("#/policy", "unknown_field", f"A policy knows {', '.join(POLICY_KEYS)}, but not “{key[:40]}”.")
    rate = policy.get("min_inbox_rate", 0)
    if not _is_number(rate) or not 0 <= rate <= 1:
        yield Fault("#/policy/min_inbox_rate", "invalid", "Give a rate between 0 and 1, like 0.9.")
    if not isinstance(policy.get("auth_must_pass", False), bool):
        yield Fault("#/policy/auth_must_pass", "invalid", "Give true or false.")
    forbidden = policy.get("no_spam_at", [])
    if not isinstance(forbidden, (list, tuple)):
        yield Fault("#/policy/no_spam_at", "invalid", "Give a list of mailbox providers.")
        return
    if len(forbidden) > MAX_PROVIDERS:
        yield Fault("#/policy/no_spam_at", "too_many", "Name each mailbox provider once.")
        return
    yield from _provider_faults("#/policy/no_spam_at", forbidden)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e15 < value < 1e15 and isfinite(value)


def storable_json(value: object, limit: int) -> bool:
    """Whether both databases keep it: PostgreSQL's jsonb takes no NUL, no lone surrogate, no Infinity."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return len(text.encode()) <= limit and "\\u0000" not in text
    except (ValueError, TypeError, RecursionError):  # UnicodeEncodeError is a ValueError
        return False
