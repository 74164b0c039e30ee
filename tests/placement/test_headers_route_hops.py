"""The route of a message: hops as servers really write them, the receiver's boundary, delays and clocks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.headers import Headers
from placement.headers.hops import Tls, parse_hop
from placement.headers.received import MAX_HOPS, boundary, route
from placement.headers.trust import MESSAGE_FIELDS

GMAIL = (
    "from out.esp.example (rdns.esp.example. [192.0.2.10]) by mx.google.com with ESMTPS id k184si6630505ywf.180 "
    "for <seed@gmail.example> (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128); "
    "Mon, 2 Mar 2026 10:00:05 -0800 (PST)"
)
MICROSOFT = (
    "from out.esp.example (192.0.2.10) by BN8NAM11FT012.mail.protection.outlook.com (10.13.177.55) with "
    "Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.1 via "
    "Frontend Transport; Mon, 2 Mar 2026 18:00:05 +0000"
)
POSTFIX = (
    "from helo.example (rdns.example [IPv6:2001:db8::25]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 "
    "(256/256 bits)) (No client certificate requested) by mx.example (Postfix) with ESMTPS id 4G2B67 for "
    "<a@mx.example>; Mon,  2 Mar 2026 18:00:05 +0000 (UTC)"
)
EXIM = (
    "from [192.0.2.10] (port=27040 helo=mail.sender.example) by mx.example with esmtps  (TLS1.2) tls "
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 (Exim 4.94) (envelope-from <a@b>) id 1dWJDl-00035d-BU for c@d; "
    "Mon, 2 Mar 2026 18:00:05 +0000"
)
YAHOO = (
    "from 127.0.0.1  (EHLO out.esp.example) (192.0.2.10)  by mta4277.mail.ne1.yahoo.com with SMTPS; "
    "Mon, 2 Mar 2026 18:00:05 +0000"
)
QMAIL = "(qmail 30703 invoked by uid 6007); 2 Mar 2026 18:00:05 -0000"


@pytest.mark.parametrize(
    ("line", "helo", "reverse_name", "address", "by"),
    [
        (GMAIL, "out.esp.example", "rdns.esp.example", "192.0.2.10", "mx.google.com"),
        (MICROSOFT, "out.esp.example", "", "192.0.2.10", "BN8NAM11FT012.mail.protection.outlook.com"),
        (POSTFIX, "helo.example", "rdns.example", "2001:db8::25", "mx.example"),
        (EXIM, "mail.sender.example", "", "192.0.2.10", "mx.example"),
        (YAHOO, "out.esp.example", "", "192.0.2.10", "mta4277.mail.ne1.yahoo.com"),
        (QMAIL, "", "", "", ""),
        ("from a (unknown [192.0.2.1]) by b; x", "a", "", "192.0.2.1", "b"),
        ("from a (a.example [192.0.2.1] (may be forged)) by b; x", "a", "a.example", "192.0.2.1", "b"),
        ("by 2002:a05:6402::1 with SMTP id x; y", "", "", "", "2002:a05:6402::1"),
        ("from [192.168.1.1] ([192.0.2.7]) by b", "[192.168.1.1]", "", "192.0.2.7", "b"),
    ],
)
def test_who_handed_over_to_whom(line: str, helo: str, reverse_name: str, address: str, by: str):
    hop = parse_hop(line)
    assert (hop.helo, hop.reverse_name, hop.address, hop.by) == (helo, reverse_name, address, by)


@pytest.mark.parametrize(
    ("line", "tls", "protocol", "identifier", "recipient"),
    [
        (GMAIL, Tls("1.3", "TLS_AES_128_GCM_SHA256"), "ESMTPS", "k184si6630505ywf.180", "seed@gmail.example"),
        (MICROSOFT, Tls("1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), "Microsoft SMTP Server", "15.20.1", ""),
        (POSTFIX, Tls("1.3", "TLS_AES_256_GCM_SHA384"), "ESMTPS", "4G2B67", "a@mx.example"),
        (YAHOO, Tls(), "SMTPS", "", ""),
        (QMAIL, None, "", "", ""),
        ("from a by b with ESMTP id 1; x", None, "ESMTP", "1", ""),
    ],
)
def test_how_it_was_handed_over(line: str, tls: Tls | None, protocol: str, identifier: str, recipient: str):
    hop = parse_hop(line)
    assert (hop.tls, hop.protocol, hop.id, hop.recipient) == (tls, protocol, identifier, recipient)


def test_exim_names_its_tls_behind_the_protocol():
    assert parse_hop(EXIM).tls == Tls("1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")


def headers(*received: str) -> Headers:
    lines = [f"Received: {line}\r\n" for line in received]
    return Headers.parse("".join([*lines, "From: a@b.example\r\n\r\n"]).encode())


def hop(client: str, by: str, second: int) -> str:
    return f"from {client} by {by} with ESMTPS id 1; Mon, 2 Mar 2026 18:00:{second:02} +0000"


INNER = hop("in.outlook.com (2603:10a6:20b::9)", "end.outlook.com", 9)
EDGE = hop("out.esp.example (192.0.2.10)", "ft.mail.protection.outlook.com", 7)
OWN = hop("app (unknown [10.0.0.1])", "out.esp.example", 5)


def test_the_route_runs_from_the_first_hop_to_the_last():
    block = headers(INNER, EDGE, OWN)
    found = route(block, boundary(block))
    assert [leg.hop.by for leg in found.legs] == [
        "out.esp.example",
        "ft.mail.protection.outlook.com",
        "end.outlook.com",
    ]
    assert [leg.delay_seconds for leg in found.legs] == [None, 2.0, 2.0]
    assert [leg.by_receiver for leg in found.legs] == [False, True, True]
    assert (found.sending_ip, found.helo, found.total_seconds) == ("192.0.2.10", "out.esp.example", 4.0)


def test_a_clock_that_is_wrong_gives_no_negative_delay():
    found = route(headers(hop("a ([192.0.2.1])", "b", 1), hop("c ([10.0.0.1])", "a", 30)))
    assert [(leg.delay_seconds, leg.clock_skew) for leg in found.legs] == [(None, False), (None, True)]
    assert (found.total_seconds, found.clock_skew) == (None, True)


def test_two_servers_within_one_second_are_no_skew():
    found = route(headers(hop("a ([192.0.2.1])", "b", 4), hop("c ([10.0.0.1])", "a", 5)))
    assert [(leg.delay_seconds, leg.clock_skew) for leg in found.legs] == [(None, False), (0.0, False)]


def test_a_hop_without_a_time_leaves_its_neighbours_delay_open():
    found = route(headers(hop("a ([192.0.2.1])", "b", 4), "from x by y; not a date", hop("c", "x", 1)))
    assert [leg.delay_seconds for leg in found.legs] == [None, None, None]
    assert found.total_seconds == 3.0


def test_the_helo_of_a_client_moves_no_boundary():
    """A sender calls himself by the receiver's name and puts a forged hop below."""
    real = hop("mail.google.com (evil.example. [203.0.113.66])", "mx.google.com", 7)
    forged = hop("bank.example (bank.example. [198.51.100.1])", "mx.google.com", 6)
    found = boundary(headers(real, forged), stated={"198.51.100.1"}, own_hosts=["google.com"])
    assert found is not None and found.hop.address == "203.0.113.66"


