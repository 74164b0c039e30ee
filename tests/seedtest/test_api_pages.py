"""Lists come newest first in pages; a cursor holds its place while rows are added, and only where it belongs."""

from __future__ import annotations

from datetime import timedelta

import pytest


@pytest.fixture
def five(cast, make_test, now):
    """Five tests, the middle three created in the same instant. Newest first."""
    moments = [now, *[now - timedelta(seconds=1)] * 3, now - timedelta(seconds=2)]
    tests = [make_test(cast.workspace, now=moment) for moment in reversed(moments)]
    return [test.public_id for test in reversed(tests)]


def ids(answer):
    return [row["id"] for row in answer.json()["data"]]


def test_a_list_is_newest_first(ours, five):
    body = ours.get("/tests").json()
    assert [row["id"] for row in body["data"]] == five
    assert (body["has_more"], body["next_cursor"]) == (False, None)


def test_pages_repeat_and_lose_nothing_while_rows_are_added(ours, five, cast, make_test):
    seen, cursor = [], ""
    while cursor is not None:
        answer = ours.get(f"/tests?limit=2&cursor={cursor}" if cursor else "/tests?limit=2")
        seen += ids(answer)
        cursor = answer.json()["next_cursor"]
        make_test(cast.workspace)
    assert seen == five


def test_the_last_full_page_says_that_there_is_no_more(ours, five):
    body = ours.get("/tests?limit=5").json()
    assert (len(body["data"]), body["has_more"]) == (5, False)


def test_a_list_of_tests_counts_the_placements(ours, cast, make_seed, make_test):
    make_test(cast.workspace, [make_seed(cast.workspace)])
    counts = ours.get("/tests").json()["data"][0]["counts"]
    assert (counts["waiting"], counts["n"], counts["total"]) == (1, 0, 1)


def test_a_page_takes_the_same_few_queries_however_long_it_is(ours, five, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        ours.get("/tests?limit=5")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=-1", "limit=٣", "limit=", "lmit=2"])
def test_a_query_that_means_nothing_is_refused(ours, query):
    answer = ours.get(f"/tests?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"]


@pytest.mark.parametrize("spoil", [lambda cursor: cursor[:-3], lambda cursor: "x", lambda cursor: "%01%ff"])
def test_a_spoilt_cursor_is_refused(ours, five, spoil):
    cursor = ours.get("/tests?limit=1").json()["next_cursor"]
    answer = ours.get(f"/tests?cursor={spoil(cursor)}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_cursor")


def test_a_cursor_opens_only_in_its_own_list_and_workspace(ours, theirs, five):
    cursor = ours.get("/tests?limit=1").json()["next_cursor"]
    assert ours.get(f"/seeds?cursor={cursor}").status_code == 400
    assert theirs.get(f"/tests?cursor={cursor}").status_code == 400
