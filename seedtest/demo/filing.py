"""Where each provider of the world files a message: literal rules, first match wins, printed by `make demo`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from seedtest.demo.authentication import Checks
from seedtest.demo.letters import Letter

Question = Callable[[Letter, Checks], bool]
INBOX = "INBOX"
PRICE_IN_SUBJECT = re.compile(r"\d\s*%|[€$£]\s*\d|\d\s*[€$£]")
PAPERWORK = re.compile(r"\b(receipt|invoice|order|password|confirm)", re.IGNORECASE)
MANY_LINKS = 40
SPAM_POINTS = 5.0


@dataclass(frozen=True)
class Rule:
    """`mark` is the provider's own word for it, which its headers repeat (SCL, filter result, …)."""

    when: str
    asks: Question
    folder: str
    tab: str = ""
    mark: str = ""
    only: frozenset[str] = frozenset()  # seeds (local parts) it holds for; empty = every seed

    def matches(self, seed: str, letter: Letter, checks: Checks) -> bool:
        return (not self.only or seed in self.only) and self.asks(letter, checks)


@dataclass(frozen=True)
class Points:
    """One test of the SpamAssassin-like provider."""

    score: float
    name: str
    asks: Question


def _always(_letter: Letter, _checks: Checks) -> bool:
    return True


def _dmarc_fails(_letter: Letter, checks: Checks) -> bool:
    return checks.dmarc == "fail"


def _nobody_vouches(_letter: Letter, checks: Checks) -> bool:
    return not checks.vouched


def _no_good_dkim(_letter: Letter, checks: Checks) -> bool:
    return checks.dkim != "pass"


def _bad_dkim(_letter: Letter, checks: Checks) -> bool:
    return checks.dkim == "fail"


def _is_list_mail(letter: Letter, _checks: Checks) -> bool:
    return letter.has("List-Unsubscribe")


def _is_paperwork(letter: Letter, _checks: Checks) -> bool:
    return bool(PAPERWORK.search(letter.subject))


def _shouts(letter: Letter, _checks: Checks) -> bool:
    return letter.shouts


def _has_many_links(letter: Letter, _checks: Checks) -> bool:
    return letter.links > MANY_LINKS


def _names_a_price(letter: Letter, _checks: Checks) -> bool:
    return bool(PRICE_IN_SUBJECT.search(letter.subject))


def _only_html(letter: Letter, _checks: Checks) -> bool:
    return letter.has_part("text/html") and not letter.has_part("text/plain")


def _spf_fails(_letter: Letter, checks: Checks) -> bool:
    return checks.spf == "fail"


def _misses_message_id(letter: Letter, _checks: Checks) -> bool:
    return not letter.has("Message-ID")


POINTS = (
    Points(3.0, "SPF_FAIL", _spf_fails),
    Points(2.2, "SUBJ_ALL_CAPS", _shouts),
    Points(1.8, "MANY_LINKS", _has_many_links),
    Points(1.4, "NO_GOOD_DKIM", _no_good_dkim),
    Points(1.1, "MIME_HTML_ONLY", _only_html),
    Points(0.9, "PRICE_IN_SUBJECT", _names_a_price),
    Points(0.6, "MISSING_MID", _misses_message_id),
    Points(-0.3, "LIST_UNSUBSCRIBE", _is_list_mail),
)


def points(letter: Letter, checks: Checks) -> tuple[Points, ...]:
    return tuple(line for line in POINTS if line.asks(letter, checks))


def _is_over_the_score(letter: Letter, checks: Checks) -> bool:
    return sum(line.score for line in points(letter, checks)) >= SPAM_POINTS


NORTHMAIL = (
    Rule("DMARC fails", _dmarc_fails, "[Gmail]/Spam"),
    Rule("neither SPF nor DKIM passes", _nobody_vouches, "[Gmail]/Spam"),
    Rule("there is a List-Unsubscribe header", _is_list_mail, INBOX, tab="promotions"),
    Rule("the subject speaks of an order, a receipt, …", _is_paperwork, INBOX, tab="updates"),
    Rule("otherwise", _always, INBOX, tab="primary"),
)
SKYLOOK = (
    Rule("DMARC fails", _dmarc_fails, "Junk Email", mark="SCL:8 SFV:SPM CAT:SPOOF"),
    Rule("the subject is ALL CAPITALS", _shouts, "Junk Email", mark="SCL:5 SFV:SPM CAT:SPM"),
    Rule(f"more than {MANY_LINKS} links", _has_many_links, "Junk Email", mark="SCL:6 SFV:SPM CAT:BULK"),
    Rule("otherwise", _always, INBOX, mark="SCL:1 SFV:NSPM CAT:NONE"),
)
PURPLEPOST = (
    Rule("DMARC fails", _dmarc_fails, "Bulk"),
    Rule("no DKIM signature passes", _no_good_dkim, "Bulk", only=frozenset({"iris", "june"})),
    Rule("otherwise", _always, INBOX),
)
POSTBOTE = (
    Rule("a DKIM signature that does not verify", _bad_dkim, "Spamverdacht", mark="junk:10"),
    Rule("a price or a percentage in the subject", _names_a_price, "Spamverdacht", mark="junk:10"),
    Rule("otherwise", _always, INBOX, mark="notjunk:1"),
)
HOSTGARDEN = (
    Rule(f"{SPAM_POINTS:g} spam points or more", _is_over_the_score, "INBOX.spam", mark="Yes"),
    Rule("otherwise", _always, INBOX, mark="No"),
)


def choose(rules: tuple[Rule, ...], seed: str, letter: Letter, checks: Checks) -> Rule:
    return next(rule for rule in rules if rule.matches(seed, letter, checks))
