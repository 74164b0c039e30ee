"""Mailbox names survive the wire (RFC 3501 5.1.3), also those that no standard allows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.folders import decode_name, encode_name


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"INBOX", "INBOX"),
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        (b"[Gmail]/&BCEEPwQwBDw-", "[Gmail]/Спам"),
        (b"&V4NXPpCuTvY-", "垃圾邮件"),
        (b"Courrier ind&AOk-sirable", "Courrier indésirable"),
        (b"R&-D", "R&D"),
        (b"&2D3eAA-", "\U0001f600"),
    ],
)
def test_names_of_the_standard_and_of_providers_go_both_ways(raw: bytes, name: str):
    assert decode_name(raw) == name
    assert encode_name(name) == raw


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"R&D", "R&D"),
        (b"a &b- c", "a &b- c"),
        (b"&!!!-", "&!!!-"),
        (b"&2D0-", "&2D0-"),  # half a surrogate pair
        ("Спам".encode(), "Спам"),
        ("Grüße & Co".encode("latin-1"), "Grüße & Co"),
        ("Ablage &AOk- ä".encode(), "Ablage &AOk- ä"),
        (b"a\0b", "a\ufffdb"),
        (b"&AAA-", "\ufffd"),
        (b"", ""),
    ],
)
def test_what_cannot_be_decoded_stays_readable(raw: bytes, name: str):
    assert decode_name(raw) == name


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=60))
@settings(max_examples=100, deadline=None)
def test_every_name_comes_back_as_it_went(name: str):
    raw = encode_name(name)
    assert raw.isascii()
    assert decode_name(raw) == name


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_bytes_raise(raw: bytes):
    assert "\0" not in decode_name(raw)
