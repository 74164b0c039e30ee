"""How each seed is, as last judged; and the control messages that show which seeds can be believed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from seedtest.models.base import PublicIdField
from seedtest.models.mailboxes import SeedAccount
from seedtest.models.people import Workspace
from seedtest.models.sending import OutgoingMessage, SendingProfile


class HealthState(models.TextChoices):
    NEW = "new", "Not checked yet"
    HEALTHY = "healthy", "Healthy"
    DEGRADED = "degraded", "Degraded"
    NEEDS_SIGN_IN = "needs_sign_in", "Needs sign-in"
    QUARANTINED = "quarantined", "Quarantined"
    OFF = "off", "Switched off"


class HealthProblem(models.TextChoices):
    """What is wrong with a seed, or soon will be. `seedtest.reports.seed_words` says each in words."""

    SIGN_IN = "sign_in"
    NO_GOOD_POLL = "no_good_poll"
    CRASHES = "crashes"
    UNREACHABLE = "unreachable"
    JUNK_NOT_VISIBLE = "junk_not_visible"
    FOLDER_UNREADABLE = "folder_unreadable"
    MAILBOX_FULL = "mailbox_full"
    WINDOW_FULL = "window_full"
    BIASED = "biased"
    QUOTA_NEAR = "quota_near"
    TOKEN_TROUBLE = "token_trouble"
    WEB_LOGIN_DUE = "web_login_due"
    TOO_MANY_TESTS = "too_many_tests"
    ODD_FOLDERS = "odd_folders"
    DISAGREES = "disagrees"
    NOT_ON_LIST = "not_on_list"
    VANISHES = "vanishes"
    CONTROLS_LOST = "controls_lost"
    NOT_READ = "not_read"
    NOT_EXPORTED = "not_exported"


class SeedHealth(models.Model):
    """The last judgement of one seed account. Written by the tick alone; what it rests on are the other rows."""

    seed_account = models.OneToOneField(SeedAccount, models.CASCADE, related_name="health")
    state = models.CharField(max_length=16, choices=HealthState.choices, default=HealthState.NEW)
    since = models.DateTimeField(default=now)  # when this state began
    problems = models.JSONField(default=list)  # [[HealthProblem, what it was seen by], …]
    excluded = models.BooleanField(default=False, help_text="Left out of new tests and of exports.")
    full = models.BooleanField(default=False, help_text="Left out of exports: a bounce may suppress it for good.")
    biased = models.BooleanField(default=False, help_text="Files a known-good control as spam.")
    agreement = models.FloatField(null=True)  # share of tests in which it stood where most of its siblings stood
    agreement_n = models.PositiveIntegerField(default=0)
    newest_message_at = models.DateTimeField(null=True)
    control_seen_at = models.DateTimeField(null=True)
    control_placement = models.CharField(max_length=10, blank=True)
    control_misses = models.PositiveSmallIntegerField(default=0)  # controls in a row that only its siblings got
    not_on_list = models.JSONField(default=list)  # From domains whose last campaigns passed it over
    odd_folders = models.JSONField(
        default=list
    )  # folders that are neither inbox nor spam, where siblings' mail was not
    vanished = models.JSONField(default=list)  # [messages gone from here and not from its siblings, of how many]
    checked_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = "health of a seed"
        verbose_name_plural = "health of seeds"

    def __str__(self) -> str:
        return f"{self.seed_account} · {self.state}"


class ControlPlan(models.Model):
    """A known-good message to every seed of a workspace, again and again: what files it as spam is biased."""

    public_id = PublicIdField(prefix="ctl")
    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="control_plan")
    enabled = models.BooleanField(default=True)
    sending_profile = models.ForeignKey(SendingProfile, models.RESTRICT, related_name="control_plans")
    message = models.ForeignKey(OutgoingMessage, models.RESTRICT, related_name="control_plans")
    every_hours = models.PositiveSmallIntegerField("hours between two", default=24)
    next_run_at = models.DateTimeField(default=now, editable=False)
    last_run_at = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(every_hours__gte=1, every_hours__lte=24 * 14), name="control_plan_hours"
            ),
        ]
        indexes = [models.Index(fields=["enabled", "next_run_at"], name="control_plan_due")]

    def __str__(self) -> str:
        return f"control message every {self.every_hours} h"
