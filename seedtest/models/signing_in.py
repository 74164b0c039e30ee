"""What a mailbox needs to log in beyond its own row: OAuth tokens, and how its provider paces logins."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from seedtest.crypto import SealedField
from seedtest.models.base import PublicIdField
from seedtest.models.mailboxes import Mailbox


class OAuthFlow(models.TextChoices):
    AUTHORIZATION_CODE = "authorization_code", "A person signed in"
    CLIENT_CREDENTIALS = "client_credentials", "The company's administrator agreed for all mailboxes"


class OAuthCredential(models.Model):
    """The tokens of one mailbox. `generation` rises with every write of them: what a refresh compares and sets."""

    public_id = PublicIdField(prefix="oac")
    mailbox = models.OneToOneField(Mailbox, models.CASCADE, related_name="oauth")
    provider = models.CharField(max_length=40, blank=True, editable=False)  # where it was made: good there only
    flow = models.CharField(max_length=24, choices=OAuthFlow.choices, default=OAuthFlow.AUTHORIZATION_CODE)
    tenant = models.CharField(max_length=120, blank=True, help_text="Microsoft only; empty: the catalogue's own.")
    scopes = models.TextField(blank=True)  # with spaces between, as the provider granted them
    access_token = SealedField(blank=True)
    refresh_token = SealedField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)  # of the access token; None: fetch a new one
    generation = models.PositiveBigIntegerField(default=0, editable=False)
    connected_at = models.DateTimeField(default=now, editable=False)  # when a person last signed in
    refreshed_at = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name = "sign-in"

    def __str__(self) -> str:
        return f"sign-in of {self.mailbox}"


class ProviderPace(models.Model):
    """The turns of one provider's host. Its figures are empty, and the catalogue's, unless an operator sets them."""

    provider = models.CharField(max_length=40)
    host = models.CharField(max_length=253)
    next_login_at = models.DateTimeField(default=now, editable=False)
    max_sessions = models.PositiveIntegerField(
        "sessions at once", null=True, blank=True, validators=[MinValueValidator(1)],
        help_text="All mailboxes at this host together. Empty: as the catalogue says.",
    )  # fmt: skip
    login_spacing_ms = models.PositiveIntegerField(
        "milliseconds between logins", null=True, blank=True, help_text="Empty: as the catalogue says."
    )

    class Meta:
        verbose_name, verbose_name_plural = "login pace", "login paces"
        ordering = ["provider", "host"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "host"], name="provider_pace_once"),
            models.CheckConstraint(condition=Q(max_sessions__gte=1), name="provider_pace_sessions"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} at {self.host}"
