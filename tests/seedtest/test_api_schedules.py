"""Recurring tests through the API."""

from __future__ import annotations

import pytest

from seedtest import models
from seedtest.models.base import new_public_id

EML = "From: Acme <news@acme.example>\r\nSubject: Spring\r\n\r\nHello\r\n"


@pytest.fixture
def body(recurring):
    return {
        "name": "Weekdays",
        "cron": "0 9 * * 1-5",
        "timezone": "Europe/Berlin",
        "seed_list": recurring.seed_list.public_id,
        "sending_profile": recurring.sending_profile.public_id,
        "message": {"eml": EML},
    }


def test_a_schedule_is_created_with_its_next_run(ours, body, now):
    answer = ours.post("/schedules", body)
    made = answer.json()
    assert answer.status_code == 201, made
    assert answer["Location"] == made["links"]["self"]
    assert made["next_run_at"] > now.isoformat()
    assert made["message"]["subject"] == "Spring"
    assert ours.get(made["links"]["self"]).json() == made
    assert models.Schedule.objects.get(name="Weekdays").message.raw == EML.encode()


def test_a_retry_creates_no_second_schedule(ours, body):
    first = ours.post("/schedules", body, Idempotency_Key="k1")
    again = ours.post("/schedules", body, Idempotency_Key="k1")
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert models.Schedule.objects.filter(name="Weekdays").count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cron", "every day"),
        ("cron", "0 9 31 2 *"),
        ("timezone", "Berlin"),
        ("timezone", "../../etc/passwd"),
        ("name", ""),
        ("name", "Daily"),
        ("misfire", "explode"),
        ("message", {"eml": "no message"}),
        ("seed_list", None),
        ("enabled", "yes"),
        ("next_run_at", "2026-01-01T00:00:00Z"),
        ("workspace", "wsp_x"),
    ],
)
def test_what_cannot_be_scheduled_is_named_by_its_field(ours, body, field, value):
    before = models.OutgoingMessage.objects.count()
    answer = ours.post("/schedules", body | {field: value})
    assert answer.status_code == 400
    assert {error["pointer"].split("/")[1] for error in answer.json()["errors"]} == {field}
    assert models.OutgoingMessage.objects.count() == before


@pytest.mark.parametrize("field", ["seed_list", "sending_profile"])
def test_an_id_of_another_workspace_is_unknown(theirs, body, cast, field):
    others = {"seed_list": models.SeedList, "sending_profile": models.SendingProfile}
    own = {name: model.objects.create(workspace=cast.elsewhere, name="Own").public_id for name, model in others.items()}
    given, random_id = (
        theirs.post("/schedules", body | own | {field: one}).json()
        for one in (body[field], new_public_id(body[field][:3]))
    )
    assert given["errors"] == random_id["errors"]
    assert [(error["pointer"], error["code"]) for error in given["errors"]] == [(f"#/{field}", "unknown_id")]


def test_a_change_touches_only_what_was_named(ours, recurring, now):
    answer = ours.patch(f"/schedules/{recurring.public_id}", {"cron": "30 6 * * *"})
    assert answer.status_code == 200
    recurring.refresh_from_db()
    assert (recurring.cron, recurring.name) == ("30 6 * * *", "Daily")
    assert answer.json()["next_run_at"][11:16] == "06:30"


def test_a_disabled_schedule_has_no_next_run(ours, recurring):
    body = ours.patch(f"/schedules/{recurring.public_id}", {"enabled": False}).json()
    assert (body["enabled"], body["next_run_at"]) == (False, None)


def test_a_refused_change_changes_nothing(ours, recurring):
    before = ours.get(f"/schedules/{recurring.public_id}").json()
    answer = ours.patch(f"/schedules/{recurring.public_id}", {"name": "New", "cron": "nonsense"})
    assert answer.status_code == 400
    assert ours.get(f"/schedules/{recurring.public_id}").json() == before


def test_a_deleted_schedule_is_gone_and_its_tests_stay(ours, recurring, cast, make_test, now):
    test = make_test(cast.workspace, schedule=recurring, scheduled_for=now)
    address = f"/schedules/{recurring.public_id}"
    assert ours.delete(address).status_code == 204
    assert ours.get(address).status_code == 404
    test.refresh_from_db()
    assert test.schedule is None
