"""Who may do what, asked of every operation there is: a new one is covered by being in the URL conf."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from seedtest import models
from seedtest.api import urls
from seedtest.models.base import new_public_id
from seedtest.models.people import Scope
from tests.seedtest.received_mail import arrive

BODIES = {"post": {}, "patch": {}}


def operations():
    """(method, path with its parameter, view) of every operation that needs a key."""
    for pattern in urls.v1:
        view = pattern.callback.view_class
        if not view.authentication_classes:
            continue
        path = "/" + str(pattern.pattern).replace("<str:", "{").replace(">", "}")
        for method in ("get", "post", "patch", "delete"):
            if method in view.http_method_names and hasattr(view, method):
                yield pytest.param(method, path, view, id=f"{method} {path}")


every_operation = pytest.mark.parametrize(("method", "path", "view"), list(operations()))
every_operation_on_one_row = pytest.mark.parametrize(
    ("method", "path", "view"), [one for one in operations() if "{" in one.values[1]]
)


@pytest.fixture
def rows(cast, make_seed, make_test, recurring):
    """A row of the cast's workspace for every parameter of the URL conf."""
    test = make_test(cast.workspace, [make_seed(cast.workspace)])
    seed = make_seed(cast.workspace)
    result = arrive(make_test(cast.workspace, [seed]), seed)
    return {"test_id": test.public_id, "schedule_id": recurring.public_id, "result_id": result.public_id}


def state():
    """Everything a stranger could have changed."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (models.SeedTest, models.SeedResult, models.Schedule, models.IdempotencyKey)
    ]


@every_operation
def test_nobody_gets_in_without_a_key(rows, ours, method, path, view):
    anonymous = dataclasses.replace(ours, token="")
    before = state()
    answer = anonymous.send(method, path.format(**rows), BODIES.get(method))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"
    assert state() == before


@every_operation_on_one_row
def test_a_stranger_gets_for_our_row_what_they_get_for_a_random_id(rows, theirs, method, path, view):
    before = state()
    real = theirs.send(method, path.format(**rows), BODIES.get(method))
    name = next(name for name in rows if f"{{{name}}}" in path)
    random_id = new_public_id(rows[name][:3])
    unreal = theirs.send(method, path.format(**{name: random_id}), BODIES.get(method))
    assert (real.status_code, unreal.status_code) == (404, 404)
    ours_, none = real.json(), unreal.json()
    assert ours_.pop("instance") != none.pop("instance")
    assert str(ours_).replace(rows[name], "ID") == str(none).replace(random_id, "ID")
    assert state() == before


@every_operation
def test_a_key_without_the_scope_is_told_which_one_it_needs(rows, cast, caller, method, path, view):
    needed = view.scopes[method.upper()]
    without = caller(cast.workspace, [scope for scope in Scope.values if scope != needed])
    before = state()
    answer = without.send(method, path.format(**rows), BODIES.get(method))
    assert answer.status_code == 403
    assert needed in answer.json()["detail"]
    assert state() == before


@every_operation
def test_a_key_with_just_the_scope_gets_past_the_door(rows, cast, caller, method, path, view):
    needed = view.scopes[method.upper()]
    answer = caller(cast.workspace, [needed]).send(method, path.format(**rows), BODIES.get(method))
    assert answer.status_code in (200, 204, 400)


@pytest.mark.parametrize("path", ["/tests", "/seeds", "/schedules"])
def test_a_list_holds_nothing_of_another_workspace(rows, ours, theirs, path):
    assert len(ours.get(path).json()["data"]) > 0
    assert theirs.get(path).json()["data"] == []


def spoilt(token):
    """The key as it comes when something is wrong with it."""
    body, crc = token[:-6], token[-6:]
    return {
        "cut off": token[:-1],
        "a letter changed": body[:-1] + ("0" if body[-1] != "0" else "1") + crc,
        "not a key at all": "hunter2",
        "not ASCII": "ipst_live_ключ_x",
        "empty": " ",
    }


@pytest.mark.parametrize("how", ["cut off", "a letter changed", "not a key at all", "not ASCII", "empty"])
def test_a_spoilt_key_is_no_key(ours, how):
    answer = dataclasses.replace(ours, token=spoilt(ours.token)[how]).get("/tests")
    assert answer.status_code == 401


def test_the_right_id_with_the_wrong_secret_is_no_key(ours, theirs):
    wrong = models.ApiKey.objects.get(workspace__name="Acme")
    wrong.new_secret()
    wrong.save()
    assert ours.get("/tests").status_code == 401


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_a_revoked_or_expired_key_is_refused(ours, now, field):
    models.ApiKey.objects.update(**{field: now - timedelta(seconds=1)})
    answer = ours.get("/tests")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_key_that_expires_later_still_works(ours, now):
    models.ApiKey.objects.update(expires_at=now + timedelta(minutes=5))
    assert ours.get("/tests").status_code == 200


def test_other_schemes_and_keys_in_the_query_string_do_not_count(ours):
    nobody = dataclasses.replace(ours, token="")
    assert nobody.get("/tests", Authorization=f"Basic {ours.token}").status_code == 401
    assert nobody.get(f"/tests?key={ours.token}&token={ours.token}").status_code == 401


def test_the_last_use_is_noted_at_most_once_a_minute(ours, now):
    assert ours.get("/tests").status_code == 200
    first = models.ApiKey.objects.get().last_used_at
    assert first is not None
    ours.get("/tests")
    assert models.ApiKey.objects.get().last_used_at == first
    models.ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    ours.get("/tests")
    assert models.ApiKey.objects.get().last_used_at >= first


def test_an_answer_never_shows_a_secret_of_a_mailbox_or_profile(rows, ours):
    for path in ("/tests", "/seeds", "/schedules", f"/tests/{rows['test_id']}", f"/tests/{rows['test_id']}/results"):
        text = ours.get(path).content.decode()
        assert "mailbox password" not in text and "smtp password" not in text
