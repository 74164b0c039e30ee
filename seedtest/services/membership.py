"""Who works in a workspace: change a role; a workspace never loses its last owner."""

from __future__ import annotations

from django.db import transaction

from seedtest.models import Membership
from seedtest.models.people import Role


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
