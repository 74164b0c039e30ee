"""Gmail's inbox tabs, for the messages in question only: one EXAMINE of INBOX for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from placement.mailbox import Mailbox
from placement.providers.gmail import ANY_TAB_QUERY, TAB_QUERIES, inbox_has_tabs, tab_from_answers
from placement.scan.matching import Recognised
from placement.vocabulary import Folder, FolderRole, Place, Tab


@dataclass(frozen=True, slots=True)
class TabAnswers:
    """Tabs of places in INBOX; whoever is not in it was not asked for."""

    by_place: dict[Place, Tab] = field(default_factory=dict)

    def of(self, place: Place) -> Tab | None:
        return self.by_place.get(place)

    def answered(self, places: Sequence[Place]) -> tuple[tuple[Place, Tab], ...]:
        told = ((place, self.by_place.get(place, Tab.UNKNOWN)) for place in places)
        return tuple((place, tab) for place, tab in told if tab is not Tab.UNKNOWN)


def place_of(one: Recognised) -> Place:
    return Place(one.found.folder.name, one.found.uidvalidity, one.found.message.uid)


def ask_tabs(
    mailbox: Mailbox, recognised: Sequence[Recognised], folders: Sequence[Folder], again: Sequence[Place]
) -> TabAnswers:
    """A folder that fails here leaves its tabs unknown, to be asked again; the placement stands."""
    inbox = next((one for one in folders if one.role is FolderRole.INBOX and one.selectable), None)
    if inbox is None or "X-GM-EXT-1" not in mailbox.capabilities:
        return TabAnswers()
    matched = [place_of(one) for one in recognised if one.recognition.match is not None]
    places = [place for place in dict.fromkeys((*matched, *again)) if place.folder == inbox.name]
    return TabAnswers(_ask(mailbox, inbox, places) if places else {})


def _ask(mailbox: Mailbox, inbox: Folder, places: Sequence[Place]) -> dict[Place, Tab]:
    uids = {place.uid for place in places}
    queries = [query for _, query in TAB_QUERIES]
    found, opened = mailbox.gmail_search(inbox.raw_name, uids, queries, ANY_TAB_QUERY)
    if opened.error is not None:
        return {}
    answers = {tab: found[query] for tab, query in TAB_QUERIES}
    has_tabs = inbox_has_tabs(len(opened.found), opened.exists)
    return {
        place: tab_from_answers(answers, place.uid, inbox_has_tabs=has_tabs)
        for place in places
        if place.uidvalidity == opened.uidvalidity
    }
