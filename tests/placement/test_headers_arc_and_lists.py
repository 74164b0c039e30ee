"""ARC sets, Received-SPF, List-Unsubscribe and the small fields of senders."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.headers import Headers
from placement.headers.arc import read_arc
from placement.headers.list_unsubscribe import read_list_unsubscribe
from placement.headers.received_spf import of_receiver, read_received_spf
from placement.headers.sender_fields import BimiFields, ReturnPath, read_sender_fields


def headers(*lines: str) -> Headers:
    return Headers.parse("".join(f"{line}\r\n" for line in (*lines, "")).encode())


def arc_set(instance: int, sealer: str, cv: str, results: str) -> list[str]:
    return [
        f"ARC-Seal: i={instance}; a=rsa-sha256; t=1700000000; cv={cv};\r\n d={sealer}; s=arc-1; b=ab\r\n cd",
        f"ARC-Message-Signature: i={instance}; a=rsa-sha256; d={sealer}; s=arc-1; h=from; bh=x; b=y",
        f"ARC-Authentication-Results: i={instance}; {results}",
    ]


def test_the_sets_stand_in_the_order_of_their_instances():
    second = arc_set(2, "google.com", "pass", "mx.google.com; arc=pass (i=1); spf=pass smtp.mailfrom=l.example")
    first = arc_set(1, "Lists.Example", "none", "lists.example; dkim=pass header.d=shop.example; dmarc=pass")
    chain = read_arc(headers(*second, *first))
    assert [(one.instance, one.sealer, one.selector, one.cv, one.authserv_id) for one in chain.sets] == [
        (1, "lists.example", "arc-1", "none", "lists.example"),
        (2, "google.com", "arc-1", "pass", "mx.google.com"),
    ]
    assert [(one.method, one.result) for one in chain.sets[0].statements] == [("dkim", "pass"), ("dmarc", "pass")]
    assert chain.newest is not None and chain.newest.sealer == "google.com"
    assert (chain.faults, len(chain.sets[0].lines)) == ((), 3)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (arc_set(2, "a.example", "pass", "a; none"), "The instances are 2, not 1 to 1."),
        (arc_set(1, "a.example", "none", "a; none")[:2], "Set 1 has no ARC-Authentication-Results."),
        (arc_set(1, "a.example", "none", "a; none") * 2, "Set 1 has a field twice."),
        (arc_set(1, "a.example", "pass", "a; none"), "The seal of set 1 says cv=pass, not cv=none."),
        (["ARC-Seal: i=0; d=a"], "ARC-Seal has no instance from 1 to 50."),
        (["ARC-Authentication-Results: mx; spf=pass"], "ARC-Authentication-Results has no instance from 1 to 50."),
    ],
)
def test_a_chain_that_is_not_whole_says_what_is_missing(lines: list[str], fault: str):
    assert fault in read_arc(headers(*lines)).faults


def test_a_message_that_was_never_sealed_has_no_fault():
    chain = read_arc(headers("From: a@b.example"))
    assert (chain.sets, chain.faults, chain.newest) == ((), (), None)


def test_received_spf_gives_result_and_identities():
    (found,) = read_received_spf(
        headers(
            "Received-SPF: Pass (protection.outlook.com: domain of shop.example designates 192.0.2.1 as\r\n"
            " permitted sender) receiver=protection.outlook.com; client-ip=192.0.2.1;\r\n"
            ' helo=out.example; envelope-from="b=1@shop.example"; identity=mailfrom'
        )
    )
    assert (found.result, found.client_ip, found.helo) == ("pass", "192.0.2.1", "out.example")
    assert (found.envelope_from, found.receiver, found.identity) == (
        "b=1@shop.example",
        "protection.outlook.com",
        "mailfrom",
    )


def test_only_the_receivers_own_received_spf_is_its_word():
    block = headers(
        "Received-SPF: pass (evil.example: x) client-ip=192.0.2.9",
        "Received-SPF: fail (google.com: domain of a does not designate 192.0.2.1)",
        "Received: from a by b",
        "Received-SPF: pass (google.com: forged)",
    )
    found = of_receiver(read_received_spf(block), ends_at=2, own_hosts=["google.com"])
    assert found is not None and found.result == "fail"
    assert of_receiver(read_received_spf(block)[2:], ends_at=2, own_hosts=["google.com"]) is None


def test_where_a_name_is_asked_for_a_nameless_received_spf_is_nobodys():
    block = headers(
        "Received-SPF: none (domain of a does not designate permitted sender hosts) client-ip=192.0.2.1",
        "Received-SPF: pass client-ip=192.0.2.2; receiver=mx.google.com",
    )
    found = read_received_spf(block)
    assert of_receiver(found, ends_at=2, own_hosts=["google.com"]) == found[0]
    assert of_receiver(found, ends_at=2, own_hosts=["google.com"], must_name=True) == found[1]
    assert of_receiver(found, ends_at=1, own_hosts=["google.com"], must_name=True) is None


def test_a_received_spf_without_a_result_is_none():
    assert read_received_spf(headers("Received-SPF: (only a comment)", "Received-SPF:")) == ()


def test_one_click_needs_both_fields_as_the_standard_has_them():
    good = (
        "List-Unsubscribe: <https://u.example/1>, <mailto:u@u.example>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    )
    found = read_list_unsubscribe(headers(*good))
    assert (found.one_click, found.faults) == (True, ())
    assert (found.https, found.mailto) == (("https://u.example/1",), ("mailto:u@u.example",))
    assert not read_list_unsubscribe(headers(good[0])).one_click
    assert not read_list_unsubscribe(headers()).present


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["List-Unsubscribe: https://u.example"], "It holds no https: and no mailto: address"),
        (["List-Unsubscribe: <http://u.example>, <mailto:a@b.example>"], "It holds an http: address"),
        (
            ["List-Unsubscribe: <https://u.example>", "List-Unsubscribe-Post: yes"],
            "List-Unsubscribe-Post must say exactly",
        ),
        (
            ["List-Unsubscribe: <mailto:a@b.example>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"],
            "no https: address to post to",
        ),
        (["List-Unsubscribe: <https://u.example>"] * 2, "A field stands there twice"),
    ],
)
def test_what_is_wrong_with_unsubscribing_is_said(lines: list[str], fault: str):
    found = read_list_unsubscribe(headers(*lines))
    assert any(fault in one for one in found.faults)
    assert not found.one_click or "twice" in fault


def test_a_bounce_is_not_the_same_as_no_return_path():
    assert read_sender_fields(headers("Return-Path: <>")).return_path == ReturnPath(True, null=True)
    assert read_sender_fields(headers()).return_path == ReturnPath()
    assert read_sender_fields(headers("Return-Path: <b=1@e.example>")).return_path.address == "b=1@e.example"


def test_the_fields_by_which_senders_name_their_mail():
    found = read_sender_fields(
        headers(
            "List-Id: News <news.shop.example>",
            "Feedback-ID: c1:cust:other:ESP",
            "Precedence: Bulk",
            "Auto-Submitted: auto-generated; x",
        )
    )
    assert (found.list_id, found.precedence, found.auto_submitted) == ("news.shop.example", "bulk", "auto-generated")
    assert (found.feedback_id.identifiers, found.feedback_id.sender) == (("c1", "cust", "other"), "ESP")


def test_bimi_fields_are_read_also_where_the_semicolon_is_missing():
    found = read_sender_fields(
        headers(
            "BIMI-Selector: v=BIMI1; s=brand",
            "BIMI-Location: l=https://l.example/a.svg\r\n a=https://l.example/a.pem",
            "BIMI-Indicator: PHN2Zz48L3N2Zz4=",
        )
    )
    assert found.bimi == BimiFields("brand", "https://l.example/a.svg", "https://l.example/a.pem", 11)


@given(st.text(st.sampled_from('i=1;a<>()" ,:\\dcvhttps@mailto'), max_size=200))
@settings(max_examples=150, deadline=None)
def test_no_value_raises(value: str):
    names = ("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results", "Received-SPF", "List-Unsubscribe")
    fields = (*names, "List-Unsubscribe-Post", "BIMI-Location", "BIMI-Indicator", "Feedback-ID", "Return-Path")
    block = headers(*[f"{name}: {value}" for name in fields])
    assert len(read_arc(block).sets) <= 50
    assert len(read_received_spf(block)) <= 1
    assert read_list_unsubscribe(block).present
    assert read_sender_fields(block).return_path.present
