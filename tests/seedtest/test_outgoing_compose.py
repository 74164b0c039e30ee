"""A message is made ready for one seed by changing a few header fields and nothing else."""

from __future__ import annotations

import base64
import email
from datetime import UTC, datetime
from typing import Any

import pytest

from seedtest.services import outgoing, visible_line
from seedtest.services.outgoing import BadAddress, HeaderInjection, MessageError

TOKEN = "abcdefghij0123456789klmnop"
VALUES: dict[str, Any] = {
    "token": TOKEN,
    "seed_address": "seed@gmail.example",
    "message_id": "<fresh@acme.example>",
    "date": datetime(2026, 3, 4, 10, 20, 30, tzinfo=UTC),
}
PLAIN = b'From: "Acme, Inc." <news@acme.example>\r\nSubject: Sale\r\nTo: a@x.example\r\n\r\nBuy.\r\n'


def composed(raw: bytes = PLAIN, **values: Any) -> bytes:
    return outgoing.compose(raw, **(VALUES | values))


def header(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[0]


def body(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


def test_the_marker_and_the_fresh_fields_are_there_once():
    message = email.message_from_bytes(composed())
    assert message.get_all("X-Seedtest-ID") == [TOKEN]
    assert message.get_all("To") == ["seed@gmail.example"]
    assert message.get_all("Message-ID") == ["<fresh@acme.example>"]
    assert message.get_all("Date") == ["Wed, 04 Mar 2026 10:20:30 +0000"]


def test_replaced_fields_keep_their_places():
    names = [line.partition(b":")[0] for line in header(composed()).split(b"\r\n")]
    assert names == [b"X-Seedtest-ID", b"From", b"Subject", b"To", b"Message-ID", b"Date"]


def test_other_fields_keep_their_bytes_and_their_folding():
    folded = b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\t=?utf-8?q?_an_alle?=\r\nX-Campaign:  two  spaces \xff\r\n"
    assert folded in composed(folded + PLAIN) + b"\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"Received: from relay.example by mx.example; Wed, 4 Mar 2026 10:00:00 +0000\r\n\tfor <a@x.example>",
        b"Return-Path: <bounce@acme.example>",
        b"Delivered-To: a@x.example",
        b"X-Original-To: a@x.example",
        b"Authentication-Results: mx.google.com; spf=pass",
        b"ARC-Seal: i=1; a=rsa-sha256",
        b"ARC-Authentication-Results: i=1; mx.google.com; spf=pass",
        b"Received-SPF: pass",
        b"DKIM-Signature: v=1; d=acme.example;\r\n b=abc",
        b"X-Seedtest-ID: zzzzzzzzzzzzzzzzzzzzzzzzzz",
        b"Bcc: hidden@x.example",
        b"Resent-To: b@x.example",
        b"X-Spam-Status: Yes, score=9",
        b"X-SpamExperts-Class: spam",
        b"X-Forefront-Antispam-Report: SCL:5",
        b"X-MS-Exchange-Organization-SCL: 5",
        b"X-Microsoft-Antispam: BCL:7",
        b"X-Gm-Message-State: AOJu0",
        b"X-Google-DKIM-Signature: v=1",
        b"X-Received: by 2002:a05",
        b"rEcEiVeD : from a space before the colon",
    ],
)
def test_what_a_receiver_wrote_is_taken_out(line):
    name = line.partition(b":")[0].strip()
    found = email.message_from_bytes(composed(line + b"\r\n" + PLAIN)).get_all(name.decode()) or []
    assert found in ([], [TOKEN])
    assert body(composed(line + b"\r\n" + PLAIN)) == b"Buy.\r\n"


def test_list_unsubscribe_and_feedback_id_stay():
    kept = b"List-Unsubscribe: <https://acme.example/u>\r\nFeedback-ID: 1:2:3:acme\r\nX-Mailer: Esp 1\r\n"
    assert kept in composed(kept + PLAIN)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b'"Acme, Inc." <news@old.example>', b'"Acme, Inc." <n@new.example>'),
        (b'"a <b> \\" c" <news@old.example>', b'"a <b> \\" c" <n@new.example>'),
        (b"=?utf-8?b?w4Q=?= News <news@old.example>", b"=?utf-8?b?w4Q=?= News <n@new.example>"),
        (b"news@old.example", b"<n@new.example>"),
        (b"<news@old.example>", b"<n@new.example>"),
        (b'"never closed <news@old.example>', b"<n@new.example>"),
    ],
)
def test_a_profile_replaces_the_from_address_and_keeps_the_display_name(given, expected):
    raw = b"From: " + given + b"\r\nSender: other@old.example\r\n\r\nx"
    result = composed(raw, from_address="n@new.example")
    assert b"From: " + expected + b"\r\n" in result
    assert b"old.example" not in result