def test_an_own_host_with_a_public_address_is_passed_over_when_the_receiver_states_another():
    inner = hop("fwd.mx.example (fwd.mx.example [203.0.113.9])", "back.mx.example", 8)
    edge = hop("out.esp.example (out.esp.example [192.0.2.10])", "fwd.mx.example", 7)
    block = headers(inner, edge)
    found = boundary(block, stated={"192.0.2.10"}, own_hosts=["mx.example"])
    assert found is not None and found.hop.address == "192.0.2.10"
    alone = boundary(block, own_hosts=["mx.example"])
    assert alone is not None and alone.hop.address == "203.0.113.9"


def test_mail_within_one_provider_has_the_address_it_states():
    outbound = hop("NAM10.outbound.protection.outlook.com (40.107.92.71)", "ft.mail.protection.outlook.com", 7)
    tenant = hop("x.prod.outlook.com (2603:10b6:408::10)", "y.prod.outlook.com", 5)
    block = headers(INNER, outbound, tenant)
    found = boundary(block, stated={"40.107.92.71"}, own_hosts=["outlook.com"], looks_up_names=False)
    assert found is not None and found.hop.address == "40.107.92.71"


def test_what_is_below_the_boundary_ends_with_the_next_received_or_the_message():
    block = Headers.parse(
        f"Received: {INNER}\r\nReceived: {EDGE}\r\nX-Own: 1\r\nDKIM-Signature: v=1\r\nX-Theirs: 1\r\n\r\n".encode()
    )
    found = boundary(block, message_fields=MESSAGE_FIELDS)
    assert found is not None
    assert [block.fields[i].name for i in (found.index + 1, found.ends_at)] == ["X-Own", "DKIM-Signature"]


def test_no_outside_address_is_no_boundary():
    assert boundary(headers(OWN)) is None
    assert route(headers(OWN)).sending_ip == ""


def test_the_hops_beyond_the_cap_are_counted():
    found = route(headers(*[OWN] * (MAX_HOPS + 7)))
    assert (len(found.legs), found.omitted) == (MAX_HOPS, 7)


@given(st.lists(st.text(st.sampled_from('from by with id for ()[];=.:19aTLSv_"\\'), max_size=120), max_size=4))
@settings(max_examples=150, deadline=None)
def test_no_chain_raises(lines: list[str]):
    block = headers(*[line.replace("\r", "").replace("\n", "") for line in lines])
    found = route(block, boundary(block, stated={"192.0.2.1"}, own_hosts=["mx.example"]))
    assert all((leg.delay_seconds or 0) >= 0 for leg in found.legs)
