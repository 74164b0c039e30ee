"""Why a mailbox cannot be read, in the words of placement.diagnosis, with its provider's name in them."""

from __future__ import annotations

from dataclasses import asdict

from placement import providers
from placement.diagnosis import LOGIN_PROBLEMS, REASONS, Explanation
from placement.vocabulary import LoginProblem, Reason
from seedtest.models.mailboxes import Mailbox
from seedtest.services.oauth import sign_in_name

_PROBLEMS = {problem.value: problem for problem in LoginProblem}


def explain(mailbox: Mailbox, reason: Reason, problem: LoginProblem) -> Explanation:
    """The login problem says more than the reason, where there is one."""
    if problem not in LOGIN_PROBLEMS:
        return REASONS[reason]
    entry = mailbox.catalog_entry
    setup = entry.auth.setup
    name = "the mail server" if entry.id == providers.GENERIC.id else entry.name
    words = {"provider": name, "sign_in": sign_in_name(entry) or name, "setup": f"{_capital(setup)}." if setup else ""}
    texts = asdict(LOGIN_PROBLEMS[problem])
    return Explanation(**{name: _capital(text.format(**words).strip()) for name, text in texts.items()})


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def explain_stored(mailbox: Mailbox) -> Explanation:
    """What the mailbox's row says of its last failed look."""
    return explain(mailbox, Reason(mailbox.state_reason), _PROBLEMS.get(mailbox.state_problem, LoginProblem.NONE))
