"""Invitations: make a link, revoke it, and let the person it is for join, once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from seedtest.models import Invitation, Membership, User, Workspace
from seedtest.models.people import CAN_ADMINISTER, Role

OPEN_FOR = timedelta(days=7)


def may_give(own: str | None, role: str) -> bool:
    """Whether somebody with the role `own` may give another person `role`: only owners make owners."""
    return own == Role.OWNER or (own in CAN_ADMINISTER and role != Role.OWNER)


@transaction.atomic
def invite(workspace: Workspace, email: str, *, role: str, by: User, now: datetime) -> tuple[Invitation, str]:
    """The invitation and its token, to be shown once. Never looks whether the address has an account."""
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace=workspace, email=email.lower(), role=role, token_sha256=_digest(token),
        created_by=by, created_at=now, expires_at=now + OPEN_FOR,
    )  # fmt: skip
    return invitation, token


def find(token: str, *, now: datetime) -> Invitation | None:
    """The open invitation of a link; None for every other reason alike."""
    rows = _open(now).select_related("workspace", "created_by")
    invitation = rows.filter(token_sha256=_digest(token)).first()
    return invitation if invitation and _vouched_for(invitation) else None


def open_in(workspace: Workspace, *, now: datetime) -> QuerySet[Invitation]:
    return _open(now).filter(workspace=workspace).select_related("created_by")


def account_of(invitation: Invitation) -> User | None:
    return User.objects.filter(email__iexact=invitation.email).first()


@transaction.atomic
def revoke(invitation: Invitation, *, now: datetime) -> bool:
    return bool(_open(now).filter(pk=invitation.pk).update(revoked_at=now))


@transaction.atomic
def accept(invitation: Invitation, user: User, *, now: datetime) -> bool:
    """`user` joins; False when the invitation has ended. A member keeps the role they have."""
    if user != account_of(invitation) or not _take(invitation, now):
        return False
    _join(invitation, user)
    return True


def accept_anew(invitation: Invitation, *, name: str, password: str, now: datetime) -> User | None:
    """A new account that has joined; None when the invitation has ended or the address has an account by now."""
    try:
        with transaction.atomic():
            if not _take(invitation, now):
                return None
            # Two links for one address, opened at once: the second meets user_email_once and ends nothing.
            user = User.objects.create_user(invitation.email, password, name=name)
            _join(invitation, user)
            return user
    except IntegrityError:
        return None


def _open(now: datetime) -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=now)


def _take(invitation: Invitation, now: datetime) -> bool:
    return bool(_open(now).filter(pk=invitation.pk).update(accepted_at=now))


def _join(invitation: Invitation, user: User) -> None:
    defaults = {"role": invitation.role}
    Membership.objects.get_or_create(user=user, workspace=invitation.workspace, defaults=defaults)


def _vouched_for(invitation: Invitation) -> bool:
    """Who may no longer invite takes their open links along: a dismissed admin does not return by one."""
    inviter = invitation.created_by
    if inviter is None or not inviter.is_active:
        return False
    return inviter.is_superuser or may_give(inviter.role_in(invitation.workspace), invitation.role)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
