"""What a folder is for, and who says so: the operator above the server above the provider above its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement import providers
from placement.folders import assign, decode_name, encode_name, junk_visible
from placement.vocabulary import Folder, FolderRole, ListedFolder, RoleSource, Tab

JUNK, OTHER, INBOX = FolderRole.JUNK, FolderRole.OTHER, FolderRole.INBOX


def listed(name: str, *flags: str, delimiter: str = "/") -> ListedFolder:
    return ListedFolder(encode_name(name), name, delimiter, frozenset(flags))


def roles(
    *folders: ListedFolder,
    junk_names: Sequence[str] = (),
    category_folders: Sequence[tuple[str, Tab]] = (),
    overrides: Mapping[str, FolderRole] | None = None,
) -> dict[str, tuple[FolderRole, RoleSource]]:
    assigned = assign(folders, junk_names=junk_names, category_folders=category_folders, overrides=overrides or {})
    return {folder.name: (folder.role, folder.source) for folder in assigned}


def test_the_inbox_is_the_inbox_in_any_case_and_without_any_flag():
    assert roles(listed("Inbox")) == {"Inbox": (INBOX, RoleSource.STANDARD)}


@pytest.mark.parametrize(
    ("flag", "role"),
    [
        ("\\junk", JUNK),
        ("\\spam", JUNK),
        ("\\trash", FolderRole.TRASH),
        ("\\all", FolderRole.ALL),
        ("\\sent", FolderRole.SENT),
        ("\\drafts", FolderRole.DRAFTS),
        ("\\flagged", FolderRole.FLAGGED),
        ("\\important", FolderRole.IMPORTANT),
        ("\\archive", OTHER),
    ],
)
def test_the_servers_flag_decides_whatever_the_name(flag: str, role: FolderRole):
    assert roles(listed("Spam", flag)) == {"Spam": (role, RoleSource.SPECIAL_USE)}


@pytest.mark.parametrize(
    "name",
    [
        "Junk E-Mail",
        "[Gmail]/Спам",
        "INBOX/Spamverdacht",
        "Courrier indésirable",
        "迷惑メール",
        "Archiv/ SPAM ",
    ],
)
def test_localised_names_are_junk_by_their_last_element(name: str):
    assert roles(listed(name)) == {name: (JUNK, RoleSource.LOCALISED)}


def test_the_delimiter_of_the_server_splits_the_path():
    assert roles(listed("INBOX.Junk", delimiter="."))["INBOX.Junk"][0] is JUNK
    assert roles(listed("INBOX.Junk", delimiter=""))["INBOX.Junk"] == (JUNK, RoleSource.GUESS)


def test_a_name_is_compared_without_case_and_in_one_unicode_form():
    decomposed = "COURRIER INDE\u0301SIRABLE"
    assert roles(listed(decomposed))[decomposed][0] is JUNK


def test_what_only_looks_like_junk_is_a_guess():
    assert roles(listed("My spam box"))["My spam box"] == (JUNK, RoleSource.GUESS)


@pytest.mark.parametrize("name", ["Not spam", "Anti-Spam", "spam-reports", "learn_spam", "Newsletter", "Spam/2024"])
def test_what_says_the_opposite_is_not_even_a_guess(name: str):
    assert roles(listed(name))[name] == (OTHER, RoleSource.NONE)


def test_a_guess_never_outranks_the_servers_flag():
    found = roles(listed("Rommel", "\\junk"), listed("Spam"), listed("old spam"))
    assert found == {
        "Rommel": (JUNK, RoleSource.SPECIAL_USE),
        "Spam": (OTHER, RoleSource.NONE),
        "old spam": (OTHER, RoleSource.NONE),
    }


def test_the_providers_own_name_stays_junk_beside_the_flag():
    found = roles(
        listed("INBOX.Junk", "\\junk", delimiter="."),
        listed("INBOX.spam", delimiter="."),
        junk_names=["INBOX.Spam"],
    )
    assert found["INBOX.spam"] == (JUNK, RoleSource.PROVIDER)
    assert found["INBOX.Junk"] == (JUNK, RoleSource.SPECIAL_USE)


def test_several_localised_names_are_all_watched_where_nothing_better_is_known():
    assert {role for role, _ in roles(listed("Junk"), listed("Spam")).values()} == {JUNK}


def test_a_junk_folder_that_cannot_be_opened_demotes_nobody():
    folders = assign([listed("Junk", "\\junk", "\\nonexistent"), listed("Spam")])
    assert [(folder.role, folder.selectable) for folder in folders] == [(JUNK, False), (JUNK, True)]
    assert junk_visible(folders)
    assert not junk_visible(folders[:1])


def test_provider_names_are_decoded_before_they_are_compared():
    found = roles(listed("垃圾邮件"), junk_names=["&V4NXPpCuTvY-"])
    assert found["垃圾邮件"] == (JUNK, RoleSource.PROVIDER)


def test_category_folders_carry_their_tab():
    tree = [("INBOX/Newsletters", Tab.NEWSLETTERS), ("Notification", Tab.UPDATES)]
    folders = assign([listed("INBOX"), listed("INBOX/Newsletters"), listed("Notification")], category_folders=tree)
    assert [(folder.role, folder.tab) for folder in folders] == [
        (INBOX, None),
        (FolderRole.CATEGORY, Tab.NEWSLETTERS),
        (FolderRole.CATEGORY, Tab.UPDATES),
    ]


def test_the_operator_is_above_everybody():
    found = roles(listed("Quarantine"), listed("Junk", "\\junk"), overrides={"quarantine": JUNK, "Junk": OTHER})
    assert found == {"Quarantine": (JUNK, RoleSource.OPERATOR), "Junk": (OTHER, RoleSource.OPERATOR)}


def test_there_is_one_inbox_and_the_operators_is_it():
    found = roles(listed("INBOX"), listed("Posteingang"), overrides={"Posteingang": INBOX})
    assert found == {"INBOX": (OTHER, RoleSource.NONE), "Posteingang": (INBOX, RoleSource.OPERATOR)}
    assert [role for role, _ in roles(listed("INBOX"), listed("inbox")).values()] == [INBOX, OTHER]


def test_the_trash_and_the_sent_folder_are_known_by_name_too():
    found = roles(listed("Papierkorb"), listed("Gesendet"), listed("Entwürfe"), listed("Cestino"))
    assert [role for role, _ in found.values()] == [
        FolderRole.TRASH,
        FolderRole.SENT,
        FolderRole.DRAFTS,
        FolderRole.TRASH,
    ]


def test_a_folder_listed_twice_stands_once():
    assert len(assign([listed("INBOX"), listed("Spam"), listed("INBOX")])) == 2


def test_hostile_names_are_survived():
    names = ["", "/", "a\r\nb", "\u202ejunk", "x" * 10_000, "///", "&", "spam" * 3000]
    folders = assign([listed(name) for name in names])
    assert [folder.name for folder in folders] == names
    assert [folder.raw_name for folder in folders] == [encode_name(name) for name in names]


@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.sets(st.sampled_from(["\\junk", "\\all", "\\noselect", "\\x"]))),
        max_size=8,
    )
)
@settings(max_examples=100, deadline=None)
def test_any_list_keeps_every_folder_and_at_most_one_inbox(tree: list[tuple[str, set[str]]]):
    given_folders = [
        ListedFolder(str(number).encode(), name, "/", frozenset(flags)) for number, (name, flags) in enumerate(tree)
    ]
    folders: list[Folder] = assign(given_folders)
    assert [folder.raw_name for folder in folders] == [one.raw_name for one in given_folders]
    assert sum(folder.role is INBOX for folder in folders) <= 1


@pytest.mark.parametrize("provider", providers.all_providers(), ids=lambda provider: provider.id)
def test_every_name_in_the_catalogue_is_recognised(provider: providers.Provider):
    for name in map(decode_name, (junk.encode() for junk in provider.junk_names)):
        found = roles(listed("INBOX"), listed(name), junk_names=provider.junk_names)
        assert found[name] == (JUNK, RoleSource.PROVIDER)
