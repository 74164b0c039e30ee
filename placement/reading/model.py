"""The frozen values of a reading: what a received message says, what of it is believed, and what to tell a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from placement.headers.answers import Answer, answer, best_answer
from placement.headers.arc import ArcChain
from placement.headers.authres_grammar import Statement
from placement.headers.list_unsubscribe import ListUnsubscribe
from placement.headers.received import Route
from placement.headers.received_spf import ReceivedSpf
from placement.headers.sender_fields import SenderFields
from placement.headers.spam_verdicts import FilterVerdict, Verdicts
from placement.headers.trust import Distrust
from placement.vocabulary import Authentication


class FindingKind(StrEnum):
    TRUNCATED = "truncated"
    NOTHING_SAID = "nothing_said"
    NOBODY_BELIEVED = "nobody_believed"
    MALFORMED_RESULTS = "malformed_results"
    PRETENDED_RESULTS = "pretended_results"
    UNKNOWN_WORD = "unknown_word"
    NOTHING_ALIGNED = "nothing_aligned"
    BROKEN_ARC = "broken_arc"
    CLOCK_SKEW = "clock_skew"
    UNSUBSCRIBE = "unsubscribe"
    MOVED = "moved_after_delivery"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know. `detail`: what it means and what to do; `line`: the header it rests on."""

    kind: FindingKind
    title: str
    detail: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """One statement of the receiver, of whatever method, in full."""

    authserv_id: str
    statement: Statement
    line: str


@dataclass(frozen=True, slots=True)
class Untrusted:
    """An Authentication-Results header that is kept, shown and not believed."""

    line: str
    authserv_id: str
    why: Distrust
    words: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one header block says, as read for one provider."""

    provider: str
    authentication: Authentication
    reported: tuple[Reported, ...]  # all methods, also iprev, auth, compauth, x-ptr …
    says_none: bool  # the receiver wrote "none": it looked, and there was nothing to say
    untrusted: tuple[Untrusted, ...]
    received_spf: ReceivedSpf | None  # the receiver's own
    doubted_spf: tuple[ReceivedSpf, ...]  # all others: relays and the sender may have written them
    arc: ArcChain
    verdicts: Verdicts
    route: Route
    sender: SenderFields
    list_unsubscribe: ListUnsubscribe
    findings: tuple[Finding, ...] = ()

    @property
    def says(self) -> FilterVerdict | None:
        """What the provider's own filter says, in the header that tells most."""
        return self.verdicts.says

    @property
    def scores(self) -> Mapping[str, float]:
        return self.verdicts.scores

    def answer(self, method: str) -> Answer:
        """spf, dkim, dmarc, arc or bimi in one word; ABSENT where the receiver said nothing."""
        said = self.authentication
        if method == "dkim":
            return best_answer(said.dkim)
        single = {"spf": said.spf, "dmarc": said.dmarc, "arc": said.arc, "bimi": said.bimi}
        return answer(single.get(method))
