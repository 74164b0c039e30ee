"""Every error is a problem document that says what to do, whatever went wrong."""

from __future__ import annotations

import json

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from seedtest.api import resource
from seedtest.services import intake


def body_of(answer):
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= body.keys()
    assert body["status"] == answer.status_code
    return body


@pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v1/nothing", "/api/v2/tests", "/api/v1/tests/"])
def test_an_address_that_is_none_is_a_problem_too(ours, path):
    answer = ours.get(path)
    assert answer.status_code == 404
    body_of(answer)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_writing_to_an_address_that_is_none_is_not_taken_for_a_forged_form(ours, method):
    answer = getattr(Client(enforce_csrf_checks=True), method)("/api/v1/nothing", b"{}", "application/json")
    assert answer.status_code == 404
    body_of(answer)


@pytest.mark.parametrize("test_id", ["x", "tst_" + "é" * 22, "%2e%2e", "tst_" + "0" * 500])
def test_an_id_that_cannot_be_one_is_not_found(ours, test_id):
    answer = ours.get(f"/tests/{test_id}")
    assert answer.status_code == 404
    body_of(answer)


@pytest.mark.parametrize(
    "path", ["/results/%00/evidence", "/tests/tst_%00", "/seeds/export.csv?seed_list=%00", "/tests?limit=1&%00=x"]
)
def test_a_nul_in_the_address_is_refused_before_the_database_is_asked(ours, path, django_assert_num_queries):
    """PostgreSQL takes none, as a value or as a name."""
    with django_assert_num_queries(0):
        answer = ours.get(path)
    assert answer.status_code == 400
    assert body_of(answer)["errors"][0]["code"] == "nul"


@pytest.mark.parametrize("path", ["/admin/seedtest/mailbox/?provider__exact=%00", "/invitation/x%00", "/health?%00"])
def test_a_nul_in_the_address_of_a_page_is_refused_too(cast, path):
    browser = Client(raise_request_exception=False)
    browser.force_login(cast.owner)
    answer = browser.get(path)
    assert answer.status_code == 400
    assert "NUL" in answer.content.decode()


def test_a_nul_in_a_cookie_is_refused_before_the_database_is_asked(client):
    """A quoted cookie may hold any byte, and the session is looked up by it."""
    assert client.get("/admin/", headers={"Cookie": 'sessionid="\\000bcdefgh"'}).status_code == 400


def test_a_percent_sign_before_two_noughts_is_no_nul(ours):
    assert ours.get("/tests?cursor=%2500").status_code != 500
    assert "NUL" not in ours.get("/tests/%2500").content.decode()


def test_a_method_that_is_none_is_named(ours):
    answer = ours.delete("/tests")
    assert answer.status_code == 405
    body_of(answer)
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize(("method", "path"), [("get", "/tests/x/cancel"), ("patch", "/tests"), ("post", "/seeds")])
def test_a_method_that_another_address_has_is_still_none_here(ours, method, path):
    assert body_of(ours.send(method, path))["status"] == 405


def raw(ours, data, content_type="application/json"):
    headers = {"Authorization": f"Bearer {ours.token}"}
    return Client(raise_request_exception=False).post("/api/v1/tests", data, content_type, headers=headers)


def test_a_body_that_is_no_json_is_refused(ours):
    assert body_of(raw(ours, "{"))["status"] == 400
    assert body_of(raw(ours, b"\xff\xfe"))["status"] == 400
    assert body_of(raw(ours, '{"name": NaN}'))["status"] == 400
    assert body_of(raw(ours, "[" * 100_000))["status"] == 400


@pytest.mark.parametrize("data", ["[]", '"text"', "1", "null"])
def test_a_body_that_is_no_object_is_refused(ours, data):
    assert body_of(raw(ours, data))["status"] == 400


def test_another_media_type_is_refused(ours):
    assert body_of(raw(ours, "name=x", "application/x-www-form-urlencoded"))["status"] == 415


def test_a_body_beyond_the_limit_is_refused_unread(ours, monkeypatch):
    monkeypatch.setattr(resource, "MAX_BODY", 100)
    assert body_of(raw(ours, json.dumps({"name": "x" * 200})))["status"] == 413


