"""Commits looks that are over, many together: no look's end may be lost to another's trouble."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import OperationalError

from seedtest.models import claims
from seedtest.services import recording, settling, turns, warm
from seedtest.services.idle_database import release_connection

logger = logging.getLogger(__name__)

#: Finds in one transaction.
TOGETHER: Final = 50
#: SQLSTATEs: connection exceptions, a server that ends or starts, too many connections.
_TAKES_NO_CONNECTIONS: Final = ("08", "57P", "53300")


@dataclass(frozen=True, slots=True)
class Ended:
    """A look that is over: committed already, or still to be committed together with others."""

    claim: claims.Claim
    committed: bool = False
    unchanged: bool = False
    news: recording.Seen | None = None


@dataclass(slots=True)
class Outcome:
    """What became of some looks. Those that failed lose their claim, and are looked into when its lease is over."""

    committed: int = 0
    failures: list[Exception] = field(default_factory=list)


def commit(ended: Sequence[Ended]) -> Outcome:
    """Commit what is still to be committed. Raises nothing that a database or a look may be the cause of."""
    outcome = Outcome(sum(one.committed for one in ended))
    _settle([one.claim for one in ended if one.unchanged], outcome)
    news = [one.news for one in ended if one.news]
    # A full check may have a hundred results to conclude: it keeps no others waiting behind it.
    finds = [one for one in news if one.scan.full_check is None]
    for some in ([one] for one in news if one.scan.full_check is not None):
        _add(_record_all([some])[0], outcome)
    if finds:
        _add(_finds.ask(finds), outcome)
    warm.close_rest([one.claim for one in ended])
    return outcome


def _settle(unchanged: Sequence[claims.Claim], outcome: Outcome) -> None:
    try:
        with turns.writing():
            outcome.committed += len(settling.settle(unchanged))
    except Exception as error:
        logger.error("%s looks that found nothing new could not be committed: %s", len(unchanged), error)
        outcome.failures.append(error)
    finally:
        release_connection()


@dataclass(slots=True)
class Recorded:
    """What became of the finds that one poll handed over, and what of them remains to be done."""

    mailboxes: set[int] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)
    rest: list[recording.Committed] = field(default_factory=list)


def _add(recorded: Recorded, outcome: Outcome) -> None:
    """Each poll does what follows its commits for itself, away from the desk."""
    outcome.committed += len(recorded.mailboxes)
    outcome.failures += recorded.failures
    for committed in recorded.rest:
        recording.finish(committed)
    release_connection()


def _record_all(groups: Sequence[Sequence[recording.Seen]]) -> list[Recorded]:
    """The finds of several polls. What follows the commit falls to the first of them."""
    news = [one for group in groups for one in group]
    done, failures, rest = set[int](), dict[int, Exception](), list[recording.Committed]()
    try:
        for start in range(0, len(news), TOGETHER):
            with turns.writing():
                rest += _record(news[start : start + TOGETHER], failures)
    finally:
        release_connection()
    done.update(*(committed.mailboxes for committed in rest))
    recorded = [
        Recorded(
            {one.mailbox_id for one in group} & done,
            [failures[one.mailbox_id] for one in group if one.mailbox_id in failures],
        )
        for group in groups
    ]
    recorded[0].rest = rest
    return recorded


def _record(news: Sequence[recording.Seen], failures: dict[int, Exception]) -> list[recording.Committed]:
    """Together, or if that fails each alone. A database that cannot be reached is not asked once for every look."""
    try:
        return [recording.commit(news)]
    except Exception as error:
        logger.warning("%s finds could not be recorded together, each alone now: %s", len(news), type(error).__name__)
    committed = []
    for number, one in enumerate(news):
        try:
            committed.append(recording.commit([one]))
        except Exception as error:
            if _is_out_of_reach(error):
                logger.error("what was found in %s mailboxes could not be recorded: %s", len(news) - number, error)
                failures |= {left.mailbox_id: error for left in news[number:]}
                break
            logger.error("mailbox %s: what was found could not be recorded: %s", one.mailbox_id, type(error).__name__)
            failures[one.mailbox_id] = error
    return committed


def _is_out_of_reach(error: Exception) -> bool:
    """No answer of the server's own, or one that says that it takes no connections.

    Other operational errors (too large a value, a dead-lock) may be one find's own.
    """
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, OperationalError) and (state is None or state.startswith(_TAKES_NO_CONNECTIONS))


#: One commit of finds at a time: the others of this process gather meanwhile, and none waits for the row of a test that
#: another of them holds.
_finds = turns.Desk(_record_all, most=TOGETHER)
