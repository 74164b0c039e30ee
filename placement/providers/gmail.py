"""Gmail's inbox tabs, which no folder and no label shows: the searches to ask, and what their answers mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from placement.vocabulary import Tab

#: Asked in this order inside the opened INBOX, each as SEARCH UID <set> X-GM-RAW "<query>"; the first that
#: holds a UID wins. Purchases and reservations come last: they are labels on mail that also stands in a tab.
TAB_QUERIES: Final[tuple[tuple[Tab, str], ...]] = (
    (Tab.PRIMARY, "category:primary"),
    (Tab.PROMOTIONS, "category:promotions"),
    (Tab.UPDATES, "category:updates"),
    (Tab.SOCIAL, "category:social"),
    (Tab.FORUMS, "category:forums"),
    (Tab.PURCHASES, "category:purchases"),
    (Tab.RESERVATIONS, "category:reservations"),
)

#: Asked of the whole INBOX when a UID was in no category: does this account have tabs at all?
ANY_TAB_QUERY: Final = " OR ".join(query for _, query in TAB_QUERIES)


def tab_from_answers(answers: Mapping[Tab, Collection[int]], uid: int, *, inbox_has_tabs: bool | None = None) -> Tab:
    """The tab of one message in INBOX.

    A message in no category proves nothing by itself: Gmail may not have sorted it yet. Only an INBOX in
    which no message at all has a category says that the account's tabs are off (`inbox_has_tabs` False).
    """
    for tab, _ in TAB_QUERIES:
        if uid in answers.get(tab, ()):
            return tab
    return Tab.OFF if inbox_has_tabs is False else Tab.UNKNOWN


def inbox_has_tabs(matched: int, messages: int) -> bool | None:
    """From the number of UIDs that ANY_TAB_QUERY found in an INBOX of so many messages; None: cannot be said."""
    if messages < 1:
        return None
    return matched > 0
