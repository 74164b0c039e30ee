"""Control messages: a known-good message to every seed, each so many hours, so that seeds can be judged by it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from seedtest.models.seed_health import ControlPlan
from seedtest.models.seedtests import Kind, Mode
from seedtest.services import intake, opening

#: Plans one tick looks at; the rest waits for the next tick.
LIMIT = 20


def save_plan(plan: ControlPlan, *, now: datetime) -> ControlPlan:
    """Check and save what a person may set; the first control goes out with the next tick. Raises ValidationError."""
    for name in ("sending_profile", "message"):
        if getattr(plan, name).workspace_id != plan.workspace_id:
            raise ValidationError({name: "This belongs to another workspace. Choose one of your own."})
    if plan.pk is None:
        plan.next_run_at = now
        plan.save()
    else:
        plan.next_run_at = min(plan.next_run_at, now + timedelta(hours=plan.every_hours))
        plan.save(update_fields=["enabled", "sending_profile", "message", "every_hours", "next_run_at"])
    return plan


def run_due(now: datetime) -> int:
    """The tick: open the controls that are due. Returns how many were opened."""
    due = ControlPlan.objects.filter(enabled=True, next_run_at__lte=now).order_by("next_run_at", "pk")
    plans = due.select_related("workspace", "sending_profile", "message")[:LIMIT]
    return sum(_run_one(plan, now) for plan in plans)


def _run_one(plan: ControlPlan, now: datetime) -> bool:
    try:
        return _open(plan, now)
    except opening.OF_ONE_TEST as error:
        words = opening.words_of(error, f"control plan {plan.public_id}")
        _move_on(plan, now, last_error=f"The control could not be opened. {words}")
        return False


def _open(plan: ControlPlan, now: datetime) -> bool:
    """The plan moves on and its test is opened in one transaction: neither twice nor not at all."""
    with transaction.atomic():
        if not _move_on(plan, now, last_error=""):
            return False  # another process was first, or a person has just changed it
        intake.open_test(plan.workspace, _new_test(plan, now), now=now)
    return True


def _move_on(plan: ControlPlan, now: datetime, *, last_error: str) -> bool:
    following = now + timedelta(hours=plan.every_hours)
    mine = ControlPlan.objects.filter(pk=plan.pk, enabled=True, next_run_at=plan.next_run_at)
    return bool(mine.update(next_run_at=following, last_run_at=now, last_error=last_error))


def _new_test(plan: ControlPlan, now: datetime) -> intake.NewTest:
    return intake.NewTest(
        name=f"Control · {now:%Y-%m-%d %H:%M} UTC",
        kind=Kind.CONTROL,
        mode=Mode.SERVICE,
        match=intake.MatchRequest(),
        sending_profile=plan.sending_profile,
        message=plan.message,
    )
