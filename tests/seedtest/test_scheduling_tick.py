"""The tick opens exactly one test a run, whatever happens around it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from seedtest import models
from seedtest.services import scheduling

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_schedule(cast, make_seed, now) -> Callable[..., models.Schedule]:
    """A saved schedule that runs every day at nine, Berlin time, with one seed on its list."""

    def make(workspace: models.Workspace = cast.workspace, **values: Any) -> models.Schedule:
        seed_list = models.SeedList.objects.create(workspace=workspace, name="All")
        models.SeedListMember.objects.create(seed_list=seed_list, seed_account=make_seed(workspace))
        profile = models.SendingProfile.objects.create(workspace=workspace, name="Relay", host="smtp.acme.example")
        message = models.OutgoingMessage(workspace=workspace, subject="Sale", from_address="news@acme.example")
        message.raw = b"From: news@acme.example\r\nSubject: Sale\r\n\r\nx"
        message.save()
        schedule = models.Schedule(
            workspace=workspace, name="Daily", cron="0 9 * * *", timezone="Europe/Berlin",
            seed_list=seed_list, sending_profile=profile, message=message, created_by=cast.owner,
        )  # fmt: skip
        for name, value in values.items():
            setattr(schedule, name, value)
        return scheduling.save_schedule(schedule, now=now)

    return make


def due(schedule: models.Schedule) -> datetime:
    schedule.refresh_from_db()
    assert schedule.next_run_at is not None
    return schedule.next_run_at


def runs_of(schedule: models.Schedule) -> list[datetime | None]:
    return list(schedule.seed_tests.order_by("scheduled_for").values_list("scheduled_for", flat=True))


def test_a_due_schedule_opens_one_test_and_moves_on(make_schedule):
    schedule = make_schedule()
    at = due(schedule)
    assert scheduling.run_due(at - timedelta(seconds=1)) == 0
    assert scheduling.run_due(at + timedelta(seconds=2)) == 1
    assert scheduling.run_due(at + timedelta(seconds=3)) == 0
    assert runs_of(schedule) == [at]
    assert due(schedule) > at + timedelta(hours=22)


def test_its_test_is_sent_by_us_to_the_seeds_of_its_list(make_schedule, cast):
    schedule = make_schedule()
    scheduling.run_due(due(schedule))
    test = schedule.seed_tests.get()
    assert (test.mode, test.status, test.created_by) == ("service", "sending", cast.owner)
    assert test.name.startswith("Daily · ") and test.name.endswith(" 09:00")
    assert [outbound.account for outbound in test.outbounds.all()] == list(schedule.seed_list.seed_accounts.all())


def test_a_tick_that_was_killed_after_opening_does_not_open_again(make_schedule):
    schedule = make_schedule()
    at = due(schedule)
    scheduling.run_due(at)
    models.Schedule.objects.filter(pk=schedule.pk).update(next_run_at=at)  # as if it had not come to move on
    assert scheduling.run_due(at) == 0
    assert runs_of(schedule) == [at]
    assert due(schedule) > at
    assert schedule.last_error == ""


def test_two_ticks_at_once_open_one_test(make_schedule):
    schedule = make_schedule()
    at = due(schedule)
    stale = models.Schedule.objects.get(pk=schedule.pk)
    assert scheduling.run_one(schedule, at)
    assert not scheduling.run_one(stale, at)
    assert runs_of(schedule) == [at]


def test_three_missed_days_are_caught_up_with_one_test_for_the_latest(make_schedule):
    schedule = make_schedule(timezone="UTC")
    at = due(schedule)
    late = at + timedelta(days=2, hours=5)
    assert scheduling.run_due(late) == 1
    assert runs_of(schedule) == [at + timedelta(days=2)]
    assert due(schedule) == at + timedelta(days=3)


def test_a_schedule_that_skips_waits_for_the_next_time_and_says_so(make_schedule):
    schedule = make_schedule(timezone="UTC", misfire="skip")
    at = due(schedule)
    assert scheduling.run_due(at + timedelta(minutes=11)) == 0
    assert runs_of(schedule) == []
    assert due(schedule) == at + timedelta(days=1)
    assert "was skipped" in schedule.last_error


def test_a_schedule_that_skips_still_runs_a_little_late(make_schedule):
    schedule = make_schedule(misfire="skip")
    assert scheduling.run_due(due(schedule) + timedelta(minutes=9)) == 1


def test_a_schedule_that_cannot_open_says_why_and_does_not_hold_up_the_others(make_schedule, cast):
    broken, fine = make_schedule(), make_schedule(cast.elsewhere)
    broken.seed_list.seed_accounts.update(enabled=False)
    at = due(broken)
    assert scheduling.run_due(at) == 1
    assert due(broken) > at
    assert "could not be opened. No usable seed" in broken.last_error
    assert runs_of(fine) == [at]


def test_the_next_test_clears_the_error(make_schedule):
    schedule = make_schedule()
    models.Schedule.objects.filter(pk=schedule.pk).update(last_error="Something was wrong.")
    at = due(schedule)
    scheduling.run_due(at)
    schedule.refresh_from_db()
    assert (schedule.last_error, schedule.last_run_at) == ("", at)


def test_a_schedule_that_is_switched_off_has_no_next_run(make_schedule, now):
    schedule = make_schedule()
    schedule.enabled = False
    scheduling.save_schedule(schedule, now=now)
    schedule.refresh_from_db()
    assert schedule.next_run_at is None
    assert scheduling.run_due(now + timedelta(days=9)) == 0


def test_renaming_at_the_very_moment_of_a_run_does_not_lose_it(make_schedule):
    schedule = make_schedule()
    at = due(schedule)
    schedule.name = "Every morning"
    scheduling.save_schedule(schedule, now=at + timedelta(seconds=1))
    assert due(schedule) == at
    assert scheduling.run_due(at + timedelta(seconds=2)) == 1


def test_a_form_that_was_open_during_a_run_does_not_bring_it_back(make_schedule):
    schedule = make_schedule()
    at = due(schedule)
    form = models.Schedule.objects.get(pk=schedule.pk)
    scheduling.run_due(at)
    form.name = "Every morning"
    scheduling.save_schedule(form, now=at + timedelta(minutes=1))
    schedule.refresh_from_db()
    assert (schedule.name, schedule.last_run_at) == ("Every morning", at)
    assert scheduling.run_due(at + timedelta(minutes=2)) == 0


def test_another_time_of_day_sets_the_next_run_anew(make_schedule, now):
    schedule = make_schedule(timezone="UTC")
    schedule.cron = "30 17 * * *"
    scheduling.save_schedule(schedule, now=now)
    assert f"{due(schedule):%H:%M}" == "17:30"


def test_an_edit_during_the_tick_wins(make_schedule, now):
    schedule = make_schedule(timezone="UTC")
    at = due(schedule)
    read_by_the_tick = models.Schedule.objects.get(pk=schedule.pk)
    schedule.cron = "30 17 * * *"
    scheduling.save_schedule(schedule, now=at)
    edited = due(schedule)
    scheduling.run_one(read_by_the_tick, at)
    assert due(schedule) == edited


@pytest.mark.parametrize("field", ["seed_list", "sending_profile", "message"])
def test_a_schedule_takes_nothing_from_another_workspace(make_schedule, cast, now, field):
    mine, theirs = make_schedule(), make_schedule(cast.elsewhere)
    setattr(mine, field, getattr(theirs, field))
    with pytest.raises(ValidationError, match="another workspace"):
        scheduling.save_schedule(mine, now=now)


def test_a_cron_expression_with_seconds_is_refused(make_schedule):
    with pytest.raises(ValidationError, match="6 fields"):
        make_schedule(cron="* * * * * *")


def test_a_schedule_whose_seeds_are_of_an_unknown_provider_stops_no_other(cast, make_schedule):
    broken, good = make_schedule(), make_schedule(cast.elsewhere)
    models.Mailbox.objects.filter(workspace=cast.workspace).update(provider="gone_provider")
    now = max(due(broken), due(good)) + timedelta(seconds=1)
    assert scheduling.run_due(now) == 1
    broken.refresh_from_db()
    assert "'gone_provider'" in broken.last_error
    assert broken.next_run_at > now
