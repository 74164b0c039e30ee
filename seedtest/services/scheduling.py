"""Recurring tests: when a schedule runs next, and the tick that opens its tests."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError

from seedtest.models.schedules import Misfire, Schedule
from seedtest.models.seedtests import Mode, SeedTest
from seedtest.services import intake, opening

#: Schedules one tick looks at; the rest waits for the next tick.
LIMIT = 20
#: A schedule with Misfire.SKIP still runs when it is no later than this.
SKIP_AFTER = timedelta(minutes=10)
#: How far back a missed run is looked for step by step before the walk starts at the oldest one.
_RECENT = timedelta(days=2)

#: What has to do with when a schedule runs: a change of these sets `next_run_at` anew.
_TIMING = ("cron", "timezone", "enabled")
#: What belongs to the tick; saving a form must not write back an old reading of it.
_OF_THE_TICK = frozenset({"last_run_at", "last_error"})
#: The rows a schedule points at that have to be in its own workspace.
_OWNED = ("seed_list", "stream", "sending_profile", "message")


class ScheduleError(ValueError):
    """The cron expression or the time zone cannot be used. The text says what to write instead."""


def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """The first run strictly after `after`, in UTC. Raises ScheduleError.

    Wall-clock times follow Debian's cron over a change of clocks: a time that spring skips runs once, as soon as the
    clocks have moved (02:30 becomes 03:00); a time that autumn repeats runs once, the first time round. An hour or
    minute of `*` counts real time instead: `0 * * * *` runs 23 times on the short day and 25 times on the long one.
    """
    try:
        ticks = CronSim(_five_fields(cron), after.astimezone(_zone(timezone)))
        # cronsim forgets which of two equal wall-clock times `after` is, and may answer with the earlier one.
        return next(tick for tick in (one.astimezone(UTC) for one in ticks) if tick > after)
    except CronSimError as error:
        raise ScheduleError(f"“{cron}” is not a cron expression ({error}). {_EXAMPLE}") from error
    except StopIteration as error:
        raise ScheduleError(f"“{cron}” names a day that never comes. {_EXAMPLE}") from error


_EXAMPLE = "Write five fields: minute hour day month weekday, for example 0 9 * * 1-5 for every working day at nine."


def _five_fields(cron: str) -> str:
    # cronsim reads a sixth field as seconds: a test a second is nobody's wish.
    if len(cron.split()) != 5:
        raise ScheduleError(f"“{cron}” has {len(cron.split())} fields. {_EXAMPLE}")
    return cron


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(f"“{name}” is not an IANA time zone. Write it like Europe/Berlin.") from error


def last_run(cron: str, timezone: str, missed: datetime, now: datetime) -> datetime:
    """The latest run that is not after `now`, given that `missed` was one."""
    recent = now - _RECENT
    start = missed
    if recent > missed and (tick := next_run(cron, timezone, recent)) <= now:
        start = tick
    while (tick := next_run(cron, timezone, start)) <= now:
        start = tick
    return start


def save_schedule(schedule: Schedule, *, now: datetime) -> Schedule:
    """Check, set when it runs next, and save. Raises ValidationError.

    A run that is due at this very moment is not lost by renaming the schedule, and one that was just opened is not
    opened again: `next_run_at` changes only with the timing.
    """
    _check(schedule)
    stored = Schedule.objects.filter(pk=schedule.pk).first() if schedule.pk else None
    same_timing = stored is not None and all(getattr(stored, name) == getattr(schedule, name) for name in _TIMING)
    if not same_timing:
        schedule.next_run_at = _first_run(schedule, now) if schedule.enabled else None
    if stored is None:
        schedule.save()
        return schedule
    kept = _OF_THE_TICK | {"next_run_at"} if same_timing else _OF_THE_TICK
    fields = schedule._meta.concrete_fields
    schedule.save(update_fields=[one.name for one in fields if not one.primary_key and one.name not in kept])
    schedule.refresh_from_db(fields=sorted(kept))
    return schedule


def _check(schedule: Schedule) -> None:
    for name in _OWNED:
        row = getattr(schedule, name)
        if row is not None and row.workspace_id != schedule.workspace_id:
            raise ValidationError({name: "This belongs to another workspace. Choose one of your own."})


def _first_run(schedule: Schedule, now: datetime) -> datetime:
    try:
        return next_run(schedule.cron, schedule.timezone, now)
    except ScheduleError as error:
        raise ValidationError({"cron": str(error)}) from error


def run_due(now: datetime) -> int:
    """The tick: open the tests that are due. Returns how many were opened."""
    due = Schedule.objects.filter(enabled=True, next_run_at__lte=now).order_by("next_run_at", "pk")
    return sum(run_one(schedule, now) for schedule in due[:LIMIT])


def run_one(schedule: Schedule, now: datetime) -> bool:
    """Open the test of the latest run that is due, then move on. True when a test was opened by us.

    The test is opened first, in its own transaction, and the schedule moves after it: a crash between the two
    repeats the opening, which UNIQUE(schedule, scheduled_for) refuses. The other way round would lose the run.
    """
    missed = schedule.next_run_at
    assert missed is not None
    try:
        latest = last_run(schedule.cron, schedule.timezone, missed, now)
        following = next_run(schedule.cron, schedule.timezone, now)
    except ScheduleError as error:
        _move_on(schedule, missed, next_run_at=None, last_error=str(error))
        return False
    if schedule.misfire == Misfire.SKIP and now - latest > SKIP_AFTER:
        words = f"The run of {_local(schedule, latest)} was skipped: the service was not running at that time."
        _move_on(schedule, missed, next_run_at=following, last_error=words)
        return False
    opened, trouble = _open(schedule, latest, now)
    ran = {"last_run_at": now} if opened else {}
    _move_on(schedule, missed, next_run_at=following, last_error=trouble, **ran)
    return opened


def _open(schedule: Schedule, scheduled_for: datetime, now: datetime) -> tuple[bool, str]:
    try:
        intake.open_test(schedule.workspace, _new_test(schedule, scheduled_for), now=now)
    except opening.OF_ONE_TEST as error:
        if SeedTest.objects.filter(schedule=schedule, scheduled_for=scheduled_for).exists():
            return False, ""  # somebody opened it before us, or we did before a crash
        words = opening.words_of(error, f"schedule {schedule.public_id}")
        return False, f"The test of {_local(schedule, scheduled_for)} could not be opened. {words}"
    return True, ""


def _new_test(schedule: Schedule, scheduled_for: datetime) -> intake.NewTest:
    return intake.NewTest(
        name=f"{schedule.name} · {_local(schedule, scheduled_for)}"[:200],
        mode=Mode.SERVICE,
        match=intake.MatchRequest(),
        stream=schedule.stream,
        seed_list=schedule.seed_list,
        sending_profile=schedule.sending_profile,
        message=schedule.message,
        schedule=schedule,
        scheduled_for=scheduled_for,
        created_by=schedule.created_by,
    )


def _local(schedule: Schedule, moment: datetime) -> str:
    return f"{moment.astimezone(_zone(schedule.timezone)):%Y-%m-%d %H:%M}"


def _move_on(schedule: Schedule, missed: datetime, **values: object) -> bool:
    """Compare-and-set: whoever edited the schedule meanwhile has set its next run already."""
    return bool(Schedule.objects.filter(pk=schedule.pk, next_run_at=missed).update(**values))
