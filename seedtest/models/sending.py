"""What we send ourselves: messages, the SMTP accounts they leave by, and one row for each seed's envelope."""

from __future__ import annotations

import hashlib
import zlib

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from seedtest.crypto import SealedField
from seedtest.models.base import PublicIdField, is_this_machine
from seedtest.models.mailboxes import SeedAccount, Tls
from seedtest.models.people import Workspace
from seedtest.models.seedtests import SeedTest


class OutgoingMessage(models.Model):
    """A message to measure, kept as it was given."""

    public_id = PublicIdField(prefix="msg")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="outgoing_messages")
    subject = models.CharField(max_length=500, blank=True)
    from_address = models.CharField(max_length=320, blank=True)
    raw_zlib = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = "message"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.subject or self.public_id

    @property
    def raw(self) -> bytes:
        return zlib.decompress(bytes(self.raw_zlib))

    @raw.setter
    def raw(self, value: bytes) -> None:
        self.raw_zlib = zlib.compress(value, 6)
        self.sha256 = hashlib.sha256(value).hexdigest()
        self.size = len(value)


class SendingProfile(models.Model):
    """An SMTP account the service may send tests through."""

    public_id = PublicIdField(prefix="snd")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="sending_profiles")
    name = models.CharField(max_length=120)
    host = models.CharField("SMTP host", max_length=253)
    port = models.PositiveIntegerField("SMTP port", default=587)
    tls = models.CharField("encryption", max_length=8, choices=Tls.choices, default=Tls.STARTTLS)
    ca_pem = models.TextField("own CA certificate", blank=True)
    username = models.CharField(max_length=254, blank=True)
    password = SealedField(blank=True)
    from_address = models.EmailField(
        "From address", blank=True, help_text="Empty: the message keeps the From it was given with."
    )
    envelope_from = models.EmailField("Return-Path", blank=True, help_text="Empty: the From address. Bounces go here.")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="sending_profile_name_once"),
            models.CheckConstraint(condition=Q(port__gte=1, port__lte=65535), name="sending_profile_port"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.tls == Tls.NONE and self.username and not is_this_machine(self.host):
            raise ValidationError(
                {"tls": "Without TLS the password would travel in the clear. Choose TLS or STARTTLS."}
            )


class OutboundStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    INFLIGHT = "inflight", "Being sent"
    SENT = "sent", "Accepted"
    FAILED = "failed", "Refused"
    UNKNOWN = "unknown", "Unknown"


class Outbound(models.Model):
    """One envelope to one seed. `unknown` = the answer to DATA was lost: it is never sent twice."""

    test = models.ForeignKey(SeedTest, models.CASCADE, related_name="outbounds")
    account = models.ForeignKey(SeedAccount, models.CASCADE, related_name="outbounds")
    status = models.CharField(max_length=8, choices=OutboundStatus.choices, default=OutboundStatus.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=now)
    inflight_until = models.DateTimeField(null=True, blank=True)
    claim_epoch = models.BigIntegerField(default=0)
    data_started_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    smtp_stage = models.CharField(max_length=12, blank=True)
    smtp_code = models.PositiveSmallIntegerField(null=True, blank=True)
    smtp_reply = models.TextField(blank=True)
    message_id = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["test", "account"], name="outbound_once")]
        indexes = [models.Index(fields=["status", "next_attempt_at"], name="outbound_due")]

    def __str__(self) -> str:
        return f"{self.account} · {self.status}"
