"""The numbers of a report, each checked against a sum done by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from placement.vocabulary import Placement, Tab
from seedtest import models, reports


def decide(result, placement, **fields):
    models.SeedResult.objects.filter(pk=result.pk).update(placement=placement, **fields)


def stated(word):
    return {"method": "any", "result": word}


@pytest.fixture
def mixed(cast, make_seed, make_test, now):
    """Gmail: 2 inbox (1 primary, 1 promotions), 1 spam, 1 missing. GMX: 1 inbox, 1 rejected, 1 unknown, 1 not sent."""
    seeds = [make_seed(cast.workspace, "gmail") for _ in range(4)] + [
        make_seed(cast.workspace, "gmx") for _ in range(4)
    ]
    deadline = now - timedelta(minutes=5)
    test = make_test(
        cast.workspace, seeds, dispatch="confirmed", deadline_at=deadline, status="complete", completed_at=now
    )
    r = list(test.results.order_by("id"))
    decide(r[0], "inbox", tab="primary", delivery_seconds=2.0)
    decide(r[1], "inbox", tab="promotions", delivery_seconds=4.0)
    decide(r[2], "spam", delivery_seconds=30.0)
    decide(r[3], "missing", reason="full_check_empty", deadline_at=deadline, full_check_started_at=now)
    decide(r[4], "inbox", tab="off", delivery_seconds=8.0)
    decide(r[5], "rejected", reason="rejected_at_smtp", detail="550 5.7.1 no")
    decide(r[6], "unknown", reason="auth_failed")
    decide(r[7], "not_sent", reason="smtp_gave_up")
    return test


def row(report, provider):
    return next(one for one in report.providers if one.provider == provider)


def test_n_leaves_out_what_was_not_sent_and_what_we_could_not_see(mixed):
    report = reports.build(mixed)
    assert report.totals.counts.total == 8
    assert report.totals.counts.n == 6
    assert (row(report, "gmail").counts.n, row(report, "gmx").counts.n) == (4, 2)


def test_tabs_count_as_inbox_in_the_headline(mixed):
    gmail = row(reports.build(mixed), "gmail")
    assert gmail.headline == "2 of 4 in the inbox"
    assert gmail.tabs == ((Tab.PRIMARY, 1), (Tab.PROMOTIONS, 1))


def test_provider_rates_carry_wilson_intervals(mixed):
    rate = row(reports.build(mixed), "gmail").rates.inbox
    assert (rate.count, rate.n, rate.rate, rate.method) == (2, 4, 0.5, "wilson95")
    assert (round(rate.ci_low, 3), round(rate.ci_high, 3)) == (0.15, 0.85)


def test_the_overall_rate_has_no_interval_that_takes_seeds_as_independent(mixed):
    rate = reports.build(mixed).totals.rates.inbox
    assert (rate.count, rate.n, rate.rate) == (3, 6, 0.5)
    assert (rate.ci_low, rate.ci_high, rate.method) == (None, None, "not_enough_history")


def test_rejected_counts_against_the_sender(mixed):
    gmx = row(reports.build(mixed), "gmx")
    assert (gmx.rates.rejected.count, gmx.rates.inbox.rate) == (1, 0.5)


def test_inbox_over_inbox_and_spam_is_given_beside_it(mixed):
    rate = reports.build(mixed).totals.rates.inbox_of_delivered
    assert (rate.count, rate.n) == (3, 4)


def test_a_primary_rate_exists_only_where_a_tab_was_observed(mixed):
    report = reports.build(mixed)
    primary = row(report, "gmail").rates.primary
    assert (primary.count, primary.n) == (1, 2)
    assert row(report, "gmx").rates.primary is None
    assert report.totals.rates.primary is None


def test_delivery_seconds_are_nearest_rank_percentiles_over_known_dispatches(mixed):
    report = reports.build(mixed)
    assert report.totals.delivery == reports.Delivery(4, 4.0, 30.0)
    assert row(report, "gmx").delivery == reports.Delivery(1, 8.0, 8.0)


def test_without_a_domain_mix_providers_weigh_by_their_seeds(mixed):
    weighted = reports.build(mixed).totals.weighted
    assert weighted.method == "seed_count"
    assert weighted.rate == pytest.approx(3 / 6)


def test_a_domain_mix_weighs_providers_and_names_what_has_no_seeds(mixed):
    mixed.domain_mix = {"gmail.com": 60, "googlemail.com": 15, "gmx.de": 25, "corp.example": 100}
    weighted = reports.build(mixed).totals.weighted
    assert weighted.method == "domain_mix"
    assert weighted.rate == pytest.approx(0.75 * 0.5 + 0.25 * 0.5)
    assert weighted.without_seeds == ("corp.example",)
    assert weighted.covered == pytest.approx(0.5)


def test_nothing_is_ever_divided_by_zero(cast, make_seed, make_test):
    test = make_test(cast.workspace, [make_seed(cast.workspace, "gmail")])
    report = reports.build(test)
    rates = report.totals.rates
    for rate in (rates.inbox, rates.spam, rates.missing, rates.inbox_of_delivered, report.providers[0].rates.inbox):
        assert (rate.n, rate.rate) == (0, None)
    assert report.totals.weighted.rate is None
    assert report.totals.delivery is None
    assert report.providers[0].headline == "not measured"


def test_a_report_with_waiting_seeds_is_provisional(cast, make_seed, make_test):
    test = make_test(cast.workspace, [make_seed(cast.workspace), make_seed(cast.workspace)])
    decide(test.results.first(), "inbox")
    report = reports.build(test)
    assert report.provisional
    assert report.totals.rates.inbox.n == 1
    assert "provisional" in [finding.code for finding in report.findings]


def test_a_complete_report_is_not_provisional(mixed):
    assert not reports.build(mixed).provisional


def test_authentication_is_counted_by_the_receivers_own_words(cast, make_seed, make_test):
    seeds = [make_seed(cast.workspace, "gmail") for _ in range(4)]
    test = make_test(cast.workspace, seeds)
    said = [
        {"spf": stated("pass"), "dkim": [stated("fail")]},
        {"spf": stated("softfail"), "dkim": [stated("fail"), stated("pass")]},
        {"spf": stated("none"), "dmarc": stated("pass")},
        {"spf": stated("temperror")},
    ]
    for result, stored in zip(test.results.order_by("id"), said, strict=True):
        decide(result, "inbox", authentication=stored)
    gmail = reports.build(test).providers[0]
    assert gmail.spf == reports.Authenticated(passed=1, failed=1, none=1, unknown=1)
    assert gmail.dkim == reports.Authenticated(passed=1, failed=1, none=0, unknown=2)
    assert gmail.dmarc == reports.Authenticated(passed=1, failed=0, none=0, unknown=3)


def test_a_seed_that_got_nothing_says_nothing_of_authentication(mixed):
    gmail = row(reports.build(mixed), "gmail")
    assert gmail.spf.unknown == 3


def test_every_seed_row_explains_itself_and_masks_its_address(mixed):
    report = reports.build(mixed)
    refused = next(seed for seed in report.seeds if seed.placement is Placement.REJECTED)
    assert refused.detail == "550 5.7.1 no"
    assert len(refused.sentences) == 3
    assert refused.address not in refused.masked_address
    assert refused.address not in repr(report)


def test_a_report_ends_with_its_limits_and_definitions(mixed):
    report = reports.build(mixed)
    assert report.limits and report.definitions and report.definitions_version


def test_building_a_report_takes_the_same_few_queries_however_many_seeds(
    mixed, cast, make_seed, make_test, django_assert_max_num_queries
):
    with django_assert_max_num_queries(8):
        reports.build(models.SeedTest.objects.select_related("workspace", "stream").get(pk=mixed.pk))


def test_the_arrival_spread_is_from_the_first_seed_to_the_last(cast, make_seed, make_test, now):
    test = make_test(cast.workspace, [make_seed(cast.workspace) for _ in range(3)])
    assert reports.build(test).arrival_spread_seconds is None
    for seconds, result in zip((0, 40, 90), test.results.all(), strict=True):
        result.placement, result.received_at = "inbox", now + timedelta(seconds=seconds)
        result.save()
    assert reports.build(test).arrival_spread_seconds == 90
