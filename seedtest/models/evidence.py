"""What is kept of a message beyond its header block: the whole message where a workspace asks, and our own check."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from seedtest.models.base import new_public_id
from seedtest.models.mailboxes import Arrival
from seedtest.models.seedtests import ReceivedMessage

#: Checks of one message that are begun: what DNS could not say is asked again, and what kills a worker is left alone.
MAX_ATTEMPTS = 3


def raw_name() -> str:
    """Where a raw message is kept. Nobody can guess it, should the storage ever be reachable."""
    return f"raw/{new_public_id('raw')}.eml"


class RawMessage(models.Model):
    """A message as its mailbox gave it. The row outlives its arrival until housekeeping has deleted the file."""

    arrival = models.OneToOneField(Arrival, models.SET_NULL, null=True, related_name="raw")
    file = models.CharField(max_length=200, unique=True, default=raw_name)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    truncated = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now, db_index=True)

    def __str__(self) -> str:
        return self.sha256


class VerificationQuerySet(models.QuerySet["Verification"]):
    def due(self, now: datetime) -> VerificationQuerySet:
        """Begun and not finished in time, or to be asked again."""
        return self.filter(again_at__lte=now, attempts__lt=MAX_ATTEMPTS)


class Verification(models.Model):
    """Our own check of one received message. `again_at` is the end of a claim, or when DNS is asked again."""

    message = models.OneToOneField(ReceivedMessage, models.CASCADE, related_name="verification", primary_key=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    again_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    summary = models.JSONField(default=dict)  # method → result
    checks = models.JSONField(default=dict)  # in full
    findings = models.JSONField(default=list)

    objects = VerificationQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["again_at"], condition=Q(again_at__isnull=False), name="verification_due")]

    def __str__(self) -> str:
        return ", ".join(f"{method}={result}" for method, result in self.summary.items())
