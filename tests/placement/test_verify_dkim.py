"""DKIM: each way a signature can stand or fall is told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from placement.verify import dkim
from placement.verify.model import DkimCheck, Outcome, Problem
from placement.verify.raw import HeaderBlock, Raw
from tests.fakes import FakeDns
from tests.placement.verify_suites.signed import (
    ALL_FIELDS,
    KEY_NAME,
    MESSAGE,
    by_dkimpy,
    by_hand,
    dns,
    key,
    record,
    weak_key,
)

NOW = datetime(2026, 3, 4, 10, 21, tzinfo=UTC)
SECOND = int(NOW.timestamp())
NAMES = "v=1; a=rsa-sha256; c=simple/simple; d={domain}; s=s1; h={h}; {extra}bh={bh}; b="


def checked(message: bytes | HeaderBlock, resolver: FakeDns | None = None) -> DkimCheck:
    (one,) = dkim.check(Raw.read(message), resolver or dns(), NOW)
    return one


def verdict(message: bytes | HeaderBlock, resolver: FakeDns | None = None) -> tuple[Outcome, Problem]:
    one = checked(message, resolver)
    return one.outcome, one.problem


@pytest.mark.parametrize("form", ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"])
def test_what_another_implementation_signs_verifies(form: str):
    found = checked(by_dkimpy(form=form))
    assert (found.outcome, found.canonicalisation, found.key_bits) == (Outcome.PASS, form, 2048)


def test_everything_a_signature_states_is_read():
    found = checked(by_hand(extra=f"i=@news.sender.example; t={SECOND - 60}; x={SECOND + 60}; "))
    assert (found.outcome, found.domain, found.selector) == (Outcome.PASS, "sender.example", "s1")
    assert (found.identity, found.algorithm, found.covered) == ("@news.sender.example", "rsa-sha256", ALL_FIELDS)
    assert found.signed_at == datetime(2026, 3, 4, 10, 20, tzinfo=UTC)
    assert found.expires_at == datetime(2026, 3, 4, 10, 22, tzinfo=UTC)
    assert found.line.startswith("DKIM-Signature: v=1; a=rsa-sha256;")


def test_a_changed_body_is_told_from_a_changed_header():
    signed = by_dkimpy()
    assert verdict(signed.replace(b"Hello", b"Hullo")) == (Outcome.FAIL, Problem.BODY_HASH)
    assert verdict(signed.replace(b"To: seed", b"To: weed")) == (Outcome.FAIL, Problem.SIGNATURE)


def test_white_space_counts_in_simple_form_and_not_in_relaxed():
    respaced = (b"Spring   is\r\n here", b"Spring is here")
    assert verdict(by_dkimpy(form="relaxed/relaxed").replace(*respaced))[0] is Outcome.PASS
    assert verdict(by_dkimpy(form="simple/simple").replace(*respaced)) == (Outcome.FAIL, Problem.SIGNATURE)


def test_a_bare_line_feed_in_a_crlf_message_is_data():
    signed = by_dkimpy(form="simple/simple")
    assert verdict(signed.replace(b".. dots\r\n", b".. dots\n"))[1] is Problem.BODY_HASH


def test_a_file_saved_with_unix_line_ends_is_read_as_it_was_sent():
    assert verdict(by_dkimpy(form="simple/simple").replace(b"\r\n", b"\n"))[0] is Outcome.PASS


def test_a_signature_expires_against_the_time_of_receipt():
    assert verdict(by_hand(extra=f"x={SECOND}; "))[0] is Outcome.PASS
    late = checked(by_hand(extra=f"x={SECOND - 1}; "))
    assert (late.outcome, late.problem) == (Outcome.FAIL, Problem.EXPIRED)
    assert "expired at 2026-03-04 10:20 UTC" in late.says


def test_a_body_limit_is_shown_with_what_follows_it_unsigned():
    message = by_hand(limit=5, extra="l=5; ")
    found = checked(message)
    assert (found.outcome, found.body_limit, found.unsigned_bytes) == (Outcome.PASS, 5, 21)
    longer = checked(message + b"An advertisement.\r\n")
    assert (longer.outcome, longer.unsigned_bytes) == (Outcome.PASS, 21 + 4 + 19)


def test_a_limit_beyond_the_body_is_no_pass():
    assert verdict(by_hand(limit=999, extra="l=999; ")) == (Outcome.FAIL, Problem.BODY_HASH)


def test_a_key_in_testing_is_said_to_be_so():
    found = checked(by_hand(), dns(record(tags="t=y; ")))
    assert (found.outcome, found.testing) == (Outcome.PASS, True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("v=DKIM1; k=rsa; p=", Problem.KEY_REVOKED),
        ("v=spf1 -all", Problem.KEY_MISSING),
        ("v=DKIM1; p=!!!!", Problem.KEY_MALFORMED),
        ("v=DKIM1; p=AAAA", Problem.KEY_MALFORMED),
        ("v=DKIM2; p=AAAA", Problem.KEY_MALFORMED),
        ("k=rsa; v=DKIM1; p=AAAA", Problem.KEY_MALFORMED),
        ("v=DKIM1; k=dsa; p=AAAA", Problem.UNSUPPORTED),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", Problem.KEY_MISMATCH),
        ("v=DKIM1; k=ed25519; p=AAAA", Problem.KEY_MALFORMED),
    ],
)
def test_a_bad_key_record_says_what_is_wrong_with_it(text: str, problem: Problem):
    found = checked(by_hand(), dns(text))
    assert (found.outcome, found.problem) == (Outcome.PERMERROR, problem)
    assert KEY_NAME in found.says or problem is Problem.KEY_MISMATCH


@pytest.mark.parametrize("tags", ["h=sha1; ", "s=tlsrpt; "])
def test_a_key_for_another_use_does_not_verify_mail(tags: str):
    assert verdict(by_hand(), dns(record(tags=tags))) == (Outcome.PERMERROR, Problem.KEY_SCOPE)


def test_a_key_that_is_nowhere_is_missing():
    assert verdict(by_hand(), FakeDns()) == (Outcome.PERMERROR, Problem.KEY_MISSING)


def test_a_key_that_cannot_be_looked_up_is_unknown_and_no_failure():
    found = checked(by_hand(), FakeDns(down=[KEY_NAME]))
    assert (found.outcome, found.problem) == (Outcome.UNKNOWN, Problem.DNS)
    assert found.domain == "sender.example"


def test_a_key_below_1024_bits_is_refused_though_it_verifies():
    found = checked(by_hand(private=weak_key()), dns(record(weak_key().public_key())))
    assert (found.outcome, found.problem, found.key_bits) == (Outcome.POLICY, Problem.KEY_WEAK, 768)


def test_a_weak_key_that_does_not_verify_is_a_failed_signature():
    assert verdict(by_hand(), dns(record(weak_key().public_key()))) == (Outcome.FAIL, Problem.SIGNATURE)


@pytest.mark.parametrize(
    ("template", "outcome", "problem"),
    [
        (NAMES.replace("v=1", "v=2"), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("rsa-sha256", "rsa-sha1"), Outcome.PERMERROR, Problem.UNSUPPORTED),
        (NAMES.replace("rsa-sha256", "rsa-md5"), Outcome.PERMERROR, Problem.UNSUPPORTED),
        (NAMES.replace("simple/simple", "nofws"), Outcome.PERMERROR, Problem.UNSUPPORTED),
        (NAMES.replace("bh={bh}", "bh=%%%"), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("{extra}", "d=other.example; "), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("{extra}", "q=dns/other; "), Outcome.PERMERROR, Problem.UNSUPPORTED),
        (NAMES.replace("{extra}", "i=@other.example; "), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("{extra}", "i=@evilsender.example; "), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("{extra}", "x=soon; "), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("{extra}", "t=20; x=10; "), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("{extra}", "l=-1; "), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("{domain}", "no domain"), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("s=s1; ", ""), Outcome.NEUTRAL, Problem.MALFORMED),
        (NAMES.replace("h={h}", "h=to:subject"), Outcome.PERMERROR, Problem.FROM_NOT_SIGNED),
    ],
)
def test_what_no_verifier_accepts_is_named(template: str, outcome: Outcome, problem: Problem):
    assert verdict(by_hand(template=template)) == (outcome, problem)


def test_a_key_with_the_flag_s_wants_the_same_domain_in_i():
    strict = dns(record(tags="t=s; "))
    assert verdict(by_hand(extra="i=@sender.example; "), strict)[0] is Outcome.PASS
    assert verdict(by_hand(extra="i=@news.sender.example; "), strict)[1] is Problem.KEY_SCOPE


def test_headers_alone_verify_and_the_body_is_said_to_be_unchecked():
    block = by_dkimpy().partition(b"\r\n\r\n")[0] + b"\r\n"
    found = checked(HeaderBlock(block))
    assert (found.outcome, found.problem) == (Outcome.HEADERS_ONLY, Problem.NONE)
    assert "body was not kept" in found.says


def test_changed_headers_are_a_failure_without_the_body_too():
    block = by_dkimpy().partition(b"\r\n\r\n")[0].replace(b"To: seed", b"To: weed")
    assert verdict(HeaderBlock(block)) == (Outcome.FAIL, Problem.SIGNATURE)


def test_cut_headers_are_no_failure():
    block = by_dkimpy().partition(b"Message-ID")[0]
    assert verdict(HeaderBlock(block, truncated=True)) == (Outcome.UNKNOWN, Problem.TRUNCATED)


def test_an_empty_body_is_a_body():
    empty = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    for form in ("simple/simple", "relaxed/relaxed"):
        assert verdict(by_dkimpy(empty, form=form))[0] is Outcome.PASS


def test_every_signature_is_judged_by_itself_topmost_first():
    twice = by_dkimpy(by_hand())
    changed = twice.replace(b"c=simple/simple", b"c=relaxed/simple")
    assert [one.outcome for one in dkim.check(Raw.read(twice), dns(), NOW)] == [Outcome.PASS, Outcome.PASS]
    assert [one.outcome for one in dkim.check(Raw.read(changed), dns(), NOW)] == [Outcome.PASS, Outcome.FAIL]


def test_a_field_added_above_the_signed_one_is_not_what_was_signed():
    assert verdict(b"Subject: Other\r\n" + by_dkimpy())[0] is Outcome.PASS
    below = by_dkimpy().replace(b"To: seed", b"Subject: Other\r\nTo: seed", 1)
    assert verdict(below)[0] is Outcome.PASS
    assert verdict(by_dkimpy().replace(b"Date: ", b"Subject: Other\r\nDate: ", 1))[1] is Problem.SIGNATURE


def test_no_more_than_ten_signatures_are_looked_at():
    signature = by_hand().partition(b"From:")[0]
    assert len(dkim.check(Raw.read(signature * 40 + MESSAGE), dns(), NOW)) == 10


def test_keys_that_would_cost_seconds_are_refused():
    modulus = key().public_key().public_numbers().n
    costly = RSAPublicNumbers((1 << 1500) + 1, modulus).public_key()
    assert verdict(by_hand(), dns(record(costly))) == (Outcome.PERMERROR, Problem.UNSUPPORTED)
