"""Recurring tests: a cron expression in an IANA time zone."""

from __future__ import annotations

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.timezone import now

from seedtest.models.base import PublicIdField
from seedtest.models.mailboxes import SeedList
from seedtest.models.people import User, Workspace, validate_timezone
from seedtest.models.seedtests import Stream
from seedtest.models.sending import OutgoingMessage, SendingProfile


def validate_cron(value: str) -> None:
    try:
        CronSim(value, now())
    except CronSimError as error:
        raise ValidationError(
            f"“{value}” is not a cron expression ({error}). Five fields: minute hour day month weekday, "
            "for example 0 9 * * 1-5 for every working day at nine."
        ) from error


class Misfire(models.TextChoices):
    """What to do when the service was down at the scheduled time."""

    RUN_ONCE = "run_once", "Run once as soon as possible"
    SKIP = "skip", "Skip and wait for the next time"


class Schedule(models.Model):
    """Opens a service-sent test at each tick; exactly one test per (schedule, scheduled_for)."""

    public_id = PublicIdField(prefix="sch")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="schedules")
    name = models.CharField(max_length=120)
    enabled = models.BooleanField(default=True)
    cron = models.CharField(max_length=120, validators=[validate_cron])
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    seed_list = models.ForeignKey(SeedList, models.RESTRICT, related_name="schedules")
    stream = models.ForeignKey(Stream, models.SET_NULL, null=True, blank=True, related_name="schedules")
    sending_profile = models.ForeignKey(SendingProfile, models.RESTRICT, related_name="schedules")
    message = models.ForeignKey(OutgoingMessage, models.RESTRICT, related_name="schedules")
    misfire = models.CharField("when missed", max_length=8, choices=Misfire.choices, default=Misfire.RUN_ONCE)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+", editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="schedule_name_once")]
        indexes = [models.Index(fields=["enabled", "next_run_at"], name="schedule_due")]

    def __str__(self) -> str:
        return self.name
