"""Requests at the same time: one key opens one test, one customer's value belongs to one test."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import idempotency

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls):
    def closing(call):
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(closing, calls))


def test_eight_requests_with_one_key_open_one_test(ours, cast, make_seed):
    make_seed(cast.workspace)
    answers = at_once([lambda: ours.post("/tests", {"name": "Spring"}, Idempotency_Key="k1")] * 8)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers if answer.status_code == 201) == 1
    assert models.SeedTest.objects.count() == 1


def test_eight_requests_for_one_customers_value_open_one_test(ours, cast, make_seed):
    make_seed(cast.workspace)
    body = {"name": "Spring", "match": {"header": {"name": "Feedback-ID", "value": "spring:1"}}}
    answers = at_once([lambda: ours.post("/tests", body)] * 8)
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 7
    assert models.SeedTest.objects.count() == 1


def test_eight_requests_for_one_from_domain_share_one_stream(ours, cast, make_seed):
    make_seed(cast.workspace)
    body = {"name": "Spring", "from_domain": "acme.example"}
    answers = at_once([lambda: ours.post("/tests", body)] * 8)
    assert {answer.status_code for answer in answers} == {201}
    assert models.Stream.objects.count() == 1


def test_a_request_whose_key_is_at_work_is_told_to_come_again_and_then_gets_the_answer(ours, cast, make_seed):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no row locks: the second request waits for the one writer; PostgreSQL runs this")
    make_seed(cast.workspace)
    body = {"name": "Spring"}
    held, release = threading.Event(), threading.Event()

    def first():
        with transaction.atomic():
            sha = idempotency.fingerprint("POST", "/api/v1/tests", body)
            models.IdempotencyKey.objects.create(
                workspace=cast.workspace, key="k1", request_sha256=sha, created_at=db_now(), status=201,
                body={"id": "tst_first", "links": {"self": "/first"}}, resource_id="tst_first",
            )  # fmt: skip
            held.set()
            release.wait(20)
        connection.close()

    holder = threading.Thread(target=first)
    holder.start()
    held.wait(20)
    busy = ours.post("/tests", body, Idempotency_Key="k1")
    release.set()
    holder.join()
    assert (busy.status_code, busy["Retry-After"]) == (409, "1")
    assert ours.post("/tests", body, Idempotency_Key="k1").json()["id"] == "tst_first"
    assert models.SeedTest.objects.count() == 0