def test_an_unknown_field_is_named_by_its_pointer(ours):
    body = body_of(ours.post("/tests", {"name": "Spring", "sendwindow": {}, "match": {"heeder": {}}}))
    assert body["status"] == 400
    found = {(error["pointer"], error["code"]) for error in body["errors"]}
    assert ("#/sendwindow", "unknown_field") in found


@pytest.mark.parametrize("depth", [60, 900])
@pytest.mark.parametrize("headers", [{}, {"idempotency_key": "deep"}])
def test_json_that_is_nested_too_deeply_is_refused(ours, make_seed, cast, depth, headers):
    make_seed(cast.workspace)
    meta = {}
    for _ in range(depth):
        meta = {"a": meta}
    answer = ours.post("/tests", {"name": "Spring", "meta": meta}, **headers)
    assert (answer.status_code, "nested" in body_of(answer)["detail"]) == (400, True)


def test_a_nested_unknown_field_is_named_by_its_whole_pointer(ours):
    body = body_of(ours.post("/tests", {"name": "Spring", "match": {"header": {"name": "X-Job", "a/b~c": 1}}}))
    assert [error["pointer"] for error in body["errors"]] == ["#/match/header/a~1b~0c"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 5},
        {"name": None},
        {"name": "nul \x00"},
        {"name": "half \ud800"},
        {"half \ud800": 1},
        {"settle_seconds": "600"},
        {"settle_seconds": True},
        {"settle_seconds": 10**30},
        {"sent_at": "2026-01-01"},
        {"sent_at": "2026-01-01T00:00:00"},
        {"sent_at": "0001-01-01T00:00:00+14:00"},
        {"sent_at": 1700000000},
        {"sent_at": "9999-12-31T23:59:59-12:00"},
        {"match": {"in_body": "yes"}},
        {"match": []},
        {"meta": []},
        {"meta": {"a": "\x00"}},
        {"domain_mix": {"gmail.com": "1"}},
        {"domain_mix": {"gmail.com": True}},
        {"domain_mix": {"gmail.com": 10**400}},
        {"provider_filter": "gmail"},
        {"provider_filter": ["gmail", "\x00"]},
        {"policy": {"no_spam_at": [1]}},
        {"message": {}},
        {"message": {"eml": "From: a@acme.example\n\nx", "raw_base64": "eA=="}},
        {"message": {"raw_base64": "%"}},
        {"seed_list": "lst_\x00"},
        {"seed_list": 5},
    ],
)
def test_json_of_the_wrong_kind_is_a_400_that_names_the_field(ours, make_seed, cast, fields):
    make_seed(cast.workspace)
    body = body_of(ours.post("/tests", {"name": "Spring"} | fields))
    assert body["status"] == 400
    assert body["errors"]


@pytest.mark.parametrize("error", [OperationalError("no"), InterfaceError("no")])
def test_a_database_that_does_not_answer_is_a_503_that_says_when_to_come_again(
    ours, make_seed, cast, monkeypatch, error
):
    make_seed(cast.workspace)

    def broken(*args, **kwargs):
        raise error

    monkeypatch.setattr(intake, "open_test", broken)
    answer = ours.post("/tests", {"name": "Spring"})
    assert body_of(answer)["status"] == 503
    assert int(answer["Retry-After"]) > 0


def test_a_fault_of_ours_is_a_500_that_tells_nothing_but_its_id(ours, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("secret inside")

    monkeypatch.setattr(intake, "open_test", broken)
    answer = ours.post("/tests", {"name": "Spring"})
    body = body_of(answer)
    assert body["status"] == 500
    assert "secret inside" not in answer.content.decode()
    assert body["instance"] == answer["X-Request-ID"]
    assert body["instance"] in caplog.text


def test_a_request_of_endless_values_is_refused_before_each_is_judged(ours):
    answer = ours.post("/tests", {"name": "Spring", "provider_filter": [1] * (resource.MAX_VALUES + 1)})
    assert (answer.status_code, "more than" in body_of(answer)["detail"]) == (400, True)


def test_a_hundred_errors_are_told_and_no_more(ours):
    answer = ours.post("/tests", {"name": "Spring", "provider_filter": [1] * 5000})
    assert (answer.status_code, len(body_of(answer)["errors"])) == (400, 100)
