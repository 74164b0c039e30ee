"""The health of a seed in words: what is wrong, what it means for tests, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from seedtest.models.seed_health import HealthProblem, HealthState


class Weight(StrEnum):
    """How much a problem weighs. `note` changes no state."""

    EXCLUDES = "excludes"
    DEGRADES = "degrades"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Told:
    """One problem in words."""

    code: str
    weight: Weight
    title: str
    means: str
    next_step: str
    seen_by: str = ""


STATES: Final[Mapping[str, str]] = {
    HealthState.NEW: "Not looked into yet.",
    HealthState.HEALTHY: "Works: it is in new tests and in exports.",
    HealthState.DEGRADED: "Works with limits: it stays in tests, and a miss there may prove nothing.",
    HealthState.NEEDS_SIGN_IN: "Nobody gets in: it is left out of new tests and exports until somebody signs in.",
    HealthState.QUARANTINED: "Set aside: it is left out of new tests and exports. It is tried again by itself.",
    HealthState.OFF: "Switched off by a person.",
}
_P = HealthProblem
_WORDS: Final[Mapping[str, tuple[Weight, str, str, str]]] = {
    _P.SIGN_IN: (
        Weight.EXCLUDES, "It needs a sign-in", "We cannot log in, so nothing can be seen there.",
        "Open its mailbox page, enter the password or connect it again, then check the connection.",
    ),
    _P.NO_GOOD_POLL: (
        Weight.EXCLUDES, "It could not be read for days", "Nothing can be measured there, so it was set aside.",
        "Check the connection. The first good look brings it back.",
    ),
    _P.CRASHES: (
        Weight.EXCLUDES, "Reading it made our program crash", "It is not read now, so that others are not harmed.",
        "It is tried once a day, alone. Ask your operator to look into the log if it stays so.",
    ),
    _P.UNREACHABLE: (
        Weight.DEGRADES, "Its last looks failed", "Results may come late or stay unknown.",
        "It is tried again by itself. If it stays, check the connection.",
    ),
    _P.JUNK_NOT_VISIBLE: (
        Weight.DEGRADES, "Its spam folder cannot be seen", "It can show an inbox placement, never a miss.",
        "Show the spam folder over IMAP in its web settings, or set the role of the folder by hand.",
    ),
    _P.FOLDER_UNREADABLE: (
        Weight.DEGRADES, "A folder cannot be read", "What stands in it is not seen.",
        "Open the folder in its web mail; delete a broken message there.",
    ),
    _P.MAILBOX_FULL: (
        Weight.DEGRADES, "It is nearly full", "It may refuse mail, so a miss is unknown, and exports leave it out.",
        "Delete old messages, or let manage.py purgeseeds do it.",
    ),
    _P.WINDOW_FULL: (
        Weight.DEGRADES, "A folder is nearly full", "Older mail drops out of sight: a miss is unknown.",
        "Empty the folder, or let manage.py purgeseeds do it.",
    ),
    _P.BIASED: (
        Weight.DEGRADES, "It files known-good mail as spam", "It judges every sender so: reports show it apart.",
        "Look for rules, blocked senders and old spam reports in its web settings, or replace the seed.",
    ),
    _P.QUOTA_NEAR: (
        Weight.NOTE, "It fills up", "From 90 % on a miss there proves nothing.",
        "Delete old messages soon, or let manage.py purgeseeds do it.",
    ),
    _P.TOKEN_TROUBLE: (
        Weight.NOTE, "Its sign-in could not be renewed", "When the present token ends, the mailbox is lost.",
        "Connect the mailbox again on its page.",
    ),
    _P.WEB_LOGIN_DUE: (
        Weight.NOTE, "A web login is due", "The provider closes mailboxes that nobody signs in to on the web.",
        "Sign in to its web pages once, then press “I have signed in” here.",
    ),
    _P.TOO_MANY_TESTS: (
        Weight.NOTE, "Too many tests in a day", "A mailbox that gets mostly tests looks unlike a subscriber's.",
        "Spread the tests over more seeds: use several seed lists in turn.",
    ),
    _P.ODD_FOLDERS: (
        Weight.NOTE, "Mail is filed elsewhere", "A rule, a filter or a forwarding of the account seems to move mail.",
        "Delete rules and forwarding in its web settings, then run a test again.",
    ),
    _P.DISAGREES: (
        Weight.NOTE, "It often differs from its siblings", "Seeds of a provider mostly fall together; this one not.",
        "Look for rules and contacts in its web settings; let a control message show whether it is biased.",
    ),
    _P.NOT_ON_LIST: (
        Weight.NOTE, "Not on your list, or suppressed", "The last campaigns passed it over; its siblings got them.",
        "Upload the address to your ESP again, and look for it under suppressions.",
    ),
    _P.VANISHES: (
        Weight.NOTE, "Mail disappears from it", "A forwarding, a rule or another mail program seems to take it away.",
        "Delete rules and forwarding in its web settings, and sign other mail programs out.",
    ),
    _P.CONTROLS_LOST: (
        Weight.NOTE, "Control messages do not arrive", "Its siblings got them: something here refuses or deletes them.",
        "Look for blocked senders and rules in its web settings. What the last control said of it stays until then.",
    ),
    _P.NOT_EXPORTED: (
        Weight.NOTE, "Not in your last export", "Your ESP cannot know an address that was not in it.",
        "Export the seeds again and upload them to your ESP: the next test has this one, too.",
    ),
    _P.NOT_READ: (
        Weight.NOTE, "It was never read", "Nobody knows whether it works, so exports leave it out.",
        "Check the connection. The first good look lets it in.",
    ),
}  # fmt: skip


#: What a workspace can do something about even where the mailbox is only lent to it.
_OWN_BUSINESS: Final = (_P.TOO_MANY_TESTS, _P.NOT_ON_LIST, _P.NOT_EXPORTED)


#: What fills up, and may be emptied by hand only.
FILLS: Final = (_P.MAILBOX_FULL, _P.WINDOW_FULL, _P.QUOTA_NEAR)


def emptied_by_hand(problem: str) -> tuple[str, str, str]:
    """Title, meaning and next step where `purgeseeds` refuses: Gmail archives what a mail program deletes."""
    _, title, means, _ = _WORDS[problem]
    return (
        title,
        means,
        "Delete old messages in its web pages and empty the trash: over IMAP they would only be archived.",
    )


def weight_of(problem: str) -> Weight:
    return _WORDS[problem][0]


def tell(problems: Iterable[Sequence[str]], *, lent: bool = False) -> tuple[Told, ...]:
    """The stored problems of a seed, in words; what an older version wrote and nobody knows any more is left out.

    A problem is [code, seen by], and [code, seen by, title, means, next step] where there are better words for it.
    """
    return tuple(_told(*one, lent=lent) for one in problems if one[0] in _WORDS)


def _told(code: str, seen_by: str, *words: str, lent: bool) -> Told:
    weight, *usual = _WORDS[code]
    title, means, next_step = words or usual
    if lent and code not in _OWN_BUSINESS:
        next_step = "The mailbox is lent to you: tell whoever lent it, only they can act."
    return Told(code, weight, title, means, next_step, seen_by)
