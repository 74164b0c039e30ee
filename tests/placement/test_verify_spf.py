"""SPF beyond the suite: what is not known, what is temporary, what a hostile record may cost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from placement.verify import spf
from placement.verify.model import Outcome, SpfCheck
from tests.fakes import FakeDns

NOW = datetime(2026, 3, 4, tzinfo=UTC)
IP = "192.0.2.7"


def checked(
    dns: FakeDns, *, ip: str = IP, sender: str = "b@sender.example", helo: str = "mail.sender.example"
) -> SpfCheck:
    return spf.check(ip, sender, helo, dns, NOW)


def published(record: str, **more: dict[str, list[object]]) -> FakeDns:
    return FakeDns({"sender.example": {"TXT": [record]}, **more})


def test_a_pass_names_the_domain_the_mechanism_and_the_record():
    found = checked(published("v=spf1 ip4:192.0.2.0/24 -all"))
    assert (found.outcome, found.domain, found.identity) == (Outcome.PASS, "sender.example", "mailfrom")
    assert (found.mechanism, found.record) == ("ip4:192.0.2.0/24", "v=spf1 ip4:192.0.2.0/24 -all")


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        ("v=spf1 -all", Outcome.FAIL),
        ("v=spf1 ~all", Outcome.SOFTFAIL),
        ("v=spf1 ?all", Outcome.NEUTRAL),
        ("v=spf2 -all", Outcome.NONE),
        ("v=spf1 ip4:192.0.2.300 -all", Outcome.PERMERROR),
    ],
)
def test_each_result_has_its_word(record: str, outcome: Outcome):
    found = checked(published(record))
    assert found.outcome is outcome
    assert "sender.example" in found.says


def test_a_null_sender_is_judged_by_its_helo_name():
    dns = FakeDns({"mail.sender.example": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]}})
    found = checked(dns, sender="<>")
    assert (found.outcome, found.identity, found.domain) == (Outcome.PASS, "helo", "mail.sender.example")


@pytest.mark.parametrize("down", ["sender.example", "other.example"])
def test_dns_that_does_not_answer_is_unknown_and_no_failure(down: str):
    dns = published("v=spf1 include:other.example -all")
    found = checked(FakeDns(dns.records, down=[down]))
    assert found.outcome is Outcome.UNKNOWN
    assert found.says.startswith("Unknown (temporary): ") and down in found.says


@pytest.mark.parametrize(
    ("ip", "sender", "helo"),
    [
        ("", "b@sender.example", "x"),
        ("nonsense", "b@sender.example", "x"),
        ("2001:db8::1%x", "b@sender.example", "x"),
        (IP, "", ""),
    ],
)
def test_an_envelope_that_nobody_saw_is_unknown(ip: str, sender: str, helo: str):
    found = checked(published("v=spf1 -all"), ip=ip, sender=sender, helo=helo)
    assert found.outcome is Outcome.UNKNOWN
    assert "not known" in found.says or "is known" in found.says


def test_an_eleventh_lookup_is_a_permanent_error():
    names = {f"i{number}.example": {"TXT": ["v=spf1 ?all"]} for number in range(11)}
    ten = " ".join(f"include:i{number}.example" for number in range(10))
    assert checked(published(f"v=spf1 {ten} -all", **names)).outcome is Outcome.FAIL
    eleven = checked(published(f"v=spf1 {ten} include:i10.example -all", **names))
    assert (eleven.outcome, eleven.lookups) == (Outcome.PERMERROR, 11)
    assert "Too many DNS lookups" in eleven.says


def test_a_third_void_lookup_is_a_permanent_error():
    assert checked(published("v=spf1 a:n1.example a:n2.example -all")).outcome is Outcome.FAIL
    assert checked(published("v=spf1 a:n1.example a:n2.example a:n3.example -all")).outcome is Outcome.PERMERROR


def test_a_record_that_sends_us_round_in_circles_ends():
    dns = published("v=spf1 redirect=other.example", **{"other.example": {"TXT": ["v=spf1 redirect=sender.example"]}})
    found = checked(dns)
    assert found.outcome is Outcome.PERMERROR
    assert len(dns.asked) < 30


@pytest.mark.parametrize(
    "term", ["a:x." + "a" * 60_000 + "!", "exists:%{i" * 9_000, "a:" + ".x" * 30_000, "-" * 60_000]
)
def test_a_monstrous_record_is_refused_before_it_is_parsed(term: str):
    """pyspf's patterns would take quadratic time over the first of these."""
    found = checked(published(f"v=spf1 {term} -all"))
    assert found.outcome is Outcome.PERMERROR
    assert "longer than an SPF record can be" in found.says


def test_a_term_just_below_the_cap_is_read():
    assert checked(published(f"v=spf1 exists:{'%{i}.' * 80}example -all")).outcome is Outcome.FAIL


@pytest.mark.parametrize("down", ["7.2.0.192.in-addr.arpa", "mail.sender.example"])
def test_dns_that_fails_within_ptr_is_no_match_and_no_error(down: str):
    names = {"7.2.0.192.in-addr.arpa": {"PTR": ["mail.sender.example"]}, "mail.sender.example": {"A": ["192.0.2.7"]}}
    dns = published("v=spf1 ptr -all", **names)
    assert checked(dns).outcome is Outcome.PASS
    assert checked(FakeDns(dns.records, down=[down])).outcome is Outcome.FAIL


def test_the_time_macro_is_the_time_it_was_told():
    dns = published("v=spf1 exp=why.example -all", **{"why.example": {"TXT": ["at %{t}"]}})
    assert checked(dns).explanation == f"at {int(NOW.timestamp())}"


def test_an_explanation_too_long_to_expand_is_left_out():
    """pyspf searches the whole text once for each of its labels: 16 KB took six seconds."""

    def explained(text: str) -> str:
        return checked(published("v=spf1 exp=why.example -all", **{"why.example": {"TXT": [text]}})).explanation

    assert explained("%%" + "a" * 510) == "%" + "a" * 499
    assert explained("%%" + "a" * 511) == ""


def test_many_threads_share_nothing():
    """pyspf's own DNS hook is one global: with it these would read each other's zones."""

    def one(number: int) -> Outcome:
        return checked(published("v=spf1 ip4:192.0.2.7 -all" if number % 2 else "v=spf1 -all")).outcome

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(200)))
    assert found == [Outcome.FAIL, Outcome.PASS] * 100
