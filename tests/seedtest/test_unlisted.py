"""Who is not on a sender's list: a seed's own last three campaigns of a From domain, whoever else was in them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest.reports.unlisted import Chance, chances, unlisted

pytestmark = pytest.mark.django_db


@pytest.fixture
def seeds(cast, make_seed):
    return [make_seed(cast.workspace) for _ in range(4)]


@pytest.fixture
def send(cast, make_test, now):
    """`send(days_ago, {seed: placement})`: a campaign that has ended."""

    def make(days: float, placements, domain="brand.example", **fields):
        at = now - timedelta(days=days)
        values = {"status": "complete", "completed_at": at, "deadline_at": at, "created_at": at, "now": at}
        test = make_test(cast.workspace, list(placements), **(values | fields))
        for seed, placement in placements.items():
            test.results.filter(seed_account=seed).update(
                placement=placement, full_check_started_at=at,
                from_domain="" if placement in ("missing", "not_sent", "unknown") else domain,
            )  # fmt: skip
        return test

    return make


def silent(seeds, now):
    return unlisted(chances([seed.pk for seed in seeds], before=now))


def test_three_campaigns_that_passed_a_seed_over_say_it_is_not_on_the_list(seeds, send, now):
    for days in (3, 2):
        send(days, {seeds[0]: "missing", seeds[1]: "inbox", seeds[2]: "spam"})
    assert silent(seeds, now) == {}
    send(1, {seeds[0]: "missing", seeds[1]: "inbox", seeds[2]: "spam"})
    assert silent(seeds, now) == {seeds[0].pk: ("brand.example",)}


def test_a_monthly_sender_has_its_three_campaigns_in_three_months(seeds, send, now):
    for days in (90, 60, 30):
        send(days, {seeds[0]: "missing", seeds[1]: "inbox", seeds[2]: "inbox"})
    assert silent(seeds, now) == {seeds[0].pk: ("brand.example",)}


def test_lists_that_are_used_in_turn_are_asked_seed_by_seed(seeds, send, now):
    for days in range(6, 0, -1):
        alternating = {seeds[0]: "missing", seeds[1]: "inbox"} if days % 2 else {seeds[2]: "inbox", seeds[3]: "inbox"}
        send(days, alternating)
    assert silent(seeds, now) == {seeds[0].pk: ("brand.example",)}


def test_many_tests_of_other_senders_push_nothing_out(seeds, send, now):
    for days in (20, 19, 18):
        send(days, {seeds[0]: "missing", seeds[1]: "inbox", seeds[2]: "inbox"})
    for number in range(35):
        send(10 - number / 10, {seeds[0]: "inbox", seeds[1]: "inbox"}, domain="other.example")
    assert silent(seeds, now) == {seeds[0].pk: ("brand.example",)}


def test_where_the_siblings_got_nothing_either_the_list_is_not_blamed(seeds, send, now):
    for days in (3, 2, 1):
        send(days, {seeds[0]: "missing", seeds[1]: "missing", seeds[2]: "inbox"})
    assert silent(seeds, now) == {}


def test_messages_we_sent_ourselves_say_nothing_of_a_list(seeds, send, now):
    for days in (3, 2, 1):
        send(days, {seeds[0]: "missing", seeds[1]: "inbox", seeds[2]: "inbox"}, mode="service")
    assert silent(seeds, now) == {}


def test_a_seed_without_siblings_is_held_against_all_others(seeds, send, cast, make_seed, now):
    lone = make_seed(cast.workspace, "yahoo")
    for days in (3, 2, 1):
        send(days, {lone: "missing", seeds[0]: "inbox", seeds[1]: "inbox"})
    assert silent([lone], now) == {lone.pk: ("brand.example",)}


def test_a_look_that_failed_neither_clears_nor_blames(seeds, send, now):
    for days, said in ((4, "missing"), (3, "missing"), (2, "unknown"), (1, "missing")):
        send(days, {seeds[0]: said, seeds[1]: "inbox", seeds[2]: "inbox"})
    assert silent(seeds, now) == {seeds[0].pk: ("brand.example",)}


def test_the_number_of_queries_does_not_grow_with_the_tests(seeds, send, now, django_assert_max_num_queries):
    for days in range(1, 13):
        send(days, {seeds[0]: "missing", seeds[1]: "inbox", seeds[2]: "inbox"})
    with django_assert_max_num_queries(5):
        silent(seeds, now)


def passed(*said: bool, domain: str = "brand.example"):
    return [Chance(1, domain, one) for one in said]


def test_one_campaign_of_the_three_that_reached_it_clears_the_seed():
    assert unlisted(passed(True, False, True)) == {}


def test_only_the_last_three_campaigns_of_a_domain_count():
    assert unlisted(passed(True, True, True, False)) == {1: ("brand.example",)}


def test_other_from_domains_are_counted_apart():
    assert unlisted([*passed(True, domain="a.example"), *passed(True, True, domain="b.example")]) == {}
