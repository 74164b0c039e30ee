"""Who sent a message, from where and when, as far as its header says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.headers import Headers
from placement.headers.addresses import normal_address
from placement.headers.domains import aligned, normal_domain, organisational_domain
from placement.headers.identity import from_domain, return_path_domain, subject
from placement.headers.received import first_hop_at, sending_ip


def headers(text: str) -> Headers:
    return Headers.parse(text.replace("\n", "\r\n").encode())


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("Shop <hello@News.Shop.example>", "news.shop.example"),
        ('"boss@bank.example" <x@shop.example>', "shop.example"),
        ("(boss@bank.example) x@shop.example (later)", "shop.example"),
        ("(a (b) <boss@bank.example>) x@shop.example", "shop.example"),
        (r"(\) <boss@bank.example>) x@shop.example", "shop.example"),
        (r"(a\\) x@shop.example (<boss@bank.example>)", "shop.example"),
        (f'"<boss@bank.example> {"y" * 3000}" <x@shop.example>', "shop.example"),
        (f"(<boss@bank.example> {'y' * 3000}) x@shop.example", "shop.example"),
        (r'"\" <boss@bank.example>" <x@shop.example>', "shop.example"),
        ('"(" <x@shop.example> ")"', "shop.example"),
        ('(") x@shop.example (")', "shop.example"),
        ('"never closed <x@shop.example>', "shop.example"),
        ('News :-( "<boss@bank.example>" <x@shop.example>', "shop.example"),
        ('5" (<boss@bank.example>) <x@shop.example>', "shop.example"),
        ("<bad> <x@shop.example>", "shop.example"),
        ("x@shop.example, y@other.example", "shop.example"),
        ("x@bücher.example", "xn--bcher-kva.example"),
        ("x@[192.0.2.1]", ""),
        ("undisclosed-recipients:;", ""),
        ("", ""),
    ],
)
def test_the_from_domain(value: str, domain: str):
    assert from_domain(headers(f"From: {value}\n")) == domain


def test_an_empty_return_path_has_no_domain():
    assert return_path_domain(headers("Return-Path: <>\n")) == ""
    assert return_path_domain(headers("Return-Path: <b=1@bounce.shop.example>\n")) == "bounce.shop.example"


def test_the_subject_is_decoded_and_its_white_space_collapsed():
    assert subject(headers("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n  an   alle\n")) == "Grüße an alle"


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("mail.shop.example", "shop.example", True),
        ("shop.co.uk", "mail.shop.co.uk", True),
        ("shop.co.uk", "other.co.uk", False),
        ("co.uk", "shop.co.uk", False),
        ("one.github.io", "two.github.io", False),
        ("MAIL.bücher.example.", "xn--bcher-kva.example", True),
        ("", "", False),
    ],
)
def test_relaxed_alignment_compares_organisations(a: str, b: str, same: bool):
    assert aligned(a, b) is same


def test_a_domain_name_is_brought_to_one_form():
    assert normal_domain(" Shop.EXAMPLE. ") == "shop.example"
    assert normal_domain("x" * 300) == normal_domain("two words") == ""
    assert organisational_domain("a.b.shop.example") == "shop.example"


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_no_name_raises(text: str):
    assert aligned(text, text) is bool(normal_domain(text))
    assert "@" not in from_domain(headers(f"From: x@{text}\n")) or "@" in text


ROUTE = """Received: by 2002:a05:6402::1 with SMTP id x; Mon, 2 Mar 2026 10:00:09 -0800
Received: from relay.inside.example (relay.inside.example [10.1.2.3]) by mx.example; Mon, 2 Mar 2026 10:00:05 -0800
Received: from front.mx.example (front.mx.example [203.0.113.9]) by back.mx.example; Mon, 2 Mar 2026 10:00:04 -0800
Received: from out.esp.example (out.esp.example. [198.51.100.7]) by front.mx.example; Mon, 2 Mar 2026 10:00:03 -0800
Received: from app (unknown [100.64.1.1]) by out.esp.example; not a date
Received: from web ([192.168.1.1]) by app with HTTP; Mon, 2 Mar 2026 17:59:58 +0000 (UTC)
"""


def test_the_sending_ip_is_the_first_external_one_that_is_not_the_receivers():
    assert sending_ip(headers(ROUTE)) == "203.0.113.9"
    assert sending_ip(headers(ROUTE), ["mx.example"]) == "198.51.100.7"


def test_a_provider_that_mails_to_itself_still_shows_an_address():
    block = "Received: from a.mx.example ([203.0.113.9]) by mx.example; x\n"
    assert sending_ip(headers(block), ["mx.example"]) == "203.0.113.9"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "172.20.0.1", "64:ff9b::a", "2002::1", "::ffff:8.8.8.8", "fe80::1", "999.1.1.1", "::1"],
)
def test_internal_and_impossible_addresses_are_no_senders(address: str):
    assert sending_ip(headers(f"Received: from a ([{address}]) by b; x\n")) == ""


def test_an_ipv6_sender_is_written_in_its_short_form():
    block = "Received: from a (a [IPv6:2001:0db8:0:0::25]) by b; x\n"
    assert sending_ip(headers(block)) == "2001:db8::25"


def test_an_address_within_a_hosts_own_network_is_no_address():
    assert normal_address("2001:db8::1%x") == ""


def test_the_first_hop_is_the_lowest_readable_time():
    assert first_hop_at(headers(ROUTE)) == datetime(2026, 3, 2, 17, 59, 58, tzinfo=UTC)


def test_no_readable_time_is_none():
    assert first_hop_at(headers("Received: from a by b; 99 Foo 99999 99:99\nReceived: x\n")) is None
    assert first_hop_at(headers("Subject: x\n")) is None


@pytest.mark.parametrize("year", ["0101", "1900", "9999"])
def test_a_time_at_an_end_of_the_calendar_is_none(year):
    assert first_hop_at(headers(f"Received: from a by b; 31 Dec {year} 12:00:00 +0000\n")) is None


def test_a_time_without_a_zone_is_utc():
    at = first_hop_at(headers("Received: from a by b; Mon, 2 Mar 2026 10:00:00\n"))
    assert at == datetime(2026, 3, 2, 10, tzinfo=UTC)
