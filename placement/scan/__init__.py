"""The conductor: one pass over one mailbox, for all open markers at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from placement.folders import assign, junk_visible
from placement.mailbox import Mailbox
from placement.providers import Provider
from placement.scan.bodies import keep_bodies
from placement.scan.full_check import FullReading, check_everything
from placement.scan.incremental import plan, read_new, watched_statuses
from placement.scan.matching import Recognised, recognise_all
from placement.scan.recheck import look_again
from placement.scan.sightings import sightings_of
from placement.scan.tabs import ask_tabs
from placement.vocabulary import Cursor, FolderRole, FullCheck, MarkerRule, ScanOrder, ScanResult

__all__ = ["scan"]


def scan(
    mailbox: Mailbox,
    *,
    provider: Provider,
    cursors: Mapping[str, Cursor],
    overrides: Mapping[str, FolderRole],
    ask: Callable[[], Sequence[MarkerRule]],
    order: ScanOrder,
) -> ScanResult:
    """Read what is new since `cursors` (by decoded folder name) and say which open test it belongs to.

    `ask` gives the open markers. It is called once, after the last message was fetched, so that no message
    can have been fetched before its marker was known; and not at all where there is no new message.
    A folder that cannot be read keeps its cursor; what ends the session is raised.
    """
    listed = mailbox.list_folders()
    categories = [(category.name, category.tab) for category in provider.category_folders]
    folders = assign(listed, junk_names=provider.junk_names, category_folders=categories, overrides=overrides)
    statuses = watched_statuses(mailbox, listed, folders)
    reading = read_new(mailbox, plan(folders, statuses, cursors, order.max_messages))
    again = look_again(mailbox, folders, order.recheck)
    everything = check_everything(mailbox, folders, order, reading.found) if order.full_check_since else None
    checked = everything or FullReading()
    recognised = recognise_all(mailbox, (*reading.found, *checked.found), ask)
    tabs = ask_tabs(mailbox, recognised, folders, again.present)
    quota = mailbox.quota() if everything or order.quota else None
    bodies = keep_bodies(mailbox, recognised, order.keep_body_bytes)
    return ScanResult(
        folders=reading.states,
        sightings=sightings_of(recognised, provider, tabs, bodies, order.authserv_ids),
        junk_visible=junk_visible(folders),
        backlog=reading.backlog or checked.backlog,
        full_check=_outcome(checked.outcome, recognised),
        gone=again.gone,
        tabs=tabs.answered(again.present),
        quota_used=quota,
        traffic=mailbox.traffic,
    )


def _outcome(check: FullCheck | None, recognised: Sequence[Recognised]) -> FullCheck | None:
    """A message whose body nobody could read may be the one that is looked for."""
    unread = sorted({one.found.folder.name for one in recognised if one.unread})
    if check is None or not unread:
        return check
    failures = tuple((name, "The server did not give the text of a message here.") for name in unread)
    return FullCheck(False, check.folders, (*check.failures, *failures))
