"""Who works in a workspace: change a role, leave; a workspace never loses its last owner.

Both lock the workspace first: two owners who step down at the same moment would each count the other.
"""

from __future__ import annotations

from django.db import transaction

from seedtest.models import Membership, Workspace
from seedtest.models.people import Role


@transaction.atomic
def change_role(member: Membership, role: str) -> bool:
    """False when the workspace would lose its last owner."""
    present = _alone(member)
    if present is None or (role != Role.OWNER and not may_leave(present)):
        return False
    return bool(Membership.objects.filter(pk=member.pk).update(role=role))


@transaction.atomic
def leave(member: Membership) -> bool:
    """False when the workspace would lose its last owner."""
    present = _alone(member)
    if present is None or not may_leave(present):
        return False
    present.delete()
    return True


def may_leave(member: Membership) -> bool:
    """Whether the workspace still has an owner without this person."""
    if member.role != Role.OWNER:
        return True
    return Membership.objects.filter(workspace_id=member.workspace_id, role=Role.OWNER).exclude(pk=member.pk).exists()


def _alone(member: Membership) -> Membership | None:
    """The member as of now, while nobody else changes who works in the workspace."""
    Workspace.objects.select_for_update(no_key=True).get(pk=member.workspace_id)
    return Membership.objects.filter(pk=member.pk).first()
