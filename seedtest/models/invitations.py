"""Invitations: a link, given once to the inviter, that lets one e-mail address join one workspace."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from seedtest.models.base import PublicIdField
from seedtest.models.people import Role, User, Workspace


class Invitation(models.Model):
    """Open until it is accepted, revoked or expired. Only the SHA-256 of the link's token is kept."""

    public_id = PublicIdField(prefix="inv")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MARKETER)
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(db_index=True, editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(accepted_at=None) | Q(revoked_at=None), name="invitation_ends_once")
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.get_role_display()}"
