"""A Reading and our own check of it as plain values: what `explain --json`, the API and the admin show alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from placement.headers.answers import Answer, answer
from placement.headers.received import Leg, Route
from placement.headers.sender_fields import ReturnPath
from placement.headers.spam_verdicts import FilterVerdict, Ignored
from placement.reading import Finding as ReadFinding
from placement.reading import FindingKind, Reading, Reported, Untrusted, read
from placement.verify import Finding as CheckFinding
from placement.verify import Outcome, Verification
from placement.verify.model import GOOD, DkimCheck
from placement.vocabulary import AuthResult
from seedtest.models import Mailbox

METHODS: Final = ("spf", "dkim", "dmarc", "arc", "bimi")
CHECKS: Final = (*METHODS, "one_click")
RESULTS_HEADER: Final = "Authentication-Results"
SWITCHED_OFF: Final = "Unknown (switched off): no DNS server was named to ask."
NOT_CHECKED: Final = "Unknown: this message was not checked (yet, or these checks are switched off)."
#: Longest text kept of one header line; the whole block is kept beside it.
MAX_LINE: Final = 4000

_SEVERITY: Final = {
    FindingKind.NOTHING_ALIGNED: "high",
    FindingKind.PRETENDED_RESULTS: "medium",
    FindingKind.BROKEN_ARC: "medium",
    FindingKind.UNSUBSCRIBE: "medium",
    FindingKind.MOVED: "medium",
}
_CHECK_SEVERITY: Final = {"error": "high", "warning": "medium", "info": "info"}

Document = dict[str, Any]


def names_of(authserv_ids: str) -> tuple[str, ...]:
    """What an operator wrote: names with commas."""
    return tuple(name.strip() for name in authserv_ids.split(",") if name.strip())


def read_for(block: bytes, mailbox: Mailbox) -> Reading:
    """As received in this mailbox."""
    return read(block, mailbox.catalog_entry, extra_authserv_ids=names_of(mailbox.authserv_ids))


def document(reading: Reading, checks: Mapping[str, Any], findings: Iterable[Document]) -> Document:
    """The one shape of a reading. `result` is null where the receiver said nothing."""
    return {
        "provider": reading.provider,
        "authentication": {method: said(reading, method) for method in METHODS},
        "untrusted": [_untrusted(one) for one in reading.untrusted],
        "says": says(reading),
        "route": route(reading.route),
        "checks": dict(checks),
        "findings": list(findings),
    }


def said(reading: Reading, method: str) -> Document:
    """What the receiver said of one method, and the line it stands in."""
    found = _believed(reading, method)
    if found is not None:
        name = _authserv_id(reading, method, found)
        return {"result": found.result, "authserv_id": name, "header": RESULTS_HEADER, "line": _cut(found.line)}
    if method == "spf" and (own := reading.received_spf) and own.receiver and reading.route.sending_ip:
        return {"result": own.result, "authserv_id": own.receiver, "header": "Received-SPF", "line": _cut(own.line)}
    return {"result": None, "authserv_id": None, "header": None, "line": None}


def _believed(reading: Reading, method: str) -> AuthResult | None:
    """The one statement that counts: of several signatures one that passes, else the first."""
    authentication = reading.authentication
    if method != "dkim":
        found: AuthResult | None = getattr(authentication, method)
        return found
    passing = (one for one in authentication.dkim if answer(one) is Answer.PASS)
    return next(passing, next(iter(authentication.dkim), None))


def _authserv_id(reading: Reading, method: str, found: AuthResult) -> str:
    """A provider may write several headers under names of its own."""
    lines = (one.authserv_id for one in reading.reported if one.line == found.line and one.statement.method == method)
    return next(lines, reading.authentication.authserv_id)


def says(reading: Reading) -> Document:
    """What the provider's own filter says; a stated delivery folder outranks what the filter thinks."""
    telling = reading.says
    scores = dict(sorted(reading.scores.items()))
    if telling is None:
        return {"placement": None, "header": None, "raw": None, "scores": scores}
    return {"placement": telling.says.value, "header": telling.header, "raw": _cut(telling.raw), "scores": scores}


def route(found: Route) -> Document:
    return {
        "sending_ip": found.sending_ip or None,
        "helo": found.helo or None,
        "total_seconds": found.total_seconds,
        "hops": [hop(leg) for leg in found.legs],
    }


def hop(leg: Leg) -> Document:
    """One server on the way, the oldest first. `delay_seconds` is null where the clocks contradict each other."""
    at = leg.hop
    return {
        "from": at.reverse_name or at.helo,
        "helo": at.helo,
        "address": at.address,
        "by": at.by,
        "with": at.protocol,
        "tls": {"version": at.tls.version, "cipher": at.tls.cipher} if at.tls else None,
        "id": at.id,
        "for": at.recipient,
        "at": moment(at.at),
        "delay_seconds": leg.delay_seconds,
        "clock_skew": leg.clock_skew,
        "by_receiver": leg.by_receiver,
        "line": _cut(at.line),
    }


