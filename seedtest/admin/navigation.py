"""The sidebar: where each section is, and who sees it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import escape

from seedtest.admin import tenancy


def _item(title: str, icon: str, name: str, *, exact: bool = False) -> dict[str, Any]:
    link = reverse(f"admin:{name}")
    item: dict[str, Any] = {"title": title, "icon": icon, "link": link}
    return item | {"active": lambda request: request.path == link} if exact else item


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    role = tenancy.role(request)
    if not role:
        return [{"title": "", "items": [_item("Home", "home", "index", exact=True)]}]
    groups = [
        {
            "title": "",
            "items": [
                _item("Home", "home", "index", exact=True),
                _item("Seed tests", "mark_email_read", "seedtest_seedtest_changelist"),
                _item("Arrived without a test", "move_to_inbox", "seedtest_arrival_changelist"),
                _item("Schedules", "event_repeat", "seedtest_schedule_changelist"),
            ],
        },
        {
            "title": "Seeds",
            "separator": True,
            "items": [
                _item("Seed accounts", "group", "seedtest_seedaccount_changelist"),
                _item("Seed lists", "list_alt", "seedtest_seedlist_changelist"),
                _item("Mailboxes", "inbox", "seedtest_mailbox_changelist"),
                _item("Control messages", "verified", "seedtest_controlplan_changelist"),
                _item("Egress routes", "alt_route", "seedtest_egressroute_changelist"),
            ],
        },
        {
            "title": "What you send",
            "separator": True,
            "items": [
                _item("Streams", "campaign", "seedtest_stream_changelist"),
                _item("Messages", "draft", "seedtest_outgoingmessage_changelist"),
                _item("Sending profiles", "outgoing_mail", "seedtest_sendingprofile_changelist"),
            ],
        },
    ]
    return [*groups, _settings(role), *_workspaces(request)]


def _settings(role: str) -> dict[str, Any]:
    items = [_item("Members", "badge", "seedtest_membership_changelist")]
    if role in tenancy.ADMINISTRATORS:
        items.append(_item("Invitations", "person_add", "seedtest_invitation_changelist"))
        items.append(_item("API keys", "key", "seedtest_apikey_changelist"))
    items.append(_item("Workspace", "settings", "seedtest_workspace_changelist"))
    if role in tenancy.OPERATORS:
        items.append(_item("People", "person", "seedtest_user_changelist"))
        items.append(_item("Login pace", "speed", "seedtest_providerpace_changelist"))
    return {"title": "Settings", "separator": True, "items": items}


def _workspaces(request: HttpRequest) -> list[dict[str, Any]]:
    found = tenancy.tenancy(request)
    if len(found.workspaces) < 2:
        return []
    items = [
        {
            # The sidebar's template prints titles unescaped.
            "title": escape(one.name),
            "icon": "check" if found.current and one.pk == found.current.pk else "swap_horiz",
            "link": reverse("admin:seedtest_workspace_enter", args=[one.public_id]),
            "active": False,
        }
        for one in found.workspaces[:20]
    ]
    return [{"title": "Switch workspace", "separator": True, "collapsible": True, "items": items}]
