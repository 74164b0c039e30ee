"""What is kept of every arrival, so that a past send can be found again, and how copies are told to be one."""

from __future__ import annotations

from placement.headers import Headers
from placement.marker import PRESETS, keys, message_key
from placement.vocabulary import MatchKeys

TOKEN = "a" * 25 + "1"


def parsed(text: str) -> Headers:
    return Headers.parse(text.replace("\n", "\r\n").encode())


def test_campaign_values_sender_and_subject_are_kept():
    found = keys(
        parsed(
            "From: Shop <x@News.Shop.example>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nFeedback-ID: 7:c:\n  esp\n"
            "List-ID: Shop <list.shop.example>\nX-Campaign: c7\nX-Private: no\n"
        )
    )
    assert found == MatchKeys(
        campaign=(("feedback-id", "7:c: esp"), ("list-id", "Shop <list.shop.example>"), ("x-campaign", "c7")),
        feedback_id="7:c: esp",
        list_id="Shop <list.shop.example>",
        from_domain="news.shop.example",
        subject="Grüße",
    )


def test_our_token_is_kept_from_header_or_address_but_only_in_its_shape():
    assert keys(parsed(f"X-Seedtest-ID: {TOKEN}\n")).token == TOKEN
    assert keys(parsed(f"X-Seedtest-ID: junk\nTo: a+{TOKEN}@b.example\n")).token == TOKEN
    assert keys(parsed("X-Seedtest-ID: junk\n")).token == ""


def test_hostile_values_are_cut():
    found = keys(parsed("Subject: " + "x" * 9000 + "\nFeedback-ID: " + "y" * 9000 + "\n" + "X-Job: 1\n" * 500))
    assert len(found.subject) == len(found.feedback_id) == 1000
    assert len(found.campaign) == 50


def test_every_preset_names_its_headers_once():
    esps = [preset.esp for preset in PRESETS]
    assert len(set(esps)) == len(esps)
    assert all(preset.headers and len(set(preset.headers)) == len(preset.headers) for preset in PRESETS)
    named = {header.lower() for preset in PRESETS for header in preset.headers}
    assert named >= {"feedback-id", "list-id", "x-campaign", "x-campaign-id", "x-campaignid", "x-job"}
    assert named >= {"x-rpcampaign", "x-250ok-cid", "x-api-campaign-id"}


MESSAGE = "Message-ID: <1@x.example>\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nFrom: a@x.example\n"


def test_the_servers_own_id_is_the_key():
    assert message_key(parsed(MESSAGE), b"", gm_msgid=1278455344230334865) == "gm:1278455344230334865"
    assert message_key(parsed(MESSAGE), b"", email_id="M6d99ac32") == "em:M6d99ac32"


def test_a_key_stays_short_whatever_the_server_calls_its_messages():
    long_ids = [message_key(parsed(MESSAGE), b"", email_id="M" * 250 + end) for end in "ab"]
    assert long_ids[0] != long_ids[1]
    assert max(map(len, long_ids)) <= 67


def test_without_one_copies_share_the_hash_of_id_date_and_sender():
    received_twice = [message_key(parsed(f"X-Hop: {n}\n" + MESSAGE), b"") for n in (1, 2)]
    assert received_twice[0] == received_twice[1]
    assert received_twice[0].startswith("id:")
    assert message_key(parsed(MESSAGE.replace("10:00", "10:01")), b"") != received_twice[0]


def test_without_a_message_id_the_block_itself_is_the_key():
    assert message_key(parsed("A: 1\n"), b"A: 1") != message_key(parsed("A: 1\n"), b"A: 2")
    assert message_key(parsed("A: 1\n"), b"A: 1").startswith("hb:")
