"""Folders that a server lists and nobody can open are counted, not forgotten."""

from __future__ import annotations

from placement.mailbox.grammar import MAX_FOLDERS, MAX_NAME, Listing, listed_folders, unnamed_folders


def responses(*lines: bytes) -> list[tuple[bytes, ...]]:
    return [(line,) for line in lines]


def lost(*lines: bytes) -> int:
    told = responses(*lines)
    return unnamed_folders(told, listed_folders(told))


def test_readable_lines_lose_nothing():
    assert lost(b'* LIST () "/" INBOX', b'* LIST (\\Junk) "/" "Junk mail"', b"* OK done") == 0


def test_the_same_folder_listed_twice_is_one_folder():
    assert lost(b'* LIST () "/" INBOX', b'* LIST () "/" inbox', b'* LIST () "/" Junk', b'* LIST () "/" "Junk"') == 0


def test_a_line_that_no_grammar_allows_is_counted():
    assert lost(b'* LIST () "/" INBOX', b'* LIST () "/', b'* LIST () "/" ""') == 2


def test_a_name_that_decodes_to_another_folders_name_is_counted():
    assert lost(b'* LIST () "/" "Entw&APw-rfe"', '* LIST () "/" "Entwürfe"'.encode()) == 1


def test_a_name_longer_than_any_server_allows_is_counted():
    longest, longer = b"a" * MAX_NAME, b"a" * (MAX_NAME + 1)
    assert lost(b'* LIST () "/" INBOX', b'* LIST () "/" ' + longest) == 0
    assert lost(b'* LIST () "/" INBOX', b'* LIST () "/" ' + longer) == 1
    assert lost(b'* LIST () "/" "' + b"&2D3eAA-" * MAX_NAME + b'"') == 0


def test_more_folders_than_any_seed_has_are_counted():
    listing = Listing()
    told = responses(*(b'* LIST () "/" %d' % number for number in range(MAX_FOLDERS + 7)))
    assert len(listing.read(tuple(told))) == MAX_FOLDERS
    assert listing.unnamed == 7
    assert len(listing.read(tuple(told[:5]))) == 5
    assert listing.unnamed == 0


def test_statuses_stay_with_their_folders_whatever_is_said_in_between():
    listing = Listing()
    status = b"* STATUS %d (UIDNEXT 7 UIDVALIDITY 3 MESSAGES 2)"
    lines = [line for number in range(3) for line in (b'* LIST () "/" %d' % number, b"* 4 EXISTS", status % number)]
    assert [folder.status is not None for folder in listing.read(tuple(responses(*lines)))] == [True] * 3