def test_without_a_profile_address_from_is_untouched():
    assert b'From: "Acme, Inc." <news@acme.example>\r\n' in composed()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\r\r\n"])
def test_every_kind_of_line_end_becomes_crlf(end):
    raw = end.join([b"From: a@acme.example", b"Subject: one", b" two", b"", b"first", b"", b"third", b""])
    result = composed(raw)
    assert b"Subject: one\r\n two\r\n" in result
    assert body(result) == b"first\r\n\r\nthird\r\n"


def test_a_bare_cr_cannot_begin_a_field_in_the_header():
    message = email.message_from_bytes(composed(b"Subject: one\rBcc: victim@x.example\n" + PLAIN))
    assert message["Subject"] == "one Bcc: victim@x.example"


def test_a_bare_cr_or_lf_in_the_body_cannot_end_the_message_early():
    result = composed(PLAIN + b"one\n.\nMAIL FROM:<x>\rtwo\r.\r")
    assert body(result) == b"Buy.\r\none\r\n.\r\nMAIL FROM:<x>\r\ntwo\r\n.\r\n"


def test_eight_bit_bodies_are_not_touched():
    assert body(composed(PLAIN + bytes(range(128, 256)))) == b"Buy.\r\n" + bytes(range(128, 256))


def test_an_mbox_line_and_blank_lines_above_the_header_are_dropped():
    for above in (b"From news@acme.example Mon Mar  2 09:00:00 2026\n", b"\n\r\n", b"\xef\xbb\xbf"):
        assert header(composed(above + PLAIN)) == header(composed())


def test_a_line_that_is_no_field_begins_the_body():
    assert body(composed(b"From: a@acme.example\nHello there\nmore\n")) == b"Hello there\r\nmore\r\n"


def test_a_broken_field_does_not_push_the_rest_of_the_header_into_the_body():
    result = composed(b"X-One: 1\nquite X-Two: 2\n" + PLAIN)
    assert email.message_from_bytes(result)["Subject"] == "Sale"
    assert body(result) == b"Buy.\r\n"


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "a@", "@b.example", "a b@c.example", "<a@b.example>", "a@b@c.example", ".a@b.example",
     "a..b@c.example", "a.@b.example", "ä@b.example", "a@bücher.example", "a@b.example,c@d.example",
     "a" * 65 + "@b.example"],
)  # fmt: skip
def test_an_address_that_no_envelope_takes_is_refused(address):
    with pytest.raises(BadAddress, match="not an address"):
        composed(seed_address=address)


@pytest.mark.parametrize("field", ["seed_address", "message_id", "from_address", "token"])
@pytest.mark.parametrize("mark", ["\r\n", "\n", "\r", "\0"])
def test_a_line_break_in_a_value_is_refused(field, mark):
    with pytest.raises(HeaderInjection):
        composed(**{field: f"<a@b.example>{mark}Bcc: victim@x.example"})


def test_a_message_without_headers_is_refused():
    with pytest.raises(MessageError, match="no headers"):
        composed(b"just some words\n")


def test_a_header_of_many_continuation_lines_takes_linear_time():
    raw = b"Subject: x\n" + b" y\n" * 200_000 + b"\nbody"
    assert body(composed(raw)) == b"body"


# --- the visible line

HTML = b"Content-Type: text/html; charset=utf-8\r\n%s\r\n"


def test_the_visible_line_stands_at_the_end_of_plain_text():
    assert body(composed(PLAIN, in_body=True)) == b"Buy.\r\n\r\nRef: %s\r\n" % TOKEN.encode()


def test_the_visible_line_stands_inside_the_body_of_html():
    raw = HTML % b"" + b"<html><body><p>Buy</p></BODY></html>"
    assert body(composed(raw, in_body=True)).endswith(b"<p>Ref: %s</p>\r\n</BODY></html>" % TOKEN.encode())


