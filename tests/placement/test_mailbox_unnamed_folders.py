"""Folders that a server lists and nobody can open are counted, not forgotten."""

from __future__ import annotations

from placement.mailbox.grammar import listed_folders, unnamed_folders


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
