"""A result header that is not believed says why; what could not be read is named, never raised."""

from __future__ import annotations

import pytest

from placement.headers import Headers
from placement.headers.answers import Answer, answer, best_answer
from placement.headers.authres_grammar import MAX_VALUE, Property, parse
from placement.headers.trust import WHY, Distrust, Rule, claims, judge, position_of
from placement.vocabulary import AuthResult

OWN = "Authentication-Results: mx.own.example; spf=pass smtp.mailfrom=shop.example; dkim=pass header.d=shop.example\r\n"
SENDER = "From: Shop <hello@shop.example>\r\nSubject: x\r\n"


def doubts(block: str, *, position: str = "above", at_most: int | None = None, ends_at: int | None = None):
    headers = Headers.parse(block.encode())
    rule = Rule(lambda name: name == "mx.own.example", False, position, at_most, ends_at)
    trust = judge(headers, claims(headers), rule)
    return len(trust.believed), [one.why for one in trust.doubted]


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (OWN + "Authentication-Results: aaa.example; dkim=pass\r\n" + SENDER, Distrust.FOREIGN),
        (OWN + "Authentication-Results: spf=pass smtp.mailfrom=x.example\r\n" + SENDER, Distrust.NAMELESS),
        (OWN + "Authentication-Results: ;;\r\n" + SENDER, Distrust.UNREADABLE),
        (OWN + SENDER + "Authentication-Results: mx.own.example; bimi=pass\r\n", Distrust.POSITION),
        (OWN + "Authentication-Results: mx.own.example; spf=pass\r\n" + SENDER, Distrust.REPEATED),
        (OWN + "Received: x\r\nAuthentication-Results: mx.own.example; bimi=pass\r\n" + SENDER, Distrust.REPEATED),
    ],
)
def test_each_reason_has_its_case(block: str, why: Distrust):
    assert doubts(block) == (1, [why])


def test_more_headers_than_the_provider_writes_are_surplus():
    block = OWN + "Authentication-Results: mx.own.example; bimi=pass\r\n" + SENDER
    assert doubts(block, at_most=1) == (1, [Distrust.SURPLUS])
    assert doubts(block) == (2, [])


def test_what_came_with_the_message_is_not_believed_where_the_provider_wrote_nothing():
    """Without a Received between them, only the boundary tells that the header is the sender's."""
    block = "Received: from a ([192.0.2.1]) by mx\r\nReceived: from b by a\r\n" + OWN + SENDER
    assert doubts(block) == (1, [])
    assert doubts(block, ends_at=1) == (0, [Distrust.POSITION])


def test_somebody_elses_header_ends_the_group():
    foreign = "Authentication-Results: aaa.example; dkim=pass\r\n"
    block = OWN + foreign + "Authentication-Results: mx.own.example; bimi=pass\r\n" + SENDER
    assert doubts(block) == (1, [Distrust.FOREIGN, Distrust.REPEATED])


def test_every_reason_is_said_in_words():
    assert set(WHY) == set(Distrust)
    assert all(words.endswith(".") for words in WHY.values())


def test_a_server_known_to_write_at_the_bottom_is_looked_for_there():
    assert position_of("above", ["mail2.ecloud.global"]) == "bottom"
    assert position_of("above", ["mx.own.example"]) == "above"


def test_versions_reasons_and_properties_are_kept():
    value = parse(
        'mx.own.example 1; dkim/1=fail (bad (very) sig) reason="no key; none" header.d=shop.example '
        "header.b=abc header.b=def policy.x=y; dara=pass header.d=g.example; x-ptr=pass smtp.helo=h"
    )
    first = value.statements[0]
    assert (value.authserv_id, value.version, value.faults) == ("mx.own.example", "1", ())
    assert (first.method, first.version, first.reason) == ("dkim", "1", "no key; none")
    assert first.comments == ("bad (very) sig",)
    assert first.written[1:] == (
        Property("header", "d", "shop.example"),
        Property("header", "b", "abc"),
        Property("header", "b", "def"),
        Property("policy", "x", "y"),
    )
    assert [one.method for one in value.statements] == ["dkim", "dara", "x-ptr"]


def test_microsofts_compauth_is_one_of_the_statements():
    value = parse(
        "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example;dmarc=none action=none;compauth=fail reason=001"
    )
    assert (value.authserv_id, value.statements[2].method, value.statements[2].reason) == ("", "compauth", "001")
    assert value.statements[1].written == (Property("", "action", "none"),)


@pytest.mark.parametrize(
    ("value", "fault", "methods"),
    [
        ("mx.example; spf=pass; what is this; dkim=fail", "'what is this' is no result of a method.", ["spf", "dkim"]),
        ("mx.example; spf=pass (open", "A comment is opened and never closed.", ["spf"]),
        ('mx.example; spf=pass reason="open', "A quoted text is opened and never closed.", ["spf"]),
        ("mx.example;", "It names a server and states no result.", []),
        (";; spf=pass", "It does not begin with the name of the server that wrote it.", []),
        (
            "mx.example; spf=pass; " + " " * MAX_VALUE,
            f"It is longer than {MAX_VALUE} characters; the rest was not read.",
            ["spf"],
        ),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_used(value: str, fault: str, methods: list[str]):
    found = parse(value)
    assert fault in found.faults
    assert [one.method for one in found.statements] == methods


def test_none_is_a_word_of_its_own():
    assert parse("mx.example; none").says_none
    assert parse("mx.example (x) 1; none (nothing to do)").says_none
    assert not parse("mx.example; spf=none").says_none
    assert parse("mx.example; none").faults == ()


@pytest.mark.parametrize(
    ("method", "word", "expected"),
    [
        ("spf", "pass", Answer.PASS),
        ("spf", "softfail", Answer.SOFTFAIL),
        ("spf", "tempfail", Answer.TEMPERROR),
        ("dmarc", "bestguesspass", Answer.NONE),
        ("dmarc", "unknown", Answer.NONE),
        ("spf", "unknown", Answer.UNKNOWN),
        ("dkim", "timeout", Answer.TEMPERROR),
        ("dkim", "frobnicated", Answer.UNKNOWN),
        ("bimi", "skipped", Answer.NONE),
        ("spf", "absent", Answer.UNKNOWN),
    ],
)
def test_result_words_have_one_meaning(method: str, word: str, expected: Answer):
    assert answer(AuthResult(method, word)) is expected


def test_saying_nothing_is_neither_none_nor_unknown_nor_fail():
    assert answer(None) is best_answer(()) is Answer.ABSENT
    assert best_answer((AuthResult("dkim", "fail"), AuthResult("dkim", "pass"))) is Answer.PASS
    assert best_answer((AuthResult("dkim", "fail"), AuthResult("dkim", "none"))) is Answer.FAIL
