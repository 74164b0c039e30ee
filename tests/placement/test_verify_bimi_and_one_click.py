"""BIMI's record in DNS, and what makes an unsubscription one click."""

from __future__ import annotations

import pytest

from placement.headers import Headers
from placement.verify import bimi, one_click
from placement.verify.model import BimiCheck, DkimCheck, OneClickCheck, Outcome, Problem
from tests.fakes import FakeDns, header_block

LOGO = "v=BIMI1; l=https://sender.example/logo.svg; a=https://sender.example/vmc.pem"
URI = "List-Unsubscribe: <mailto:u@sender.example>,\r\n <https://sender.example/\r\n u/1>"
POST = "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
BOTH = ("from", "list-unsubscribe", "list-unsubscribe-post")


def looked_up(records: dict[str, list[str]], *lines: str, down: str = "") -> BimiCheck:
    dns = FakeDns({name: {"TXT": texts} for name, texts in records.items()}, down=[down])
    return bimi.check(Headers.parse(header_block(*lines)), "news.sender.example", "sender.example", dns)


def test_the_record_shows_its_logo_and_its_certificate():
    found = looked_up({"default._bimi.news.sender.example": [LOGO]})
    assert (found.outcome, found.domain, found.selector) == (Outcome.PASS, "news.sender.example", "default")
    assert (found.logo, found.authority) == ("https://sender.example/logo.svg", "https://sender.example/vmc.pem")
    assert "not fetched" in found.says


def test_the_organisational_domain_stands_in():
    assert looked_up({"default._bimi.sender.example": [LOGO]}).domain == "sender.example"


def test_the_message_may_name_another_selector():
    found = looked_up({"brand._bimi.sender.example": [LOGO]}, "BIMI-Selector: v=BIMI1; s=brand")
    assert (found.outcome, found.selector) == (Outcome.PASS, "brand")


@pytest.mark.parametrize(
    ("texts", "outcome", "says"),
    [
        ([], Outcome.NONE, "no BIMI record"),
        (["v=BIMI1; l=; a="], Outcome.NONE, "declines"),
        ([LOGO, LOGO], Outcome.PERMERROR, "several"),
        (["v=BIMI1; l=http://sender.example/logo.svg"], Outcome.PERMERROR, "no https address"),
        (["v=BIMI1; nonsense"], Outcome.PERMERROR, "cannot be read"),
        (["v=BIMI1; l=https://sender.example/logo.svg"], Outcome.PASS, "without a mark certificate"),
    ],
)
def test_each_state_of_the_record_has_its_words(texts: list[str], outcome: Outcome, says: str):
    found = looked_up({"default._bimi.sender.example": texts})
    assert found.outcome is outcome
    assert says in found.says


def test_a_bimi_record_that_cannot_be_looked_up_is_unknown():
    assert looked_up({}, down="default._bimi.sender.example").outcome is Outcome.UNKNOWN


def offered(*lines: str, outcome: Outcome = Outcome.PASS, covered: tuple[str, ...] = BOTH) -> OneClickCheck:
    signature = DkimCheck(outcome, Problem.NONE, "", domain="sender.example", covered=covered)
    return one_click.check(Headers.parse(header_block(*lines)), [signature])


def test_both_fields_under_a_valid_signature_are_one_click():
    found = offered(URI, POST)
    assert (found.outcome, found.uri, found.signed_by) == (
        Outcome.PASS,
        "https://sender.example/u/1",
        "sender.example",
    )


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.HEADERS_ONLY, Outcome.HEADERS_ONLY),
        (Outcome.UNKNOWN, Outcome.UNKNOWN),
        (Outcome.FAIL, Outcome.FAIL),
        (Outcome.POLICY, Outcome.FAIL),
    ],
)
def test_it_is_worth_what_the_signature_is_worth(outcome: Outcome, expected: Outcome):
    assert offered(URI, POST, outcome=outcome).outcome is expected


def test_a_signature_over_one_of_the_fields_is_not_enough():
    assert offered(URI, POST, covered=("from", "list-unsubscribe")).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((URI,), "List-Unsubscribe-Post is missing"),
        ((POST,), "exactly once"),
        ((URI, URI, POST), "exactly once"),
        ((URI, "List-Unsubscribe-Post: yes"), "must read"),
        (("List-Unsubscribe: <mailto:u@sender.example>", POST), "no https address"),
        (("List-Unsubscribe: <http://sender.example/u>", POST), "no https address"),
        (("List-Unsubscribe: https://sender.example/u", POST), "no https address"),
    ],
)
def test_what_is_missing_is_said(lines: tuple[str, ...], says: str):
    found = offered(*lines)
    assert found.outcome is Outcome.FAIL
    assert says in found.says


def test_a_message_that_offers_nothing_is_no_failure():
    assert offered().outcome is Outcome.NONE
