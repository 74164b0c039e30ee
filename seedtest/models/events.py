"""What has happened, for others to read; the ticks' leases; and the memory of idempotent requests."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from seedtest.models.base import PublicIdField
from seedtest.models.people import Workspace


class Event(models.Model):
    """A fact for webhooks and the events API. `seq` is given after commit by the one publisher tick."""

    public_id = PublicIdField(prefix="evt")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="events")
    type = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=160)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now)
    seq = models.BigIntegerField(null=True, unique=True)

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["workspace", "dedupe_key"], name="event_once")]
        indexes = [models.Index(fields=["id"], condition=Q(seq=None), name="event_unpublished")]

    def __str__(self) -> str:
        return f"{self.type} {self.dedupe_key}"


class TickLease(models.Model):
    """Who runs a tick now, and when it last finished: the health page reads this."""

    name = models.CharField(max_length=40, primary_key=True)
    owner = models.CharField(max_length=120, blank=True)
    until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class IdempotencyKey(models.Model):
    """The answer that was given to a POST with this key, so that a retry gets it again."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="idempotency_keys")
    key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    resource_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
