"""What a person should know about a reading: one function a finding, each with the line it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from placement.headers.answers import Answer, answer
from placement.headers.trust import PRETENDING, WHY, Trust
from placement.providers import Provider
from placement.reading.model import Finding, FindingKind, Reading
from placement.vocabulary import FolderRole

_MAX_LINE: Final = 2000
_MAX_EACH: Final = 20

_FOLDER_WORDS: Final = {"inbox": "the inbox", "junk": "the junk folder"}
_ROLES: Final = {
    "inbox": frozenset({FolderRole.INBOX, FolderRole.CATEGORY}),
    "junk": frozenset({FolderRole.JUNK}),
}


def findings(reading: Reading, trust: Trust, provider: Provider) -> Iterator[Finding]:
    yield from _silence(reading, trust, provider)
    yield from _malformed(trust)
    yield from _pretended(trust)
    yield from _unknown_words(reading)
    yield from _alignment(reading)
    yield from _arc(reading)
    yield from _clock(reading)
    yield from _unsubscribe(reading)


def truncated(limit: int, fields: int) -> Finding:
    return Finding(
        FindingKind.TRUNCATED,
        "The header is too large to read as a whole",
        f"At most {limit // 1024} KiB and {fields} fields are read; what stands further down is unknown.",
    )


def moved_after_delivery(reading: Reading, role: FolderRole) -> Finding | None:
    """The provider states where it put the message on arrival, and it was found in a folder of another role."""
    stated = reading.verdicts.delivery_folder
    folder = stated.reading.delivery_folder if stated else None
    if stated is None or folder is None or folder.value not in _ROLES or role in _ROLES[folder.value]:
        return None
    return Finding(
        FindingKind.MOVED,
        "Moved after delivery",
        f"On arrival the provider put the message into {_FOLDER_WORDS[folder.value]}; it was found elsewhere. "
        "The provider thought again (it keeps judging for hours), or a rule or a person moved it. Both are kept: "
        "the folder we found counts.",
        _line(stated.header, stated.raw),
    )


def _silence(reading: Reading, trust: Trust, provider: Provider) -> Iterator[Finding]:
    if trust.believed:
        return
    known = bool(provider.authserv_ids) or provider.ar_style.missing_authserv_id
    if known:
        yield Finding(
            FindingKind.NOTHING_SAID,
            f"{provider.name} says nothing about authentication",
            "None of its own Authentication-Results stands in the message. That is no failure: the result is "
            "unknown. See what we verified ourselves.",
        )
    elif trust.doubted:
        yield Finding(
            FindingKind.NOBODY_BELIEVED,
            "Nobody's authentication results are believed here",
            "We do not know under which name the server of this mailbox writes Authentication-Results, and a "
            "sender can forge them. If you run the server, add its name (the first word of the line) to the mailbox.",
            _results_line(trust.doubted[0].claim.text),
        )


def _malformed(trust: Trust) -> Iterator[Finding]:
    for one in trust.believed[:_MAX_EACH]:
        if one.value.faults:
            yield Finding(
                FindingKind.MALFORMED_RESULTS,
                "Authentication-Results that could be read only in part",
                " ".join(one.value.faults) + " What could be read was used; the rest is unknown, not failed.",
                _results_line(one.text),
            )


def _pretended(trust: Trust) -> Iterator[Finding]:
    pretended = [one for one in trust.doubted if one.why in PRETENDING]
    for one in pretended[:_MAX_EACH]:
        yield Finding(
            FindingKind.PRETENDED_RESULTS,
            "Authentication-Results under the provider's name that it did not write here",
            WHY[one.why] + " If you did not add it yourself, look at the servers the message passed.",
            _results_line(one.claim.text),
        )


def _unknown_words(reading: Reading) -> Iterator[Finding]:
    said = reading.authentication
    results = (said.spf, *said.dkim, said.dmarc, said.arc, said.bimi)
    unknown = [one for one in results if one is not None and answer(one) is Answer.UNKNOWN]
    for one in unknown[:_MAX_EACH]:
        yield Finding(
            FindingKind.UNKNOWN_WORD,
            f'"{one.method}={one.result[:40]}" is a word we do not know',
            "It is shown as unknown and counts neither as a pass nor as a failure.",
            _results_line(one.line),
        )


def _alignment(reading: Reading) -> Iterator[Finding]:
    """An ESP's own domain that passes and aligns with nothing: the commonest fault there is."""
    said = reading.authentication
    passing = [one for one in (said.spf, *said.dkim) if one is not None and answer(one) is Answer.PASS]
    told = [one for one in passing if one.aligned is not None]
    if not told or any(one.aligned for one in told) or reading.answer("dmarc") is Answer.PASS:
        return
    domains = ", ".join(dict.fromkeys(f"{one.method} {one.domain}" for one in told))
    yield Finding(
        FindingKind.NOTHING_ALIGNED,
        "Authenticated, but not as the domain in From",
        f"What passes ({domains}) belongs to another organisation than the From address, so it does not count for "
        "DMARC. Have your sending service sign with your own domain (DKIM), or set a Return-Path of your own.",
        _results_line(told[0].line),
    )


def _arc(reading: Reading) -> Iterator[Finding]:
    if reading.arc.faults and reading.arc.sets:
        newest = reading.arc.sets[-1]
        yield Finding(
            FindingKind.BROKEN_ARC,
            "The ARC chain is not whole",
            " ".join(reading.arc.faults[:5]) + " Receivers will not use it to forgive a failure after forwarding.",
            newest.lines[0][:_MAX_LINE] if newest.lines else "",
        )


def _clock(reading: Reading) -> Iterator[Finding]:
    skewed = [leg for leg in reading.route.legs if leg.clock_skew]
    if skewed:
        yield Finding(
            FindingKind.CLOCK_SKEW,
            "A clock on the route is wrong",
            f"{len(skewed)} of {len(reading.route.legs)} hops are stamped earlier than the hop before them. Their "
            "delays are left out rather than shown as negative, and total times may be off by as much.",
            _line("Received", skewed[0].hop.line),
        )


def _unsubscribe(reading: Reading) -> Iterator[Finding]:
    for fault in reading.list_unsubscribe.faults:
        yield Finding(
            FindingKind.UNSUBSCRIBE,
            "List-Unsubscribe does not work as it stands",
            f"{fault} Gmail and Yahoo ask for one-click unsubscription from those who send much.",
            _line("List-Unsubscribe", reading.list_unsubscribe.line),
        )


def _results_line(text: str) -> str:
    return _line("Authentication-Results", text)


def _line(name: str, text: str) -> str:
    return f"{name}: {text}"[:_MAX_LINE]
