"""A header block splits into fields in order, whatever line ends and rubbish it holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.headers import Headers
from placement.headers.block import MAX_BLOCK, MAX_DECODED, MAX_FIELDS


def names(block: bytes) -> list[str]:
    return [field.name for field in Headers.parse(block).fields]


def test_fields_keep_their_order_their_case_and_their_bytes():
    block = b"Received: by b\r\n (x)\r\nX-One: 1\r\nreceived: from a\r\n"
    headers = Headers.parse(block)
    assert [field.name for field in headers.fields] == ["Received", "X-One", "received"]
    assert b"".join(field.raw for field in headers.fields) == block
    assert headers.all("RECEIVED") == ["by b (x)", "from a"]
    assert headers.first("x-one") == "1"


def test_an_absent_field_reads_as_empty():
    headers = Headers.parse(b"A: 1\r\n")
    assert (headers.first("B"), headers.all("B"), "b" in headers, "a" in headers) == ("", [], False, True)


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
def test_every_line_end_of_the_field_is_understood(end: bytes):
    headers = Headers.parse(end.join([b"Subject: one", b"\ttwo", b"To: x", b"", b"Body: no"]))
    assert [(field.name, field.unfolded) for field in headers.fields] == [
        ("Subject", "one\ttwo"),
        ("To", "x"),
    ]


def test_a_bare_cr_beside_lf_opens_no_field():
    headers = Headers.parse(b"Subject: hello\rX-Seedtest-ID: forged\r\nTo: x\r\n")
    assert headers.first("X-Seedtest-ID") == ""
    assert headers.first("Subject") == "hello X-Seedtest-ID: forged"


def test_an_mbox_line_text_and_a_missing_colon_are_no_fields_but_keep_their_bytes():
    block = b"From a@b.example Mon Sep 17 00:00:00 2001\nsome text\nSubject: x\nno colon here\nTo: y\n"
    headers = Headers.parse(block)
    assert names(block) == ["", "", "Subject", "", "To"]
    assert b"".join(field.raw for field in headers.fields) == block
    assert headers.first("") == ""


def test_leading_empty_lines_are_skipped_and_the_first_one_after_a_field_ends_the_block():
    assert names(b"\r\n\r\nA: 1\r\n\r\nB: 2\r\n") == ["A"]


def test_white_space_before_the_colon_is_obsolete_but_read():
    assert Headers.parse(b"Subject : x\r\n").first("Subject") == "x"


def test_eight_bit_text_is_utf8_or_else_latin1():
    headers = Headers.parse("A: Grüße\r\n".encode() + "B: Grüße\r\n".encode("latin-1"))
    assert (headers.first("A"), headers.first("B")) == ("Grüße", "Grüße")


def test_nul_never_reaches_the_text():
    assert Headers.parse(b"A: a\0b\r\n").first("A") == "a\ufffdb"


def test_size_and_number_of_fields_are_capped():
    assert len(Headers.parse(b"A: 1\r\n" * (MAX_FIELDS + 50)).fields) == MAX_FIELDS
    assert len(Headers.parse(b"A: " + b"x" * (2 * MAX_BLOCK)).fields[0].raw) == MAX_BLOCK


def test_only_the_start_of_a_giant_value_is_decoded():
    assert len(Headers.parse(b"Subject: " + b"x" * 100_000).decoded("Subject")) == MAX_DECODED


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_no_bytes_raise_and_none_are_lost(junk: bytes):
    block = b"A: 1\r\n" + junk
    raw = b"".join(field.raw for field in Headers.parse(block).fields)
    assert block.startswith(raw)


header_names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
values = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=40)


@given(st.lists(st.tuples(header_names, values), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_what_was_written_is_read_back(fields: list[tuple[str, str]]):
    block = "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
    assert [(field.name, field.unfolded) for field in Headers.parse(block).fields] == fields
