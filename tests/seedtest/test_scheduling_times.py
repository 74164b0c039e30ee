"""When a schedule runs next, over every change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from seedtest.services import scheduling
from seedtest.services.scheduling import ScheduleError, next_run


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(cron: str, zone: str, after: str, count: int) -> list[str]:
    def walk():
        moment = utc(after)
        while True:
            moment = next_run(cron, zone, moment)
            yield f"{moment:%Y-%m-%d %H:%M}"

    return list(islice(walk(), count))


def test_nine_in_the_morning_moves_in_utc_when_the_clocks_change():
    assert runs("0 9 * * *", "Europe/Berlin", "2026-03-28T00:00", 3) == [
        "2026-03-28 08:00", "2026-03-29 07:00", "2026-03-30 07:00",
    ]  # fmt: skip


def test_a_time_that_spring_skips_runs_once_as_soon_as_the_clocks_moved():
    assert runs("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == ["2026-03-29 01:00", "2026-03-30 00:30"]


def test_two_times_in_the_skipped_hour_are_one_run():
    assert runs("0,30 2 * * *", "America/New_York", "2026-03-08T00:00", 3) == [
        "2026-03-08 07:00", "2026-03-09 06:00", "2026-03-09 06:30",
    ]  # fmt: skip


def test_a_time_that_autumn_repeats_runs_once_the_first_time_round():
    assert runs("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2) == ["2026-10-25 00:30", "2026-10-26 01:30"]


@pytest.mark.parametrize("minutes", range(0, 200, 7))
@pytest.mark.parametrize("cron", ["50 2 * * *", "0 2,3 * * *", "*/20 * * * *", "10 * * * *", "0 */2 * * *"])
def test_no_moment_of_the_repeated_hour_leads_back_in_time(minutes, cron):
    after = utc("2026-10-24T23:30") + timedelta(minutes=minutes)
    assert next_run(cron, "Europe/Berlin", after) > after


def test_an_hourly_schedule_runs_every_real_hour():
    assert len(set(runs("0 * * * *", "Europe/Berlin", "2026-10-24T21:59", 25))) == 25
    assert runs("0 * * * *", "Europe/Berlin", "2026-10-24T23:30", 3) == [
        "2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00",
    ]  # fmt: skip


def test_a_zone_half_an_hour_off_is_met():
    assert runs("30 1 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", 2) == ["2026-10-03 15:00", "2026-10-04 14:30"]


def test_the_run_itself_is_not_the_next_one():
    assert next_run("0 9 * * *", "UTC", utc("2026-03-04T09:00")) == utc("2026-03-05T09:00")


@pytest.mark.parametrize("cron", ["", "nine", "0 9 * *", "61 * * * *", "* * * * * *", "0 9 30 2 *", "@daily"])
def test_what_is_no_cron_expression_is_refused_with_an_example(cron):
    with pytest.raises(ScheduleError, match="0 9 \\* \\* 1-5"):
        next_run(cron, "UTC", utc("2026-03-04T09:00"))


@pytest.mark.parametrize("zone", ["", "Berlin", "../etc/passwd", "Europe/Berlin\0", "UTC+1"])
def test_what_is_no_time_zone_is_refused(zone):
    with pytest.raises(ScheduleError, match="IANA"):
        next_run("0 9 * * *", zone, utc("2026-03-04T09:00"))


@pytest.mark.parametrize(
    ("cron", "missed", "now", "expected"),
    [
        ("0 9 * * *", "2026-03-01T09:00", "2026-03-04T08:59", "2026-03-03T09:00"),
        ("0 9 * * *", "2026-03-01T09:00", "2026-03-01T09:00", "2026-03-01T09:00"),
        ("* * * * *", "2025-03-01T09:00", "2026-03-04T08:59:30", "2026-03-04T08:59"),
        ("0 0 1 * *", "2025-03-01T00:00", "2026-03-20T08:59", "2026-03-01T00:00"),
    ],
)
def test_the_latest_missed_run_is_found(cron, missed, now, expected):
    assert scheduling.last_run(cron, "UTC", utc(missed), utc(now)) == utc(expected)
