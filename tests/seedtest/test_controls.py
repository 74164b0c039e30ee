"""Control messages go out by plan, once each time, and stay out of what people look at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import closing, controls

pytestmark = pytest.mark.django_db


@pytest.fixture
def plan(cast, recurring, now):
    """Beside the schedule's own profile and message, which serve as well."""
    return models.ControlPlan.objects.create(
        workspace=cast.workspace, sending_profile=recurring.sending_profile, message=recurring.message, next_run_at=now
    )


def control():
    return models.SeedTest.objects.get(kind="control")


def test_a_due_plan_opens_a_control_for_every_seed(plan, cast, make_seed, now):
    make_seed(cast.workspace, "gmx")
    assert controls.run_due(now) == 1
    assert control().results.count() == control().outbounds.count() == 2
    plan.refresh_from_db()
    assert plan.next_run_at == now + timedelta(hours=24)


def test_a_plan_runs_once_at_its_time(plan, now):
    assert controls.run_due(now) == 1
    assert controls.run_due(now) == 0


def test_two_ticks_that_read_the_same_plan_open_one_control(plan, now):
    stale = models.ControlPlan.objects.get()
    assert controls._run_one(stale, now) is True
    assert controls._run_one(stale, now) is False
    assert models.SeedTest.objects.filter(kind="control").count() == 1


def test_a_plan_that_is_switched_off_sends_nothing(plan, now):
    models.ControlPlan.objects.update(enabled=False)
    assert controls.run_due(now) == 0


def test_a_control_belongs_to_no_stream_and_publishes_nothing(plan, now):
    controls.run_due(now)
    test = control()
    models.SeedResult.objects.update(placement="inbox")
    models.SeedTest.objects.update(status="receiving")
    assert closing.close_one(test.pk, now)
    test.refresh_from_db()
    assert (test.status, test.stream) == ("complete", None)
    assert not models.Event.objects.exists()


def test_a_control_is_not_measured(plan, now):
    controls.run_due(now)
    assert not models.SeedTest.objects.measured().exists()


def test_a_workspace_without_a_usable_seed_is_told_why_and_tried_again_later(plan, now):
    models.SeedAccount.objects.update(enabled=False)
    assert controls.run_due(now) == 0
    plan.refresh_from_db()
    assert "No usable seed" in plan.last_error
    assert plan.next_run_at > now


def test_a_plan_that_cannot_be_opened_says_why_and_keeps_no_other_from_its_turn(plan, cast, make_seed, now):
    profile = models.SendingProfile.objects.create(workspace=cast.elsewhere, name="Relay", host="smtp.acme.example")
    message = models.OutgoingMessage(workspace=cast.elsewhere, subject="Sale", from_address="news@acme.example")
    message.raw = b"From: news@acme.example\r\nSubject: Sale\r\n\r\nx"
    message.save()
    elsewhere = models.ControlPlan.objects.create(
        workspace=cast.elsewhere, sending_profile=profile, message=message, next_run_at=now
    )
    make_seed(cast.elsewhere)
    models.Mailbox.objects.filter(workspace=cast.workspace).update(provider="gone_provider")
    assert controls.run_due(now) == 1
    plan.refresh_from_db()
    elsewhere.refresh_from_db()
    assert "'gone_provider'" in plan.last_error
    assert plan.next_run_at == elsewhere.next_run_at == now + timedelta(hours=24)
    assert control().workspace == cast.elsewhere


@pytest.mark.parametrize("fault", [ValueError("hostile"), KeyError("x"), OSError("no such file"), AttributeError("y")])
def test_what_nobody_foresaw_ends_no_tick_and_is_logged(plan, now, monkeypatch, caplog, fault):
    def broken(*_, **__):
        raise fault

    monkeypatch.setattr(controls.intake, "open_test", broken)
    assert controls.run_due(now) == 0
    plan.refresh_from_db()
    assert type(fault).__name__ in plan.last_error and "hostile" not in plan.last_error
    assert plan.next_run_at > now
    assert plan.public_id in caplog.text and "Traceback" in caplog.text


def test_a_message_of_another_workspace_is_refused(plan, cast):
    plan.workspace = cast.elsewhere
    with pytest.raises(ValidationError, match="another workspace"):
        controls.save_plan(plan, now=db_now())


def test_a_shorter_interval_counts_from_now(plan, now):
    models.ControlPlan.objects.update(next_run_at=now + timedelta(hours=24))
    plan.refresh_from_db()
    plan.every_hours = 2
    assert controls.save_plan(plan, now=now).next_run_at == now + timedelta(hours=2)
