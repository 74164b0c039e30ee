"""The verdict by a test's own policy, and the findings beside the numbers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest import models, reports
from seedtest.reports import Outcome

PASSED = {"dmarc": {"method": "dmarc", "result": "pass"}}
FAILED = {"dmarc": {"method": "dmarc", "result": "fail", "line": "dmarc=fail header.from=acme.example"}}


@pytest.fixture
def ended(cast, make_seed, make_test, now):
    """`ended("inbox", "spam", …)`: a complete test of Gmail seeds with these placements."""

    def build(*placements, provider="gmail", policy=None, authentication=None, **fields):
        deadline = now - timedelta(minutes=5)
        values = {"status": "complete", "completed_at": now, "deadline_at": deadline, "policy": policy or {}}
        seeds = [make_seed(cast.workspace, provider) for _ in placements]
        test = make_test(cast.workspace, seeds, **(values | fields))
        for result, placement in zip(test.results.order_by("id"), placements, strict=True):
            models.SeedResult.objects.filter(pk=result.pk).update(
                placement=placement, full_check_started_at=now, authentication=authentication or {}
            )
        return test

    return build


def verdict(test):
    return reports.build(test).verdict


def codes(test):
    return [finding.code for finding in reports.build(test).findings]


def test_without_a_policy_there_is_nothing_to_pass_or_fail(ended):
    assert (verdict(ended("inbox")).outcome, verdict(ended("spam")).outcome) == (Outcome.NONE, Outcome.NONE)


@pytest.mark.parametrize(("wanted", "outcome"), [(0.5, Outcome.PASS), (0.51, Outcome.FAIL)])
def test_the_inbox_rate_is_held_against_the_policy(ended, wanted, outcome):
    judged = verdict(ended("inbox", "spam", policy={"min_inbox_rate": wanted}))
    assert (judged.outcome, judged.final) == (outcome, True)


def test_spam_at_a_named_provider_fails(ended):
    assert verdict(ended("inbox", "spam", policy={"no_spam_at": ["gmail"]})).outcome is Outcome.FAIL
    assert verdict(ended("inbox", "missing", policy={"no_spam_at": ["gmail"]})).outcome is Outcome.PASS


def test_a_provider_that_was_not_measured_is_inconclusive(ended):
    judged = verdict(ended("inbox", policy={"no_spam_at": ["gmail", "gmx"]}))
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert [reason.outcome for reason in judged.reasons] == [Outcome.PASS, Outcome.INCONCLUSIVE]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (PASSED, Outcome.PASS),
        (FAILED, Outcome.FAIL),
        ({}, Outcome.INCONCLUSIVE),
        ({"spf": {"method": "spf", "result": "pass", "aligned": False}}, Outcome.FAIL),
        ({"dkim": [{"method": "dkim", "result": "pass", "aligned": True}]}, Outcome.PASS),
    ],
)
def test_authentication_must_pass_by_the_receivers_word(ended, said, outcome):
    assert verdict(ended("inbox", policy={"auth_must_pass": True}, authentication=said)).outcome is outcome


def test_a_failed_rule_outweighs_one_that_cannot_be_judged(ended):
    judged = verdict(ended("spam", policy={"no_spam_at": ["gmx"], "min_inbox_rate": 0.5}))
    assert judged.outcome is Outcome.FAIL


def test_an_open_test_has_no_final_verdict(ended):
    judged = verdict(ended("inbox", "waiting", policy={"min_inbox_rate": 0.1}, status="receiving", completed_at=None))
    assert (judged.outcome, judged.final) == (Outcome.INCONCLUSIVE, False)


@pytest.mark.parametrize("status", ["inconclusive", "cancelled"])
def test_a_test_that_measured_nothing_is_inconclusive_for_good(ended, status):
    judged = verdict(ended("not_sent", policy={"min_inbox_rate": 0.1}, status=status))
    assert (judged.outcome, judged.final) == (Outcome.INCONCLUSIVE, True)


def test_every_seed_unknown_can_neither_pass_nor_fail(ended):
    assert verdict(ended("unknown", policy={"min_inbox_rate": 0.0})).outcome is Outcome.INCONCLUSIVE


def test_a_whole_provider_empty_with_dispatch_assumed_is_possibly_not_sent_first(ended):
    assert codes(ended("missing", "missing"))[0] == "possibly_not_sent"
    assert codes(ended("missing", "inbox", "missing"))[0] == "possibly_not_sent"
    assert "possibly_not_sent" not in codes(ended("missing", "inbox"))


def test_a_confirmed_dispatch_is_never_called_possibly_not_sent(ended):
    test = ended("missing", "missing")
    test.results.update(dispatch="confirmed")
    assert "possibly_not_sent" not in codes(test)


def test_an_inconclusive_test_says_first_that_nothing_arrived(ended):
    test = ended("not_sent", "not_sent", status="inconclusive")
    test.results.update(reason="nothing_arrived")
    assert codes(test) == ["nothing_arrived"]


def test_variants_and_copies_are_told_apart(ended, now):
    test = ended("inbox", "inbox")
    one, other = test.results.order_by("id")
    for result, key, variant in [(one, "a", False), (one, "b", True), (other, "a", False), (other, "b", False)]:
        result.messages.create(message_key=key, internaldate=now, is_variant=variant)
    found = codes(test)
    assert "variants" in found and "copies" in found
    rows = {row.id: row for row in reports.build(test).seeds}
    assert (rows[one.public_id].copies, rows[one.public_id].variants) == (2, 1)


def test_a_failed_method_quotes_the_header_it_rests_on(ended):
    report = reports.build(ended("inbox", authentication=FAILED))
    finding = next(one for one in report.findings if one.code == "dmarc_failed")
    assert finding.evidence == ("Gmail: dmarc=fail header.from=acme.example",)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("late_at", "now", "late"),
        ("moved_at", "now", "moved"),
        ("gone_at", "now", "removed"),
        ("dispatch", "contradicted", "dispatch_contradicted"),
        ("matched_by", "subject_token", "token_in_subject"),
    ],
)
def test_what_is_odd_about_a_seed_is_said(ended, now, field, value, code):
    test = ended("inbox")
    assert code not in codes(test)
    test.results.update(**{field: now if value == "now" else value})
    assert code in codes(test)


@pytest.mark.parametrize(
    ("placement", "reason", "code"),
    [
        ("unknown", "junk_not_visible", "could_not_look_junk_not_visible"),
        ("rejected", "rejected_at_smtp", "rejected_rejected_at_smtp"),
        ("not_sent", "smtp_gave_up", "not_sent_smtp_gave_up"),
    ],
)
def test_a_seed_without_a_place_says_why_and_what_to_do(ended, placement, reason, code):
    test = ended("inbox", placement)
    test.results.filter(placement=placement).update(reason=reason)
    finding = next(one for one in reports.build(test).findings if one.code == code)
    assert finding.next_step
