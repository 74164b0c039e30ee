"""A retried POST opens nothing twice, whatever happened to the first one."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from seedtest import models
from seedtest.models.people import Scope
from seedtest.services import idempotency, intake

BODY = {"name": "Spring", "meta": {"a": 1, "b": 2}}


@pytest.fixture(autouse=True)
def seed(cast, make_seed):
    return make_seed(cast.workspace)


def opened():
    return models.SeedTest.objects.count()


def test_the_same_key_and_payload_get_the_first_answer_again(ours):
    first = ours.post("/tests", BODY, Idempotency_Key="k1")
    again = ours.post("/tests", {"meta": {"b": 2, "a": 1}, "name": "Spring"}, Idempotency_Key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Location"] == first["Location"]
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert opened() == 1


def test_without_a_key_every_post_opens_a_test(ours):
    ours.post("/tests", BODY)
    ours.post("/tests", BODY)
    assert opened() == 2


def test_the_same_key_for_another_payload_is_a_422(ours):
    ours.post("/tests", BODY, Idempotency_Key="k1")
    answer = ours.post("/tests", BODY | {"name": "Autumn"}, Idempotency_Key="k1")
    assert answer.status_code == 422
    assert opened() == 1


def test_the_same_key_for_another_address_is_a_422(ours):
    ours.post("/tests", BODY, Idempotency_Key="k1")
    assert ours.post("/schedules", BODY, Idempotency_Key="k1").status_code == 422


def test_workspaces_do_not_share_keys(ours, theirs, cast, make_seed):
    make_seed(cast.elsewhere)
    mine = ours.post("/tests", BODY, Idempotency_Key="k1").json()
    other = theirs.post("/tests", BODY, Idempotency_Key="k1")
    assert other.status_code == 201
    assert other.json()["id"] != mine["id"]
    assert "Idempotency-Replayed" not in other


def test_a_replay_asks_for_the_scope_again(ours, cast, caller):
    ours.post("/tests", BODY, Idempotency_Key="k1")
    reader = caller(cast.workspace, [Scope.TESTS_READ])
    assert reader.post("/tests", BODY, Idempotency_Key="k1").status_code == 403


def test_a_refused_request_leaves_its_key_free(ours):
    assert ours.post("/tests", {"name": ""}, Idempotency_Key="k1").status_code == 400
    assert not models.IdempotencyKey.objects.exists()
    assert ours.post("/tests", BODY, Idempotency_Key="k1").status_code == 201


def test_a_crash_between_the_insert_and_the_answer_leaves_neither_key_nor_test(ours, monkeypatch):
    whole = intake.open_test

    def crash(*args, **kwargs):
        whole(*args, **kwargs)
        raise RuntimeError("killed here")

    monkeypatch.setattr(intake, "open_test", crash)
    assert ours.post("/tests", BODY, Idempotency_Key="k1").status_code == 500
    assert (opened(), models.IdempotencyKey.objects.count()) == (0, 0)
    monkeypatch.setattr(intake, "open_test", whole)
    answer = ours.post("/tests", BODY, Idempotency_Key="k1")
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer
    assert opened() == 1


def test_a_5xx_is_never_kept(ours, monkeypatch):
    def broken(*args, **kwargs):
        raise OperationalError("gone")

    whole = intake.open_test
    monkeypatch.setattr(intake, "open_test", broken)
    assert ours.post("/tests", BODY, Idempotency_Key="k1").status_code == 503
    monkeypatch.setattr(intake, "open_test", whole)
    assert ours.post("/tests", BODY, Idempotency_Key="k1").status_code == 201


def test_while_the_first_is_at_work_the_second_is_told_to_come_again(ours, monkeypatch):
    def locked(*args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(idempotency, "_insert", locked)
    answer = ours.post("/tests", BODY, Idempotency_Key="k1")
    assert (answer.status_code, answer["Retry-After"]) == (409, "1")


def test_a_replay_does_not_depend_on_what_has_changed_since(ours, seed):
    first = ours.post("/tests", BODY, Idempotency_Key="k1")
    models.SeedAccount.objects.filter(pk=seed.pk).update(enabled=False)
    assert ours.post("/tests", BODY, Idempotency_Key="k1").json() == first.json()


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "ключ"])
def test_a_key_that_cannot_be_one_is_refused(ours, key):
    answer = ours.post("/tests", BODY, Idempotency_Key=key)
    assert answer.status_code == 400
    assert opened() == 0
