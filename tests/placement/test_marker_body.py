"""The "Ref: …" line is recognised where a reader sees it, and nowhere else."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.marker import Recognition, RuleBook, recognise_body
from placement.message_body import visible_html
from placement.mime import parsed
from placement.vocabulary import MarkerKind, MarkerRule, MatchKind

TOKEN, OTHER, UNWANTED = "a" * 25 + "1", "b" * 25 + "2", "c" * 25 + "3"
BOOK = RuleBook.of(
    [
        MarkerRule(1, MarkerKind.TOKEN, TOKEN, in_body=True),
        MarkerRule(2, MarkerKind.TOKEN, OTHER, in_body=True),
        MarkerRule(3, MarkerKind.TOKEN, UNWANTED),
    ]
)
REF = f"Ref: {TOKEN}"


def recognised(body: bytes | str, head: str = "Content-Type: text/html; charset=utf-8\n") -> Recognition:
    raw = body.encode() if isinstance(body, str) else body
    return recognise_body(raw, head.replace("\n", "\r\n").encode(), BOOK)


@pytest.mark.parametrize("content_type", ["text/plain", "text/html"])
@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_every_encoding_of_text_and_html_is_read(content_type: str, encoding: str):
    body = f"{'x' * 70} hello =\r\n {REF}\r\n".encode()
    coded = {"7bit": bytes, "quoted-printable": quopri.encodestring, "base64": base64.encodebytes}[encoding](body)
    found = recognised(coded, f"Content-Type: {content_type}\nContent-Transfer-Encoding: {encoding}\n")
    assert found.match is not None
    assert (found.match.test, found.match.kind) == (1, MatchKind.BODY_LINE)
    assert found.match.where == f"{content_type} body line"


@pytest.mark.parametrize(
    "markup",
    [
        f"<p>Ref:&nbsp;<b>{TOKEN}</b></p>",
        f"<table><tr><td>REF:</td>\n<td>{TOKEN.upper()}</td></tr></table>",
        f"<!--[if !mso]><!--><p>{REF}</p><!--<![endif]-->",
        f"<!DOCTYPE html><html><head><title>x</title></head><body>1 < 2 {REF}</body></html>",
        f"<div style='display:none'>pre<div>header</div></div><p>{REF}</p>",
        f'<a title="a > b">{REF}</a>',
        f"<img hidden><p>{REF}</p>",
        f"<p style='font-size:0.8em'>{REF}</p>",
        f"<p>Ref:\u00a0{TOKEN}</p>",
        f'<p>Buy</p">{REF}',
    ],
)
def test_the_visible_line_is_found(markup: str):
    assert recognised(markup).match is not None


@pytest.mark.parametrize(
    "markup",
    [
        f"<!-- {REF} -->",
        f"<!-- {REF}",
        f"<div style='display : none'><p>{REF}</p></div>",
        f"<div style='DISPLAY:NONE'>a<div>b</div>{REF}</div>",
        f"<span style='font-size:0'>{REF}</span>",
        f"<p hidden>{REF}</p>",
        f"<head><title>{REF}</title></head>",
        f"<script>'{REF}'</script>",
        f"<style>/* {REF} */</style>",
        f"<blockquote>{REF}</blockquote>",
        f'<a title="{REF}">x</a>',
        f"<a title='{REF}",
        f"<p>{TOKEN}</p>",
        f"<p>Ref: {TOKEN}9</p>",
        f"<p>Ref: {UNWANTED}</p>",
    ],
)
def test_what_no_reader_sees_is_not_found(markup: str):
    assert recognised(markup) == Recognition()


def multipart(*parts: str) -> tuple[str, str]:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    return body, 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n'


def test_a_part_of_a_multipart_is_read():
    assert recognised(*multipart("Content-Type: text/plain\r\n\r\nhi", f"Content-Type: text/html\r\n\r\n{REF}")).match


@pytest.mark.parametrize(
    "part",
    [
        f"Content-Type: message/rfc822\r\n\r\nX-Seedtest-ID: {TOKEN}\r\n\r\n{REF}",
        f"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\n{REF}",
        f"Content-Type: text/plain\r\n\r\nJane wrote:\r\n> {REF}",
        f"Content-Type: application/octet-stream\r\n\r\n{REF}",
    ],
)
def test_an_attached_or_quoted_message_is_somebody_elses(part: str):
    assert recognised(*multipart(part)) == Recognition()


@pytest.mark.parametrize("head", ["In-Reply-To: <1@x.example>\n", "Subject: Re: x\n", "Auto-Submitted: auto-replied\n"])
def test_an_answer_is_not_recognised_by_its_body(head: str):
    assert recognised(REF, head) == Recognition()


def test_two_lines_of_two_tests_are_rivals():
    assert [one.test for one in recognised(f"{REF}\r\nRef: {OTHER}", "").rivals] == [1, 2]


def test_without_a_rule_for_bodies_nothing_is_read():
    book = RuleBook.of([MarkerRule(1, MarkerKind.TOKEN, TOKEN)])
    assert recognise_body(REF.encode(), b"", book) == Recognition()
    assert (book.wants_body, BOOK.wants_body) == (False, True)


def test_parts_nested_without_end_are_left_unread():
    head = 'Content-Type: multipart/mixed; boundary="0"\n'
    body = "".join(f'--{n}\r\nContent-Type: multipart/mixed; boundary="{n + 1}"\r\n\r\n' for n in range(3000))
    assert recognised(body + REF, head) == Recognition()


def test_text_in_front_of_many_attachments_is_read():
    attachment = "Content-Type: image/png\r\n\r\nx"
    assert recognised(*multipart(f"Content-Type: text/plain\r\n\r\n{REF}", *[attachment] * 100)).match is not None


@pytest.mark.parametrize(
    "parts",
    ["--b\n\nhi\n" * 200_000, "--b\nContent-Type: message/delivery-status\n\n" + "\n" * 1_000_000],
    ids=["parts", "blocks of a delivery status"],
)
def test_no_more_than_fifty_parts_are_made_of_a_message(parts: str):
    message = parsed(b"Content-Type: multipart/mixed; boundary=b\n\n" + parts.encode())
    assert (message.complete, len(list(message.walk()))) == (False, 50)


@given(st.text(st.sampled_from("<>/!-\"'=aph \n&;?"), max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_markup_raises_and_plain_text_survives(markup: str):
    visible_html(markup)
    assert visible_html(REF + " " + markup).startswith(REF)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_body_raises(body: bytes):
    head = 'Content-Type: multipart/mixed; boundary="b"\n'
    assert recognised(b"--b\r\n" + body, head).rivals == ()


@pytest.mark.parametrize(
    "parameters",
    [
        "boundary*=a\0b''c",
        "boundary*=idna''c",
        f"boundary*=punycode''{'a' * 100_000}",
        f"boundary*{'1' * 5000}=c",
        "boundary*=c; boundary*0=d",
        f'a="{";" * 100_000}',
    ],
)
def test_a_part_whose_boundary_cannot_be_read_hides_no_other(parameters: str):
    parts = f"--b\nContent-Type: multipart/x; {parameters}\n\nx\n--b\nContent-Type: text/plain\n\n{REF}\n--b--\n"
    assert recognised(parts, "Content-Type: multipart/mixed; boundary=b\n").match is not None


@pytest.mark.parametrize("boundary", ["boundary*=us-ascii''b%20c", 'boundary*0=b; boundary*1=" c"', 'boundary="b c"'])
def test_a_boundary_is_read_however_it_is_written(boundary: str):
    parts = f"--b c\nContent-Type: text/plain\n\n{REF}\n--b c--\n"
    assert recognised(parts, f"Content-Type: multipart/mixed; {boundary}\n").match is not None


def test_a_character_reference_too_long_for_a_number_is_one_unknown_character():
    assert visible_html(f"<p>a&#{'1' * 5000};b&#65;</p>").strip() == "a\ufffdbA"
