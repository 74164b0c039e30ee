"""Control messages: which known-good message goes to every seed, and how often."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.decorators import display

from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin
from seedtest.models import ControlPlan
from seedtest.models.clock import db_now
from seedtest.services import controls
from seedtest.templatetags.seedtest_pages import when


@admin.register(ControlPlan)
class ControlPlanAdmin(WorkspaceAdmin):
    list_display = ("plan", "enabled", "next_run", "last_run", "last_error")
    list_display_links = ("plan",)
    fields = ("enabled", "sending_profile", "message", "every_hours", "next_run", "last_run", "last_error")
    readonly_fields = ("next_run", "last_run", "last_error")

    @display(description="Plan")
    def plan(self, row: ControlPlan) -> str:
        return str(row)

    @display(description="Next one")
    def next_run(self, row: ControlPlan) -> str:
        return when(row.next_run_at) if row.enabled else "Switched off"

    @display(description="Last one")
    def last_run(self, row: ControlPlan) -> str:
        return when(row.last_run_at) or "—"

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        workspace = tenancy.current(request)
        has_one = workspace is not None and ControlPlan.objects.filter(workspace=workspace).exists()
        return super().has_add_permission(request, *args) and not has_one

    def save_model(self, request: HttpRequest, obj: ControlPlan, form: Any, change: bool) -> None:
        if not change:
            obj.workspace = tenancy.current(request)
        try:
            controls.save_plan(obj, now=db_now())
        except ValidationError as error:  # the form offers only rows of the workspace
            self.message_user(request, " ".join(error.messages), "ERROR")
