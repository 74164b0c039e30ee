"""A message goes to the test named at the highest place, and to nobody where two are named there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from placement.headers import Headers
from placement.marker import OWN_HEADER, Recognition, RuleBook, body_line, mint, plus_address, recognise
from placement.vocabulary import MarkerKind, MarkerRule, MatchKind

TOKEN, OTHER = "a" * 25 + "1", "b" * 25 + "2"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = (
    MarkerRule(1, MarkerKind.TOKEN, TOKEN),
    MarkerRule(2, MarkerKind.TOKEN, OTHER),
    MarkerRule(3, MarkerKind.HEADER, "campaign-7", header="x-campaign"),
    MarkerRule(4, MarkerKind.HEADER_PREFIX, "news:7:", header="feedback-id"),
    MarkerRule(5, MarkerKind.SENDER_SUBJECT, "Große Angebote", from_domain="shop.example"),
)


def recognised(text: str, *rules: MarkerRule, at: datetime = NOW) -> Recognition:
    block = text.replace("\n", "\r\n").encode()
    return recognise(Headers.parse(block), RuleBook.of(rules or RULES), internaldate=at)


def test_minted_markers_are_safe_and_differ():
    minted = {mint() for _ in range(200)}
    assert len(minted) == 200
    assert all(re.fullmatch(r"[a-z0-9]{26}", one) for one in minted)


def test_a_marker_is_carried_as_body_line_or_address():
    assert body_line(TOKEN) == f"Ref: {TOKEN}"
    assert plus_address("seed@box.example", TOKEN, "+") == f"seed+{TOKEN}@box.example"


@pytest.mark.parametrize(
    ("text", "test", "kind"),
    [
        (f"{OWN_HEADER}: {TOKEN}\n", 1, MatchKind.OWN_HEADER),
        (f"x-seedtest-id:\n  {TOKEN.upper()} \n", 1, MatchKind.OWN_HEADER),
        ("X-Campaign:\n  campaign-7\n", 3, MatchKind.CAMPAIGN_HEADER),
        ("X-Campaign: =?utf-8?q?campaign-7?=\n", 3, MatchKind.CAMPAIGN_HEADER),
        ("Feedback-ID: news:7:esp\n", 4, MatchKind.CAMPAIGN_HEADER),
        (f"To: Seed <seed+{TOKEN}@box.example>\n", 1, MatchKind.PLUS_ADDRESS),
        (f"Delivered-To: seed-{TOKEN}@box.example\n", 1, MatchKind.PLUS_ADDRESS),
        (f"X-Original-To: seed={TOKEN.upper()}@box.example\n", 1, MatchKind.PLUS_ADDRESS),
        (f"Received: from a by b\n for <seed+{TOKEN}@box.example>; x\n", 1, MatchKind.PLUS_ADDRESS),
        ("From: x@shop.example\nSubject: =?utf-8?q?Gro=C3=9Fe?=\n  Angebote\n", 5, MatchKind.SENDER_SUBJECT),
        ("From: x@shop.example\nSubject: Gro\u00dfe Angebote\n", 5, MatchKind.SENDER_SUBJECT),
        ("From: x@shop.example\nSubject: ***SPAM*** Große Angebote\n", 5, MatchKind.SENDER_SUBJECT),
        (f"Subject: Hello [{TOKEN}]\n", 1, MatchKind.SUBJECT_TOKEN),
    ],
)
def test_each_place_is_recognised(text: str, test: int, kind: MatchKind):
    match = recognised(text).match
    assert match is not None
    assert (match.test, match.kind) == (test, kind)


@pytest.mark.parametrize(
    "text",
    [
        "X-Campaign: campaign-70\n",
        "X-Campaign: Campaign-7\n",
        "Feedback-ID: old-news:7:esp\n",
        f"{OWN_HEADER}: {TOKEN}x\n",
        f"To: seed+x{TOKEN}@box.example\n",
        "From: x@mail.shop.example\nSubject: Große Angebote\n",
        "From: x@shop.example\nSubject: Große Angebote!\n",
        f"Subject: {TOKEN}9\n",
        "Subject: x\n",
    ],
)
def test_what_only_resembles_a_marker_is_nobodys(text: str):
    assert recognised(text) == Recognition()


PLACES = [
    f"{OWN_HEADER}: {TOKEN}\n",
    "X-Campaign: campaign-7\n",
    f"To: seed+{OTHER}@box.example\n",
    "From: x@shop.example\nSubject: Große Angebote\n",
]


@pytest.mark.parametrize("highest", range(len(PLACES)))
def test_the_higher_place_wins_over_all_below(highest: int):
    kinds = [
        MatchKind.OWN_HEADER,
        MatchKind.CAMPAIGN_HEADER,
        MatchKind.PLUS_ADDRESS,
        MatchKind.SENDER_SUBJECT,
    ]
    match = recognised("".join(reversed(PLACES[highest:]))).match
    assert match is not None and match.kind is kinds[highest]


def test_two_tests_at_one_place_get_nothing_and_are_named():
    found = recognised(f"{OWN_HEADER}: {TOKEN}\n{OWN_HEADER}: {OTHER}\nX-Campaign: campaign-7\n")
    assert found.match is None
    assert [(rival.test, rival.kind) for rival in found.rivals] == [
        (1, MatchKind.OWN_HEADER),
        (2, MatchKind.OWN_HEADER),
    ]


def test_one_test_named_twice_is_no_rivalry():
    found = recognised(f"To: seed+{TOKEN}@a.example\nDelivered-To: seed+{TOKEN}@a.example\n")
    assert found.match is not None and found.rivals == ()


def test_two_prefixes_of_one_value_are_rivals():
    rules = [MarkerRule(n, MarkerKind.HEADER_PREFIX, "ab"[:n], header="Feedback-ID") for n in (1, 2)]
    assert [one.test for one in recognised("Feedback-ID: abc\n", *rules).rivals] == [1, 2]


def test_a_customers_value_counts_within_its_window_only():
    rule = MarkerRule(
        9,
        MarkerKind.HEADER,
        "c",
        header="List-ID",
        valid_from=NOW,
        valid_until=NOW + timedelta(hours=1),
    )
    times = [NOW - timedelta(seconds=1), NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=1, seconds=1)]
    assert [recognised("List-ID: c\n", rule, at=at).match is not None for at in times] == [
        False,
        True,
        True,
        False,
    ]


def test_one_campaign_value_in_windows_of_two_tests_goes_to_the_right_one():
    rules = [
        MarkerRule(
            n,
            MarkerKind.HEADER,
            "weekly",
            header="List-ID",
            valid_from=start,
            valid_until=start + timedelta(1),
        )
        for n, start in ((1, NOW - timedelta(7)), (2, NOW))
    ]
    match = recognised("List-ID: weekly\n", *rules).match
    assert match is not None and match.test == 2


@pytest.mark.parametrize(
    "answer",
    [
        "In-Reply-To: <1@shop.example>\n",
        "Auto-Submitted: auto-replied (vacation)\n",
        "X-Autoreply: yes\n",
        "Precedence: auto_reply\n",
    ],
)
def test_an_answer_is_not_recognised_by_what_it_quotes(answer: str):
    assert recognised(answer + PLACES[3]) == Recognition()
    assert recognised(answer + f"Subject: {TOKEN}\n") == Recognition()


@pytest.mark.parametrize("prefix", ["Re:", "RE[2]:", "AW:", "Fwd:", "WG:", "SV:", "回复：", "转发："])
def test_a_reply_or_forward_by_its_subject_is_not_recognised(prefix: str):
    assert recognised(f"Subject: {prefix} Hello {TOKEN}\n").match is None


def test_a_campaign_that_calls_itself_a_reply_is_recognised():
    campaign = f"List-Unsubscribe: <https://shop.example/u>\nSubject: Re: your order {TOKEN}\n"
    assert recognised(campaign).match is not None
    assert recognised("References: <1@x.example>\n" + campaign).match is None


def test_an_answer_that_carries_our_header_is_still_ours():
    assert recognised(f"In-Reply-To: <1@x.example>\n{OWN_HEADER}: {TOKEN}\n").match is not None


def test_automatic_mail_that_answers_nothing_is_recognised():
    assert recognised("Auto-Submitted: auto-generated\n" + PLACES[3]).match is not None


def test_an_empty_rule_matches_nothing():
    rules = [
        MarkerRule(1, MarkerKind.HEADER_PREFIX, " ", header="List-ID"),
        MarkerRule(2, MarkerKind.HEADER, "", header="List-ID"),
        MarkerRule(3, MarkerKind.SENDER_SUBJECT, "", from_domain="shop.example"),
    ]
    assert recognised("List-ID: x\nFrom: a@shop.example\nSubject: \n", *rules) == Recognition()


class CountedDict(dict[str, object]):
    """Counts how often it is asked."""

    asked = 0

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self.asked += 1
        return super().get(key, default)


def lookups_with(number_of_tests: int) -> int:
    rules = [
        MarkerRule(n, kind, f"{n:026d}", header="x-campaign")
        for n in range(number_of_tests)
        for kind in (MarkerKind.TOKEN, MarkerKind.HEADER, MarkerKind.HEADER_PREFIX)
    ]
    book = RuleBook.of(rules)
    counted = CountedDict(book.prefixes["x-campaign"][26])
    book = RuleBook(book.tokens, book.body_tokens, book.headers, {"x-campaign": {26: counted}})  # type: ignore[dict-item]
    recognise(Headers.parse(b"X-Campaign: nobody's\r\n"), book, internaldate=NOW)
    return counted.asked


def test_a_message_costs_the_same_however_many_tests_are_open():
    assert lookups_with(1) == lookups_with(2000) == 1
