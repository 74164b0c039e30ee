"""What a report holds: frozen values only, no rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from placement.rates import DEFINITIONS_VERSION, Rate, WeightedRate
from placement.vocabulary import COUNTED, Authentication, Placement, Tab

#: Ends every report, share page and export.
LIMITS_TEXT: Final = (
    "Seed accounts do not open, click or reply. Gmail, Outlook and Yahoo filter for each recipient, so engaged "
    "subscribers may fare better than the seeds, and dormant ones worse.",
    "Read the placement together with complaints, bounces and clicks by mailbox provider.",
    "Seeds at one provider mostly fall together: ten seeds there are fewer than ten independent answers.",
)
#: What the numbers mean; printed beside `definitions_version`.
DEFINITIONS: Final = (
    "n = inbox + spam + other + missing + rejected. Rejected counts against the sender.",
    "Not sent, unknown (we could not look) and waiting are outside n and shown beside it.",
    "Promotions and other tabs count as inbox. The primary rate is the share of the inbox messages whose tab the "
    "provider shows; it is given for each provider and never summed.",
    "Seeds that were excluded when the test was opened, and biased ones (they file known-good mail as spam), are in no "
    "number; both are listed.",
    "Missing is said only after every folder was looked through after the deadline.",
    "Intervals are Wilson 95 %. The overall rate has none until the stream has repeats to take its variation from.",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Seeds by placement."""

    waiting: int = 0
    inbox: int = 0
    spam: int = 0
    other: int = 0
    missing: int = 0
    rejected: int = 0
    not_sent: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, placements: Iterable[Placement]) -> Counts:
        counted = dict.fromkeys((placement.value for placement in Placement), 0)
        for placement in placements:
            counted[placement.value] += 1
        return cls(**counted)

    def __getitem__(self, placement: Placement) -> int:
        return int(getattr(self, placement.value))

    @property
    def n(self) -> int:
        return sum(self[placement] for placement in COUNTED)

    @property
    def total(self) -> int:
        return sum(self[placement] for placement in Placement)


@dataclass(frozen=True, slots=True)
class Rates:
    """Every rate carries its own count and n. `primary` is None where no tab was observed, and in totals."""

    inbox: Rate
    spam: Rate
    other: Rate
    missing: Rate
    rejected: Rate
    inbox_of_delivered: Rate  # inbox ÷ (inbox + spam): what some other tools call the inbox rate
    primary: Rate | None = None


@dataclass(frozen=True, slots=True)
class Authenticated:
    """What receivers said of one method, over the messages found. `unknown`: they said nothing."""

    passed: int = 0
    failed: int = 0
    none: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class SeedIdentity:
    """A domain that one message was checked for. `standing`: pass | fail | none | unknown."""

    method: str  # dkim | spf
    domain: str
    selector: str
    standing: str
    aligned: bool | None  # with the From domain; None where nobody can say
    by_us: bool = False  # the receiver said nothing: our own check

    @property
    def words(self) -> str:
        selector = f" s={self.selector}" if self.selector else ""
        return f"DKIM d={self.domain}{selector}" if self.method == "dkim" else f"SPF {self.domain}"


@dataclass(frozen=True, slots=True)
class Identity:
    """One such domain over several messages."""

    method: str
    domain: str
    selector: str
    aligned: bool | None
    messages: int
    passed: int
    failed: int
    by_us: bool = False


@dataclass(frozen=True, slots=True)
class AuthenticatedAs:
    """Whose name the messages bear. Counts are messages: does anything that passes belong to the From domain?"""

    from_domains: tuple[str, ...] = ()
    return_paths: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()
    aligned: int = 0
    not_aligned: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Seconds from our handing over to the provider's INTERNALDATE, where the dispatch of that seed is known."""

    n: int
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class ProviderRow:
    provider: str
    name: str
    counts: Counts
    tabs: tuple[tuple[Tab, int], ...]  # of the messages in the inbox
    rates: Rates
    authenticated_as: AuthenticatedAs
    spf: Authenticated
    dkim: Authenticated
    dmarc: Authenticated
    delivery: Delivery | None

    @property
    def headline(self) -> str:
        """Counts first: "7 of 10 in the inbox"."""
        return f"{self.counts.inbox} of {self.counts.n} in the inbox" if self.counts.n else "not measured"


