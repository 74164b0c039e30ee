"""How many sessions a provider's host bears and how far apart logins are: the operator's to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from placement import providers
from placement.errors import CatalogError
from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin
from seedtest.models import ProviderPace
from seedtest.services import pacing


@admin.register(ProviderPace)
class ProviderPaceAdmin(WorkspaceAdmin):
    """A row comes with the first login at a host. Empty figures follow the catalogue, also when it changes."""

    workspace_path = None
    list_before_template = "seedtest/pace_note.html"
    view_roles = write_roles = tenancy.OPERATORS
    list_display = ("provider_name", "host", "sessions", "spacing")
    list_display_links = ("provider_name",)
    search_fields = ("provider", "host")
    fields = ("provider_name", "host", "max_sessions", "login_spacing_ms")
    readonly_fields = ("provider_name", "host")

    def role_for(self, request: HttpRequest, obj: Any = None) -> str:
        return tenancy.OPERATOR if tenancy.tenancy(request).is_operator else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderPace]:
        rows = super().get_queryset(request)
        return rows if tenancy.tenancy(request).is_operator else rows.none()

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ProviderPace, form: Any, change: bool) -> None:
        obj.save(update_fields=["max_sessions", "login_spacing_ms"])  # workers book turns in this row all the time

    @display(description="Provider", ordering="provider")
    def provider_name(self, row: ProviderPace) -> str:
        entry = _entry(row)
        return entry.name if entry else row.provider

    @display(description="Sessions at once")
    def sessions(self, row: ProviderPace) -> str:
        return _told(row, row.max_sessions, "sessions")

    @display(description="Milliseconds between logins")
    def spacing(self, row: ProviderPace) -> str:
        return _told(row, row.login_spacing_ms, "spacing_ms")


def _entry(row: ProviderPace) -> providers.Provider | None:
    try:
        return providers.get(row.provider)
    except CatalogError:
        return None


def _told(row: ProviderPace, own: int | None, name: str) -> str:
    entry = _entry(row)
    if own is not None or entry is None:
        return str(own)
    return f"{getattr(pacing.bearable(entry), name)} (catalogue)"
