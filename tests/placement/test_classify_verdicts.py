"""The folder decides the placement; the verdict says in one sentence who says so."""

from __future__ import annotations

import itertools

import pytest

from placement.classify import best, classify
from placement.providers import Tabs
from placement.vocabulary import Folder, FolderRole, Placement, Reason, RoleSource, Tab, Verdict


def folder(role: FolderRole, source: RoleSource = RoleSource.SPECIAL_USE, name: str = "Box") -> Folder:
    return Folder(name.encode(), name, role, source)


def verdict(role: FolderRole, *, tab: Tab | None = None, tabs: str = "none") -> Verdict:
    return classify(folder(role), tab=tab, tabs=tabs)


@pytest.mark.parametrize(
    ("role", "placement", "reason"),
    [
        (FolderRole.INBOX, Placement.INBOX, Reason.FOLDER),
        (FolderRole.CATEGORY, Placement.INBOX, Reason.FOLDER),
        (FolderRole.JUNK, Placement.SPAM, Reason.FOLDER),
        (FolderRole.OTHER, Placement.OTHER, Reason.FOLDER),
        (FolderRole.ALL, Placement.OTHER, Reason.ARCHIVED),
        (FolderRole.TRASH, Placement.OTHER, Reason.IN_TRASH),
        (FolderRole.SENT, Placement.OTHER, Reason.FOLDER),
        (FolderRole.IMPORTANT, Placement.OTHER, Reason.FOLDER),
    ],
)
def test_a_message_counts_where_its_folder_says(role: FolderRole, placement: Placement, reason: Reason):
    found = verdict(role)
    assert (found.placement, found.reason) == (placement, reason)


@pytest.mark.parametrize(
    ("tabs", "tab"),
    [
        (Tabs.GMAIL, Tab.UNKNOWN),
        (Tabs.FOLDERS, Tab.PRIMARY),
        (Tabs.NOT_EXPOSED, Tab.NOT_EXPOSED),
        (Tabs.NONE, Tab.OFF),
        ("later", Tab.UNKNOWN),
    ],
)
def test_an_inbox_without_a_tab_says_why(tabs: str, tab: Tab):
    assert verdict(FolderRole.INBOX, tabs=tabs).tab is tab


def test_an_observed_tab_is_kept():
    assert verdict(FolderRole.INBOX, tab=Tab.PROMOTIONS, tabs="gmail").tab is Tab.PROMOTIONS


def test_a_category_folder_is_the_inbox_with_its_tab():
    found = classify(
        Folder(b"N", "N", FolderRole.CATEGORY, RoleSource.PROVIDER, Tab.NEWSLETTERS), tab=None, tabs="folders"
    )
    assert (found.placement, found.tab) == (Placement.INBOX, Tab.NEWSLETTERS)


def test_outside_the_inbox_no_tab_waits_for_an_answer():
    assert verdict(FolderRole.JUNK, tabs="gmail").tab is Tab.NOT_EXPOSED
    assert verdict(FolderRole.JUNK, tabs="none").tab is Tab.OFF


def test_the_evidence_names_the_folder_and_what_says_so():
    junk = folder(FolderRole.JUNK, RoleSource.SPECIAL_USE, "Junk")
    assert classify(junk, tab=None, tabs="none").evidence == 'The server flags the folder "Junk" as \\Junk.'
    guessed = folder(FolderRole.JUNK, RoleSource.GUESS, "old spam")
    assert "looks like its junk folder" in classify(guessed, tab=None, tabs="none").evidence


@pytest.mark.parametrize(("role", "source"), list(itertools.product(FolderRole, RoleSource)))
def test_every_role_and_rank_has_a_sentence(role: FolderRole, source: RoleSource):
    found = classify(folder(role, source, "{Ünusual}"), tab=None, tabs="none")
    assert '"{Ünusual}"' in found.evidence
    assert found.evidence.endswith(".")
    assert (found.role, found.source) == (role, source)


def test_a_hostile_name_stays_one_short_readable_line():
    evidence = classify(folder(FolderRole.JUNK, name="a\r\nb\u202ec" + "x" * 10_000), tab=None, tabs="none").evidence
    assert evidence.isprintable()
    assert len(evidence) < 200


def test_the_best_of_several_places_is_the_current_one():
    order = [FolderRole.INBOX, FolderRole.CATEGORY, FolderRole.OTHER, FolderRole.JUNK, FolderRole.TRASH]
    verdicts = [verdict(role) for role in order]
    for index in range(len(order)):
        top = best(reversed(verdicts[index:]))
        assert top is not None and top.role is order[index]
    assert best([]) is None
