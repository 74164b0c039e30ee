"""Which workspace a person works in right now, what role they have there, and its time zone."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from seedtest.models import Workspace
from seedtest.models.people import CAN_ADMINISTER, CAN_WRITE

#: The role of a superuser, everywhere.
OPERATOR = "operator"
MEMBERS = frozenset({"owner", "admin", "marketer", "viewer", OPERATOR})
WRITERS = frozenset({role.value for role in CAN_WRITE}) | {OPERATOR}
ADMINISTRATORS = frozenset({role.value for role in CAN_ADMINISTER}) | {OPERATOR}
OPERATORS = frozenset({OPERATOR})
NOBODY: frozenset[str] = frozenset()

_SESSION_KEY = "workspace"


@dataclass
class Tenancy:
    """The workspaces a request may touch, by id, with the person's role in each."""

    is_operator: bool
    roles: dict[int, str]
    workspaces: list[Workspace] = field(default_factory=list)
    current: Workspace | None = None

    def role_in(self, workspace_id: int | None) -> str:
        if self.is_operator:
            return OPERATOR
        return self.roles.get(workspace_id, "") if workspace_id else ""


def tenancy(request: HttpRequest) -> Tenancy:
    """Read once a request."""
    known = getattr(request, "_tenancy", None)
    if known is None:
        known = request._tenancy = _read(request)  # type: ignore[attr-defined]
    return known


def _read(request: HttpRequest) -> Tenancy:
    user = request.user
    if not user.is_authenticated or not user.is_active:
        return Tenancy(False, {})
    memberships = {one.workspace_id: one for one in user.memberships.select_related("workspace")}
    roles = {pk: str(one.role) for pk, one in memberships.items()}
    if user.is_superuser:
        workspaces = list(Workspace.objects.all()[:500])
    else:
        workspaces = sorted((one.workspace for one in memberships.values()), key=lambda one: (one.name, one.pk))
    chosen = request.session.get(_SESSION_KEY)
    # An operator starts where they are a member, like everybody else.
    own = next((one for one in workspaces if one.pk in roles), workspaces[0] if workspaces else None)
    current = next((one for one in workspaces if one.pk == chosen), own)
    return Tenancy(user.is_superuser, roles, workspaces, current)


def current(request: HttpRequest) -> Workspace | None:
    return tenancy(request).current


def role(request: HttpRequest) -> str:
    """The person's role in the current workspace; "" where they are no member."""
    found = tenancy(request)
    return found.role_in(found.current.pk if found.current else None)


def enter(request: HttpRequest, workspace: Workspace | None) -> None:
    """Work in this workspace from now on. The caller has made sure that it is one of the person's own."""
    found = tenancy(request)
    if workspace is None or (found.current and found.current.pk == workspace.pk):
        return
    found.current = workspace
    request.session[_SESSION_KEY] = workspace.pk
    timezone.activate(zone_of(workspace))  # within WorkspaceZone, which puts it back


def opened_in(request: HttpRequest) -> str:
    """What every form that adds something carries hidden; shown again after an error, it stays the first one."""
    here = current(request)
    return request.POST.get("opened_in") or (here.public_id if here else "")


def opened_elsewhere(request: HttpRequest) -> str:
    """What to say where a form comes from another workspace than the person works in by now, else "".

    The session has one workspace, a browser many tabs: a link followed in one changes it under the forms of the others.
    """
    here, opened = current(request), opened_in(request)
    if here is None or opened == here.public_id:
        return ""
    there = next((f"“{one.name}”" for one in tenancy(request).workspaces if one.public_id == opened), "another one")
    return (
        f"This form was opened in the workspace {there}, and you work in “{here.name}” by now: another tab changed it. "
        f"Meant for {there}: go back there in another tab, then send this form again. "
        f"Meant for “{here.name}”: open the form anew."
    )


def zone_of(workspace: Workspace | None) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(workspace.timezone if workspace else "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


class WorkspaceZone:
    """Middleware: every page of the admin shows times in the workspace's zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(zone_of(current(request))):
            return self.get_response(request)
