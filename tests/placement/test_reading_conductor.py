"""One header block read for one provider: what is believed, what it says, what a person should know."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement import providers
from placement.headers.answers import Answer
from placement.headers.block import MAX_BLOCK, MAX_FIELDS
from placement.headers.spam_verdicts import Says
from placement.providers import GENERIC
from placement.reading import FindingKind, Reading, moved_after_delivery, read
from placement.vocabulary import FolderRole

GMAIL = (
    "Delivered-To: seed@gmail.example",
    "Received: by 2002:a05:6402::1 with SMTP id x; Mon, 2 Mar 2026 10:00:09 -0800",
    "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=google.com; s=arc-20240605; b=x",
    "ARC-Message-Signature: i=1; a=rsa-sha256; d=google.com; s=arc-20240605; b=x",
    "ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.i=@shop.example",
    "Return-Path: <b=1@bounce.esp.example>",
    "Received: from out.esp.example (out.esp.example. [192.0.2.10]) by mx.google.com with ESMTPS id 1 for "
    "<seed@gmail.example> (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256); Mon, 2 Mar 2026 10:00:07 -0800",
    "Received-SPF: pass (google.com: domain of b=1@bounce.esp.example designates 192.0.2.10 as permitted sender) "
    "client-ip=192.0.2.10;",
    "Authentication-Results: mx.google.com; dkim=pass header.i=@shop.example header.s=s1; spf=pass (google.com: domain "
    "of b=1@bounce.esp.example designates 192.0.2.10 as permitted sender) smtp.mailfrom=b=1@bounce.esp.example; "
    "dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=shop.example",
)
MESSAGE = (
    "DKIM-Signature: v=1; a=rsa-sha256; d=shop.example; s=s1; b=x",
    "Received: from app (unknown [10.0.0.1]) by out.esp.example; Mon, 2 Mar 2026 18:00:05 +0000",
    "List-Unsubscribe: <https://u.shop.example/1>",
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    "From: Shop <news@shop.example>",
    "Subject: x",
)


def reading(provider: str, *lines: str, ids: tuple[str, ...] = ()) -> Reading:
    block = "".join(f"{line}\r\n" for line in (*lines, "")).encode()
    return read(block, providers.get(provider), extra_authserv_ids=ids)


def kinds(found: Reading) -> list[FindingKind]:
    return [one.kind for one in found.findings]


def test_a_message_at_gmail_is_read_from_end_to_end():
    found = reading("gmail", *GMAIL, *MESSAGE)
    assert {name: found.answer(name) for name in ("spf", "dkim", "dmarc", "bimi")} == {
        "spf": Answer.PASS,
        "dkim": Answer.PASS,
        "dmarc": Answer.PASS,
        "bimi": Answer.ABSENT,
    }
    assert (found.route.sending_ip, found.route.total_seconds) == ("192.0.2.10", 4.0)
    assert [leg.by_receiver for leg in found.route.legs] == [False, True, True]
    assert found.arc.newest is not None and found.arc.newest.sealer == "google.com"
    assert found.received_spf is not None and found.received_spf.client_ip == "192.0.2.10"
    assert found.list_unsubscribe.one_click and found.sender.return_path.address == "b=1@bounce.esp.example"
    assert [one.statement.method for one in found.reported] == ["dkim", "spf", "dmarc"]
    assert (found.says, found.untrusted, found.findings) == (None, (), ())


def test_results_that_came_with_the_message_are_not_believed_where_the_provider_wrote_none():
    forged = next(line for line in GMAIL if line.startswith("Authentication-Results"))
    without = [line for line in GMAIL if line is not forged]
    found = reading("gmail", *without, MESSAGE[1], forged, *MESSAGE[2:])
    assert found.authentication.trusted == ()
    assert found.answer("dmarc") is Answer.ABSENT
    assert [one.why for one in found.untrusted] == ["position"]
    assert kinds(found) == [FindingKind.NOTHING_SAID, FindingKind.PRETENDED_RESULTS]
    assert found.findings[1].line.startswith("Authentication-Results: mx.google.com")


INNER = "Received: from mx1 (mx1 [10.0.0.1]) by store.own.example; Mon, 2 Mar 2026 18:00:05 +0000"
CEO = "pass client-ip=192.0.2.7; envelope-from=ceo@bank.example; helo=bank.example"
OWN_NAMES = {"gmail": "mx.google.com", "outlook_com": "protection.outlook.com", "generic": "mx.own.example"}


@pytest.mark.parametrize("name", ["", "; receiver={}"], ids=["nameless", "under the receiver's name"])
@pytest.mark.parametrize("above", [(), (INNER,)], ids=["no Received", "inner hops only"])
@pytest.mark.parametrize("provider", OWN_NAMES)
def test_a_received_spf_that_the_sender_may_have_written_is_nobodys_word(
    provider: str, above: tuple[str, ...], name: str
):
    """It would make our own check say spf=pass and dmarc=pass for bank.example."""
    forged = f"Received-SPF: {CEO}{name.format(OWN_NAMES[provider])}"
    found = reading(provider, *above, forged, *MESSAGE[4:], ids=("mx.own.example",))
    assert (found.received_spf, found.route.sending_ip) == (None, "")
    assert [one.line for one in found.doubted_spf] == [forged.partition(": ")[2]]


def test_without_a_boundary_the_receivers_name_above_every_received_is_its_word():
    line = f"Received-SPF: {CEO}; receiver=mx.own.example"
    found = reading("generic", line, INNER, line, *MESSAGE[4:], ids=("mx.own.example",))
    assert found.received_spf is not None and found.received_spf.index == 0
    assert [one.index for one in found.doubted_spf] == [2]
    unnamed = reading("generic", line, INNER, *MESSAGE[4:])
    assert unnamed.received_spf is None


def test_what_passes_for_somebody_else_is_the_commonest_fault():
    foreign = [line.replace("header.i=@shop.example", "header.i=@esp.example") for line in GMAIL]
    lines = [line.replace("dmarc=pass", "dmarc=fail") for line in foreign]
    found = reading("gmail", *lines, *MESSAGE)
    (finding,) = [one for one in found.findings if one.kind is FindingKind.NOTHING_ALIGNED]
    assert "spf bounce.esp.example, dkim esp.example" in finding.detail


@pytest.mark.parametrize("provider", ["cpanel_dovecot", "generic"])
def test_an_own_server_is_believed_once_its_operator_names_it(provider: str):
    lines = ("Authentication-Results: MX.own.example; spf=pass smtp.mailfrom=shop.example", *MESSAGE)
    nobody = reading(provider, *lines)
    assert (nobody.answer("spf"), kinds(nobody)) == (Answer.ABSENT, [FindingKind.NOBODY_BELIEVED])
    named = reading(provider, *lines, ids=("mx.OWN.example ",))
    assert (named.answer("spf"), named.findings) == (Answer.PASS, ())


def test_a_server_that_says_none_has_said_something():
    found = reading("generic", "Authentication-Results: mx.own.example; none", *MESSAGE, ids=("mx.own.example",))
    assert (found.says_none, found.answer("spf"), found.findings) == (True, Answer.ABSENT, ())


def test_broken_results_are_used_as_far_as_they_go():
    line = "Authentication-Results: mx.own.example; spf=pass; rubbish; dkim=frobnicated header.d=d.example"
    found = reading("generic", line, *MESSAGE, ids=("mx.own.example",))
    assert (found.answer("spf"), found.answer("dkim")) == (Answer.PASS, Answer.UNKNOWN)
    assert kinds(found) == [FindingKind.MALFORMED_RESULTS, FindingKind.UNKNOWN_WORD]


def test_a_wrong_clock_a_broken_chain_and_a_dead_unsubscribe_are_findings():
    found = reading(
        "gmail",
        *GMAIL,
        "Received: from app (unknown [10.0.0.1]) by out.esp.example; Mon, 2 Mar 2026 19:00:05 +0000",
        "ARC-Seal: i=2; cv=fail; d=google.com; s=x; b=x",
        "List-Unsubscribe: click here",
        "From: Shop <news@shop.example>",
    )
    assert kinds(found) == [FindingKind.BROKEN_ARC, FindingKind.CLOCK_SKEW, FindingKind.UNSUBSCRIBE]
    assert found.route.clock_skew and found.route.total_seconds is None
    assert found.findings[1].line.startswith("Received: from out.esp.example")


OUTLOOK = (
    "Received: from ft.eop.prod.protection.outlook.com (2603:10a6:10:31::18) by x.PROD.OUTLOOK.COM with HTTPS; x",
    "Authentication-Results: spf=pass (sender IP is 192.0.2.10) smtp.mailfrom=shop.example; "
    "dkim=none (message not signed) header.d=none;dmarc=bestguesspass action=none "
    "header.from=shop.example;compauth=pass reason=109",
    "Received: from out.esp.example (192.0.2.10) by ft.mail.protection.outlook.com (10.1.1.1) with Microsoft "
    "SMTP Server; x",
    *MESSAGE[4:],
    "X-MS-Exchange-Organization-Network-Message-Id: bb65f55d-9640-4adc-3de9-08d46e448a65",
    "X-MS-Exchange-Organization-SCL: 1",
    "X-Microsoft-Antispam-Mailbox-Delivery: ucf:0;jmr:0;auth:0;dest:I;ENG:(1);",
)


def test_a_message_at_outlook_com_says_where_it_was_put():
    found = reading("outlook_com", *OUTLOOK)
    assert found.says is not None
    assert (found.says.says, found.scores, found.route.sending_ip) == (Says.INBOX, {"scl": 1.0}, "192.0.2.10")
    assert found.answer("dmarc") is Answer.NONE
    assert [one.statement.method for one in found.reported] == ["spf", "dkim", "dmarc", "compauth"]
    assert found.authentication.dkim[0].domain == ""


@pytest.mark.parametrize(
    ("role", "moved"),
    [
        (FolderRole.INBOX, False),
        (FolderRole.CATEGORY, False),
        (FolderRole.JUNK, True),
        (FolderRole.OTHER, True),
        (FolderRole.TRASH, True),
    ],
)
def test_a_message_found_elsewhere_than_it_was_put_has_moved(role: FolderRole, moved: bool):
    finding = moved_after_delivery(reading("outlook_com", *OUTLOOK), role)
    assert (finding is not None) is moved
    assert finding is None or finding.line.startswith("X-Microsoft-Antispam-Mailbox-Delivery: ucf:0")


def test_nothing_moved_where_no_header_states_a_folder():
    custom = [line.replace("dest:I", "dest:C") for line in OUTLOOK]
    assert moved_after_delivery(reading("outlook_com", *custom), FolderRole.JUNK) is None
    assert moved_after_delivery(reading("gmail", *GMAIL, *MESSAGE), FolderRole.JUNK) is None


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\r\n\r\n",
        b"X" * 1_000_000,
        b"Authentication-Results: " + b"(" * 1_000_000,
        b"Received: " + b"from a ([192.0.2.1]) by b " * 40_000,
        b"".join(b"X-Microsoft-Antispam: BCL:%d;\r\n" % n for n in range(500)),
        b"".join(b"Authentication-Results: spf=pass (%d)\r\n" % n for n in range(500)),
        b"".join(b"Received: from a ([192.0.2.%d]) by b; x\r\n" % (n % 256) for n in range(500)),
        b"ARC-Seal: i=1; d=a\r\n" * 13_000,
        b"X-Forefront-Antispam-Report: " + b"SCL:9;" * 40_000,
    ],
    ids=lambda block: f"{len(block)} bytes of {block[:20]!r}",
)
@pytest.mark.parametrize("provider", ["outlook_com", "gmail", "mailru", "generic"])
def test_large_and_odd_blocks_are_survived(block: bytes, provider: str):
    found = read(block, providers.get(provider))
    assert len(found.findings) <= 100
    too_much = len(block) >= MAX_BLOCK or block.count(b"\n") > MAX_FIELDS
    assert (FindingKind.TRUNCATED in kinds(found)) is too_much


@given(st.lists(st.binary(max_size=80), max_size=8), st.sampled_from(providers.all_providers()))
@settings(max_examples=150, deadline=None)
def test_no_block_raises(values: list[bytes], provider: providers.Provider):
    names = (b"Received", b"Authentication-Results", b"ARC-Seal", b"X-Spam-Status", b"Received-SPF", b"From")
    block = b"".join(b"%s: %s\r\n" % (names[i % len(names)], value) for i, value in enumerate(values))
    for chosen in (provider, GENERIC):
        found = read(block, chosen, extra_authserv_ids=("mx.own.example",))
        assert found.answer("spf") in Answer