def test_both_alternatives_carry_the_line_and_nothing_else_changes():
    plain = b"--b\r\nContent-Type: text/plain\r\n\r\n\xfcmlaut\r\n"
    parts = plain + b"--b\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--b--\r\n"
    raw = b"From: a@acme.example\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" + parts
    result = composed(raw, in_body=True)
    assert result.count(b"Ref: " + TOKEN.encode()) == 2
    assert b"\xfcmlaut" in result


def test_quoted_printable_is_not_encoded_anew():
    raw = HTML % b"Content-Transfer-Encoding: quoted-printable\r\n" + b"<p style=3D'x'>a=\r\nb</p>\r\n</body>"
    result = body(composed(raw, in_body=True))
    assert result.startswith(b"<p style=3D'x'>a=\r\nb</p>\r\n")
    assert TOKEN.encode() in result


def test_base64_is_decoded_for_the_line():
    raw = HTML % b"Content-Transfer-Encoding: base64\r\n" + base64.encodebytes("<p>Grüße</p></body>".encode())
    message = email.message_from_bytes(composed(raw, in_body=True))
    shown = message.get_payload(decode=True)
    assert isinstance(shown, bytes)
    assert shown.decode() == f"<p>Grüße</p>\r\n<p>Ref: {TOKEN}</p>\r\n</body>"


def test_a_message_without_text_cannot_carry_the_line():
    raw = b"From: a@acme.example\r\nContent-Type: image/png\r\n\r\n\x89PNG"
    with pytest.raises(MessageError, match="no text"):
        composed(raw, in_body=True)


def test_a_message_of_endless_parts_does_not_carry_the_line():
    raw = b"From: a@acme.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 40_000
    with pytest.raises(MessageError, match="too many parts"):
        composed(raw, in_body=True)


@pytest.mark.parametrize(
    "charset",
    ["charset*=utf-8; charset*0=utf-8", "charset*=a\0b''utf-8", "charset*=idna''utf-8", f'a="{";" * 100_000}'],
)
def test_a_part_whose_charset_cannot_be_read_carries_the_line(charset):
    raw = b"From: a@acme.example\r\nContent-Type: text/plain; " + charset.encode() + b"\r\n\r\nBuy.\r\n"
    assert body(composed(raw, in_body=True)) == b"Buy.\r\n\r\nRef: %s\r\n" % TOKEN.encode()


@pytest.mark.parametrize(
    "field",
    [
        b"X-A: b\x0cfoo: bar",
        b"X-A: b\x1cfoo: bar",
        b"X-A: " + b"a " * 200_000,
        b"X-A: two  spaces\r\n\tand a fold  ",
        b"Content-Transfer-Encoding: \xff 8bit",
    ],
    ids=["form feed", "file separator", "long", "folded", "8-bit"],
)
def test_the_fields_of_the_part_that_carries_the_line_keep_their_bytes(field):
    start = b"--b\r\nContent-Type: text/plain\r\n" + field + b"\r\n\r\n"
    raw = b"From: a@acme.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + start + b"Buy.\r\n--b--\r\n"
    assert body(composed(raw, in_body=True)) == start + b"Buy.\r\n\r\nRef: %s\r\n\r\n--b--\r\n" % TOKEN.encode()


def test_a_long_field_of_the_whole_message_takes_linear_time():
    raw = b"From: a@acme.example\r\nContent-X: " + b"a " * 200_000 + b"\r\n\r\nBuy.\r\n"
    assert body(composed(raw, in_body=True)) == b"Buy.\r\n\r\nRef: %s\r\n" % TOKEN.encode()


def test_a_body_of_endless_lines_cannot_carry_the_line():
    raw = PLAIN + b"\n" * (visible_line.MAX_LINES + 1)
    assert composed(raw).startswith(b"X-Seedtest-ID: ")
    with pytest.raises(MessageError, match="lines"):
        composed(raw, in_body=True)


@pytest.mark.parametrize("header", [b"a:\n" * (outgoing.MAX_FIELDS + 1), b"a: b\n" + b" c\n" * outgoing.MAX_HEADER])
def test_a_header_that_no_mail_server_takes_is_refused(header):
    with pytest.raises(MessageError, match="more than 1 MB"):
        composed(header + PLAIN)
