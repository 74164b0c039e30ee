"""Judges a seed from facts alone: state, problems, excluded or not. Pure; `seed_watch` gathers and writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from placement.providers import Kind, Provider
from placement.vocabulary import Reason
from seedtest.models.mailboxes import (
    FULL,
    UNREACHABLE_AFTER,
    MailboxState,
    SeedAccount,
)
from seedtest.models.seed_health import HealthProblem, HealthState
from seedtest.reports.seed_words import FILLS, Weight, emptied_by_hand, weight_of
from seedtest.services import states

NEARLY_FULL = 0.70
#: A mailbox that gets more tests than this in a day looks unlike a subscriber's: our guess, no provider says.
TESTS_A_DAY = 20
#: A web login is asked for when so much of the provider's limit has passed.
WEB_LOGIN_SHARE = 0.8
#: Days without a web login where a provider of free mailboxes has told no limit: those we know are 180 to 730.
INACTIVE_GUESS = 365
_CLOSED_WHEN_IDLE = (Kind.CONSUMER, Kind.ISP)
#: Agreement is a warning below this share, of at least so many tests.
AGREES, AGREEMENT_TESTS = 0.5, 5
#: Messages that must have gone from a seed and not from its siblings, and the share of all it got.
VANISHED, VANISHED_SHARE = 3, 0.5
#: Controls in a row that only a seed's siblings got.
LOST_CONTROLS = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one seed."""

    mailbox_state: str
    enabled: bool = True
    sign_in: tuple[str, ...] = ()  # see `sign_in_words`
    state_reason: str = ""
    known_since: datetime | None = None
    last_good_poll_at: datetime | None = None
    last_failed_poll_at: datetime | None = None
    failures: int = 0
    quota_used: float | None = None
    window_used: float | None = None
    token_error: str = ""
    web_login_at: datetime | None = None
    inactive_days: int | None = None
    inactive_guessed: bool = False  # nobody has told us this provider's limit
    archives: bool = False  # what a mail program deletes stays in the mailbox
    tests_today: int = 0
    odd_folders: tuple[str, ...] = ()
    vanished: tuple[int, int] = (0, 0)  # messages that went only from here, of how many
    agreement: float | None = None
    agreement_n: int = 0
    biased: bool = False
    control_misses: int = 0
    not_on_list: tuple[str, ...] = ()  # From domains


@dataclass(frozen=True, slots=True)
class Seen:
    """What a problem was seen by, and better words for it than the usual, where there are any."""

    by: str = ""
    words: tuple[str, ...] = ()  # title, means, next step


