"""Ways out: a source address or a SOCKS5 proxy for a group of mailboxes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin
from seedtest.admin.sending import SecretForm
from seedtest.models import EgressRoute


class EgressRouteForm(SecretForm):
    secret_name = "proxy_password"
    goes_to = ("proxy_host", "proxy_port")

    class Meta:
        model = EgressRoute
        fields = ("name", "source_address", "proxy_host", "proxy_port", "proxy_username")


@admin.register(EgressRoute)
class EgressRouteAdmin(WorkspaceAdmin):
    form = EgressRouteForm
    write_roles = tenancy.ADMINISTRATORS
    list_display = ("name", "leaves_by", "used_by")
    fieldsets = (
        (None, {"fields": ("name", "source_address")}),
        ("SOCKS5 proxy", {"fields": ("proxy_host", "proxy_port", "proxy_username", "secret")}),
    )

    @display(description="Leaves by")
    def leaves_by(self, row: EgressRoute) -> str:
        proxy = f"{row.proxy_host}:{row.proxy_port}" if row.proxy_host else ""
        return " through ".join(filter(None, (row.source_address, proxy)))

    @display(description="Mailboxes")
    def used_by(self, row: EgressRoute) -> str:
        return str(row.mailboxes.count())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        used = isinstance(obj, EgressRoute) and obj.mailboxes.exists()
        return super().has_delete_permission(request, obj) and not used
