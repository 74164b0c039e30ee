"""Who works in a workspace: invite, change a role; a workspace never loses its last owner."""

from __future__ import annotations

from django.db import transaction

from seedtest.models import Membership, User, Workspace
from seedtest.models.people import Role


def fault(workspace: Workspace, email: str, password: str) -> tuple[str, str] | None:
    """(field, what to do) when this person cannot be invited."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None and not password:
        return (
            "password",
            "Give a first password of ten characters or more: this person is new here.",
        )
    if user is not None and workspace.memberships.filter(user=user).exists():
        return "email", "This person is a member already. Open them in the list to change the role."
    return None


@transaction.atomic
def invite(workspace: Workspace, email: str, *, role: str, name: str = "", password: str = "") -> Membership:
    """Add a member. An account that exists keeps its name and its password."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        user = User.objects.create_user(email, password or None, name=name)
    return Membership.objects.get_or_create(user=user, workspace=workspace, defaults={"role": role})[0]


@transaction.atomic
def change_role(member: Membership, role: str) -> bool:
    """False when the workspace would lose its last owner."""
    present = Membership.objects.select_for_update().get(pk=member.pk)
    if present.role == Role.OWNER and role != Role.OWNER and not may_leave(present):
        return False
    return bool(Membership.objects.filter(pk=member.pk).update(role=role))


def may_leave(member: Membership) -> bool:
    """Whether the workspace still has an owner without this person."""
    if member.role != Role.OWNER:
        return True
    return Membership.objects.filter(workspace_id=member.workspace_id, role=Role.OWNER).exclude(pk=member.pk).exists()