def reported(one: Reported) -> Document:
    """One statement in full, of whatever method."""
    statement = one.statement
    return {
        "authserv_id": one.authserv_id,
        "method": statement.method,
        "result": statement.result,
        "reason": statement.reason,
        "properties": {name: _cut(value) for name, value in statement.properties.items()},
        "comments": [_cut(text) for text in statement.comments],
    }


def verdict(one: FilterVerdict) -> Document:
    """One header of the provider's own filter."""
    told = one.reading
    return {
        "header": one.header,
        "raw": _cut(one.raw),
        "says": one.says.value,
        "delivery_folder": told.delivery_folder.value if told.delivery_folder else None,
        "score": told.score,
        "threshold": told.threshold,
        "hits": [{"name": _cut(hit.name), "score": hit.score} for hit in told.hits],
        "meanings": list(told.meanings),
    }


def ignored(one: Ignored) -> Document:
    return {"header": one.header, "raw": _cut(one.raw), "why": one.why}


def list_headers(reading: Reading) -> Document:
    """What bulk senders must write, as it stands there."""
    offer, sender = reading.list_unsubscribe, reading.sender
    return {
        "list_unsubscribe": _cut(offer.line) if offer.present else None,
        "list_unsubscribe_post": _cut(offer.post) if offer.post is not None else None,
        "one_click": offer.one_click,
        "faults": list(offer.faults),
        "list_id": _cut(sender.list_id),
        "feedback_id": _cut(sender.feedback_id.raw),
        "precedence": _cut(sender.precedence),
        "auto_submitted": _cut(sender.auto_submitted),
        "return_path": _return_path(sender.return_path),
        "bimi_selector": _cut(sender.bimi.selector),
        "bimi_location": _cut(sender.bimi.location),
    }


def _return_path(found: ReturnPath) -> str | None:
    if not found.present:
        return None
    return "<>" if found.null else _cut(found.address)


def _untrusted(one: Untrusted) -> Document:
    return {"authserv_id": one.authserv_id, "line": _cut(one.line), "why": one.why.value, "explanation": one.words}


def switched_off() -> Document:
    """Our own checks where no DNS server may be asked."""
    return _nothing(SWITCHED_OFF)


def not_checked() -> Document:
    """Our own checks of a message that was not checked."""
    return _nothing(NOT_CHECKED)


def _nothing(words: str) -> Document:
    nothing = {"result": Outcome.UNKNOWN.value, "says": words}
    return {name: dict(nothing) for name in CHECKS} | {"dkim": nothing | {"signatures": []}}


def checks(found: Verification) -> Document:
    """Our own checks, each with its `result` in RFC 8601's words (its temperror is `unknown`) and what it rests on."""
    return {name: _check(getattr(found, name)) for name in CHECKS if name != "dkim"} | {"dkim": _dkim(found.dkim)}


def summary(found: Verification) -> dict[str, str]:
    """Method → result."""
    return {name: check["result"] for name, check in checks(found).items()}


def _check(value: Any) -> Document:
    plain = {name: _plain(one) for name, one in asdict(value).items() if name != "outcome"}
    return {"result": value.outcome.value, **plain}


def _dkim(signatures: Sequence[DkimCheck]) -> Document:
    best = next((one for one in signatures if one.outcome in GOOD), next(iter(signatures), None))
    result = best.outcome if best else Outcome.NONE
    words = best.says if best else "The message carries no DKIM signature."
    return {"result": result.value, "says": words, "signatures": [_check(one) for one in signatures]}


def read_finding(one: ReadFinding) -> Document:
    return _finding(one.kind.value, _SEVERITY.get(one.kind, "info"), one.title, one.detail, "", one.line)


def check_finding(one: CheckFinding) -> Document:
    return _finding(one.code, _CHECK_SEVERITY[one.severity.value], one.says, "", one.fix, one.evidence)


def note(code: str, title: str, detail: str = "", evidence: str = "") -> Document:
    return _finding(code, "info", title, detail, "", evidence)


def _finding(code: str, severity: str, title: str, detail: str, fix: str, evidence: str) -> Document:
    texts = {"title": title, "detail": detail, "fix": fix, "evidence": _cut(evidence)}
    return {"code": code, "severity": severity, **{name: storable(text) for name, text in texts.items()}}


def differences(findings: Iterable[Mapping[str, str]]) -> list[str]:
    """What both sides say, of stored findings that set them against each other."""
    return [one["evidence"] for one in findings if one["code"].endswith("_differs")]


def moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


def storable(text: str) -> str:
    """Neither PostgreSQL nor JSON takes NUL or lone surrogates; hostile mail holds both."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _cut(text: str) -> str:
    return storable(text[:MAX_LINE])


def _plain(value: Any) -> Any:
    """JSON of the engine's values."""
    match value:
        case str():
            return _cut(str(value))
        case datetime():
            return moment(value)
        case Mapping():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value