@dataclass(frozen=True, slots=True)
class Totals:
    counts: Counts
    rates: Rates
    weighted: WeightedRate
    authenticated_as: AuthenticatedAs
    spf: Authenticated
    dkim: Authenticated
    dmarc: Authenticated
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class SeedRow:
    """One seed. `address` is for those who may send to it; everything that is shared shows `masked_address`."""

    id: str
    seed: str
    address: str = field(repr=False)
    masked_address: str
    plus_address: str | None = field(repr=False)
    provider: str
    provider_name: str
    mailbox_type: str
    region: str
    placement: Placement
    tab: Tab | None
    folder: str
    reason: str
    reason_title: str
    sentences: tuple[str, ...]  # what happened, what it means, what to do next
    detail: str  # the server's words
    evidence_line: str
    dispatch: str
    dispatched_at: datetime | None
    deadline_at: datetime | None
    received_at: datetime | None
    first_seen_at: datetime | None
    delivery_seconds: float | None
    transit_seconds: float | None
    first_placement: str
    current_placement: str
    moved_at: datetime | None
    late_at: datetime | None
    gone_at: datetime | None
    authentication: Authentication
    sending_ip: str
    from_domain: str
    return_path_domain: str
    matched_by: str
    match_where: str
    copies: int
    variants: int
    rival_tests: tuple[str, ...] = ()  # public ids
    identities: tuple[SeedIdentity, ...] = ()
    stated_folder: str = ""  # inbox | junk | custom: on arrival, by the provider's own header
    stated_line: str = ""
    checked: Mapping[str, str] | None = None  # our own check: method → result; None: not checked
    differences: tuple[str, ...] = ()  # where the receiver and our check differ, both quoted
    shared: bool = False  # a mailbox that others use too
    biased: bool = False  # files known-good mail as spam: stands apart, in no number


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A seed that was excluded when the test was opened."""

    seed: str
    address: str = field(repr=False)
    masked_address: str
    provider: str
    provider_name: str
    state: str
    title: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement about a problem, with what it rests on and what to do."""

    code: str
    severity: str  # high | medium | info
    title: str
    detail: str
    next_step: str
    evidence: tuple[str, ...] = ()


class Outcome(StrEnum):
    """`none`: the test has no policy, so there is nothing to pass or fail."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PolicyReason:
    rule: str  # min_inbox_rate | no_spam_at | auth_must_pass | status | policy
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    final: bool
    reasons: tuple[PolicyReason, ...]


@dataclass(frozen=True, slots=True)
class Carry:
    """How the message carries the test: our marker, and what else it is recognised by."""

    token: str = field(repr=False)
    header: str
    body_line: str = field(repr=False)
    rules: tuple[str, ...] = ()  # the customer's own values, in words


@dataclass(frozen=True, slots=True)
class About:
    """The test itself."""

    id: str
    name: str
    mode: str
    status: str
    status_text: str
    status_reason: str
    stream: str | None
    stream_name: str
    timezone: str
    created_at: datetime
    window_starts_at: datetime
    window_ends_at: datetime | None
    start_by: datetime
    sent_at: datetime | None
    sent_at_source: str
    first_arrival_at: datetime | None
    last_arrival_at: datetime | None
    deadline_at: datetime | None
    settled_at: datetime | None
    completed_at: datetime | None
    watch_until: datetime | None
    version: int
    policy: Mapping[str, Any]
    domain_mix: Mapping[str, float]
    meta: Mapping[str, Any]
    is_open: bool


@dataclass(frozen=True, slots=True)
class Report:
    about: About
    carry: Carry
    provisional: bool  # something waits or may still change: fast providers answer first
    totals: Totals
    providers: tuple[ProviderRow, ...]
    seeds: tuple[SeedRow, ...]  # those that stand apart included
    findings: tuple[Finding, ...]
    verdict: Verdict
    arrival_spread_seconds: float | None = None  # first to last arrival by INTERNALDATE: how throttled the send was
    left_out: tuple[LeftOut, ...] = ()
    upload_again: tuple[str, ...] = field(default=(), repr=False)  # addresses that are not on the sender's list
    limits: tuple[str, ...] = LIMITS_TEXT
    definitions: tuple[str, ...] = DEFINITIONS
    definitions_version: str = DEFINITIONS_VERSION
