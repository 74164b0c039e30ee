"""Who works here: users, workspaces, memberships, API keys."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zoneinfo
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now

from seedtest.models.base import PublicIdField

#: Largest part of one message that a workspace may have kept.
MAX_RAW_KB = 10 * 1024


def validate_timezone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError(f"“{value}” is not an IANA time zone. Write it like Europe/Berlin or America/New_York.")


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MARKETER = "marketer", "Marketer"
    VIEWER = "viewer", "Viewer"


#: What each role may do in its workspace, beyond looking.
CAN_WRITE = frozenset({Role.OWNER, Role.ADMIN, Role.MARKETER})
CAN_ADMINISTER = frozenset({Role.OWNER, Role.ADMIN})


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person; logs in by e-mail address. A superuser is the operator of this installation."""

    public_id = PublicIdField(prefix="usr")
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=now)

    USERNAME_FIELD = "email"
    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.email

    @property
    def is_staff(self) -> bool:
        """Everybody may open the admin; what they see there is decided by membership."""
        return self.is_active

    def role_in(self, workspace: Workspace) -> str | None:
        membership = self.memberships.filter(workspace=workspace).first()
        return membership.role if membership else None


class Workspace(models.Model):
    """A tenant. Its time zone is shown beside every time on its pages; the API stays UTC."""

    public_id = PublicIdField(prefix="wsp")
    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    keep_raw = models.BooleanField(
        "keep whole messages", default=False,
        help_text="Else only the headers are kept. Never in mailboxes that other workspaces use too.",
    )  # fmt: skip
    raw_max_kb = models.PositiveIntegerField(
        "at most, in KB", default=512, validators=[MinValueValidator(1), MaxValueValidator(MAX_RAW_KB)],
        help_text="Of each message. What is longer is cut off there.",
    )  # fmt: skip
    raw_retention_days = models.PositiveIntegerField(
        "kept for days", default=30, validators=[MinValueValidator(1), MaxValueValidator(3650)]
    )
    purge_after_days = models.PositiveIntegerField(
        "empty seeds after days", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Empty: never. Else manage.py purgeseeds may delete messages of ended tests that are older.",
    )  # fmt: skip
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MARKETER)

    class Meta:
        verbose_name = "member"
        constraints = [models.UniqueConstraint(fields=["user", "workspace"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} in {self.workspace}"


class Scope(models.TextChoices):
    TESTS_READ = "tests:read", "Read tests"
    TESTS_WRITE = "tests:write", "Open and cancel tests"
    SEEDS_READ = "seeds:read", "Read seeds"
    SEEDS_WRITE = "seeds:write", "Change seeds; its exports count as uploaded"
    SCHEDULES_READ = "schedules:read", "Read schedules"
    SCHEDULES_WRITE = "schedules:write", "Change schedules"


_CRC = 6


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:_CRC]


class ApiKey(models.Model):
    """A key to the API. The secret is shown once; only its SHA-256 is kept."""

    public_id = PublicIdField(prefix="key")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    secret_sha256 = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def mint(
        cls,
        *,
        workspace: Workspace,
        name: str,
        scopes: Iterable[str],
        user: User | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A saved key and the text to show once: `ipst_live_<id>_<secret><crc>`."""
        key = cls(workspace=workspace, name=name, scopes=sorted(scopes), created_by=user, expires_at=expires_at)
        text = key.new_secret()
        key.save()
        return key, text

    def new_secret(self) -> str:
        """Give this key a secret and return the text to show once."""
        secret = secrets.token_hex(24)
        self.secret_sha256 = hashlib.sha256(secret.encode()).hexdigest()
        body = f"ipst_live_{self.public_id.removeprefix('key_')}_{secret}"
        return body + _checksum(body)

    @staticmethod
    def parse(text: str) -> tuple[str, str] | None:
        """(public id, secret), or None where the text cannot be a key of ours (typo, cut off)."""
        body, crc = text[:-_CRC], text[-_CRC:]
        parts = body.split("_")
        if len(parts) != 4 or parts[:2] != ["ipst", "live"] or not hmac.compare_digest(_checksum(body), crc):
            return None
        return f"key_{parts[2]}", parts[3]

    def opens_with(self, secret: str) -> bool:
        return hmac.compare_digest(self.secret_sha256, hashlib.sha256(secret.encode()).hexdigest())