@dataclass(frozen=True, slots=True)
class Judgement:
    state: HealthState
    problems: tuple[tuple[HealthProblem, Seen], ...]
    excluded: bool
    full: bool
    biased: bool

    def stored(self) -> list[list[str]]:
        """As `SeedHealth.problems` keeps them."""
        return [[problem.value, seen.by, *seen.words] for problem, seen in self.problems]


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule may ask beside the facts."""

    now: datetime
    quarantine_after: timedelta


_Rule = Callable[[Facts, Question], str | Seen | None]


def judge(facts: Facts, *, now: datetime, quarantine_after: timedelta) -> Judgement:
    """Every rule is asked; the worst answer is the state."""
    asked = Question(now, quarantine_after)
    answers = ((problem, rule(facts, asked)) for problem, rule in _RULES.items())
    problems = tuple((problem, _seen(problem, said, facts)) for problem, said in answers if said is not None)
    codes = {problem for problem, _ in problems}
    state = _state(facts, codes)
    return Judgement(
        state=state,
        problems=problems,
        excluded=any(weight_of(code) is Weight.EXCLUDES for code in codes),
        full=HealthProblem.MAILBOX_FULL in codes,
        biased=HealthProblem.BIASED in codes,
    )


def _seen(problem: HealthProblem, said: str | Seen, facts: Facts) -> Seen:
    if isinstance(said, Seen):
        return said
    return Seen(said, emptied_by_hand(problem) if facts.archives and problem in FILLS else ())


def _state(facts: Facts, codes: set[HealthProblem]) -> HealthState:
    if not facts.enabled or facts.mailbox_state == MailboxState.DISABLED:
        return HealthState.OFF
    if HealthProblem.SIGN_IN in codes:
        return HealthState.NEEDS_SIGN_IN  # however long ago: only a person ends it
    if codes & {HealthProblem.NO_GOOD_POLL, HealthProblem.CRASHES}:
        return HealthState.QUARANTINED
    if any(weight_of(code) is Weight.DEGRADES for code in codes):
        return HealthState.DEGRADED
    return HealthState.HEALTHY if facts.last_good_poll_at else HealthState.NEW


def sign_in_words(account: SeedAccount) -> tuple[str, ...]:
    """Title, meaning and next step as its mailbox page has them; () where there are no better words than the usual.

    What happens between a provider and somebody else's mailbox is not told.
    """
    mailbox = account.mailbox
    if account.is_lent or not (mailbox.state_problem or mailbox.state_reason):
        return ()
    said = states.explain_stored(mailbox)
    return said.title, said.what_happened, said.what_next


def _sign_in(facts: Facts, asked: Question) -> Seen | None:
    return Seen(words=facts.sign_in) if facts.mailbox_state == MailboxState.NEEDS_SIGN_IN else None


def _no_good_poll(facts: Facts, asked: Question) -> str | None:
    """Only where looks were made and failed: silence of our own proves nothing against the mailbox."""
    last = facts.last_good_poll_at or facts.known_since
    tried = facts.last_failed_poll_at is not None and facts.failures >= UNREACHABLE_AFTER
    if last is None or not tried or asked.now - last < asked.quarantine_after:
        return None
    return f"Not read since {last:%Y-%m-%d %H:%M} UTC, {facts.failures} looks failed."


def _crashes(facts: Facts, asked: Question) -> str | None:
    """Until a look has ended well or with an error of its own: the reason outlives the state during a trial."""
    stopped = facts.mailbox_state == MailboxState.QUARANTINED or facts.state_reason == Reason.QUARANTINED
    return "Its polls killed their worker." if stopped else None


def _unreachable(facts: Facts, asked: Question) -> str | None:
    tried = facts.failures >= UNREACHABLE_AFTER and facts.mailbox_state == MailboxState.DEGRADED
    return f"{facts.failures} looks in a row failed." if tried else None


def _says(reason: Reason) -> _Rule:
    """The last good look complained of this itself."""
    return lambda facts, asked: "Seen at the last look." if facts.state_reason == reason else None


def _mailbox_full(facts: Facts, asked: Question) -> str | None:
    return _filled("Storage used", facts.quota_used, FULL)


def _window_full(facts: Facts, asked: Question) -> str | None:
    return _filled("Of the messages that IMAP shows", facts.window_used, FULL)


def _quota_near(facts: Facts, asked: Question) -> str | None:
    fullest = max(facts.quota_used or 0.0, facts.window_used or 0.0)
    return _filled("Used", fullest, NEARLY_FULL) if fullest < FULL else None


def _filled(what: str, share: float | None, limit: float) -> str | None:
    return f"{what}: {share:.0%}." if share is not None and share >= limit else None


def _biased(facts: Facts, asked: Question) -> str | None:
    return "The last control went to spam here and to the inbox elsewhere." if facts.biased else None


def _token_trouble(facts: Facts, asked: Question) -> str | None:
    return facts.token_error[:200] or None


def _web_login_due(facts: Facts, asked: Question) -> str | None:
    used = facts.web_login_at or facts.known_since
    if facts.inactive_days is None or used is None:
        return None
    days = (asked.now - used).days
    if days < facts.inactive_days * WEB_LOGIN_SHARE:
        return None
    limit = "the provider's limit is not known, our guess is" if facts.inactive_guessed else "the limit is about"
    return f"No web login noted for {days} days; {limit} {facts.inactive_days}."


def inactive_limit(provider: Provider) -> tuple[int | None, bool]:
    """(days without a web login after which the provider may close the mailbox, is that our guess)."""
    known = provider.limits.inactive_days
    guessed = known is None and provider.kind in _CLOSED_WHEN_IDLE
    return (INACTIVE_GUESS if guessed else known), guessed


def _too_many_tests(facts: Facts, asked: Question) -> str | None:
    return f"{facts.tests_today} tests in 24 hours." if facts.tests_today > TESTS_A_DAY else None


def _odd_folders(facts: Facts, asked: Question) -> str | None:
    return f"Test messages stood in {', '.join(facts.odd_folders[:3])}." if facts.odd_folders else None


def _vanishes(facts: Facts, asked: Question) -> str | None:
    gone, of = facts.vanished
    if gone < VANISHED or gone < of * VANISHED_SHARE:
        return None
    return f"{gone} of {of} test messages were there and then gone, while its siblings kept theirs."


def _controls_lost(facts: Facts, asked: Question) -> str | None:
    misses = facts.control_misses
    return f"The last {misses} controls did not come; its siblings got them." if misses >= LOST_CONTROLS else None


def _disagrees(facts: Facts, asked: Question) -> str | None:
    if facts.agreement is None or facts.agreement_n < AGREEMENT_TESTS or facts.agreement >= AGREES:
        return None
    return f"It stood with most of its siblings in {facts.agreement:.0%} of {facts.agreement_n} tests."


def _not_on_list(facts: Facts, asked: Question) -> str | None:
    return f"Nothing from {', '.join(facts.not_on_list[:5])}." if facts.not_on_list else None


_RULES: Final[dict[HealthProblem, _Rule]] = {
    HealthProblem.CRASHES: _crashes,
    HealthProblem.NO_GOOD_POLL: _no_good_poll,
    HealthProblem.SIGN_IN: _sign_in,
    HealthProblem.UNREACHABLE: _unreachable,
    HealthProblem.JUNK_NOT_VISIBLE: _says(Reason.JUNK_NOT_VISIBLE),
    HealthProblem.FOLDER_UNREADABLE: _says(Reason.FOLDER_UNREADABLE),
    HealthProblem.MAILBOX_FULL: _mailbox_full,
    HealthProblem.WINDOW_FULL: _window_full,
    HealthProblem.BIASED: _biased,
    HealthProblem.QUOTA_NEAR: _quota_near,
    HealthProblem.TOKEN_TROUBLE: _token_trouble,
    HealthProblem.WEB_LOGIN_DUE: _web_login_due,
    HealthProblem.TOO_MANY_TESTS: _too_many_tests,
    HealthProblem.ODD_FOLDERS: _odd_folders,
    HealthProblem.VANISHES: _vanishes,
    HealthProblem.CONTROLS_LOST: _controls_lost,
    HealthProblem.NOT_ON_LIST: _not_on_list,
    HealthProblem.DISAGREES: _disagrees,
}
