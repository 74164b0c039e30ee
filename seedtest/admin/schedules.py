"""Recurring tests, with the next run in the workspace's own time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin, WorkspaceForm
from seedtest.models import Schedule
from seedtest.models.clock import db_now
from seedtest.services import scheduling

_EXAMPLES = "Minute, hour, day, month, weekday. 0 9 * * 1-5: every working day at nine. 30 6 * * 1: Mondays at 6:30."


class ScheduleForm(WorkspaceForm):
    timezone = forms.CharField(
        widget=UnfoldAdminTextInputWidget(),
        help_text="An IANA zone like Europe/Berlin: nine o'clock stays nine o'clock.",
    )

    class Meta:
        model = Schedule
        fields = (
            "name", "enabled", "cron", "timezone", "misfire", "seed_list", "stream", "sending_profile", "message",
        )  # fmt: skip
        help_texts = {"cron": _EXAMPLES}
        labels = {"cron": "When"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None and self.workspace and "timezone" in self.fields:
            self.initial.setdefault("timezone", self.workspace.timezone)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("cron") and cleaned.get("timezone"):
            try:
                scheduling.next_run(cleaned["cron"], cleaned["timezone"], db_now())
            except scheduling.ScheduleError as error:
                self.add_error("cron", str(error))
        return cleaned


@admin.register(Schedule)
class ScheduleAdmin(WorkspaceAdmin):
    form = ScheduleForm
    list_display = ("name", "when", "next_run", "last_run", "state")
    list_filter = ("enabled", "stream")
    search_fields = ("name",)
    readonly_fields = ("next_run", "last_run", "last_error")
    fieldsets = (
        (None, {"fields": ("name", "enabled")}),
        ("When", {"fields": ("cron", "timezone", "misfire")}),
        ("What is sent to whom", {"fields": ("seed_list", "stream", "sending_profile", "message")}),
        ("State", {"fields": ("next_run", "last_run", "last_error")}),
    )

    @display(description="When")
    def when(self, row: Schedule) -> str:
        return f"{row.cron} ({row.timezone})"

    @display(description="Next run", ordering="next_run_at")
    def next_run(self, row: Schedule) -> str:
        return _said(row.next_run_at) if row.enabled else "Switched off"

    @display(description="Last run", ordering="last_run_at")
    def last_run(self, row: Schedule) -> str:
        return _said(row.last_run_at)

    @display(description="State", label={"Running": "success", "Last run failed": "danger"})
    def state(self, row: Schedule) -> str:
        if row.last_error:
            return "Last run failed"
        return "Running" if row.enabled else "Switched off"

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        if not change:
            obj.workspace = tenancy.current(request)
            obj.created_by = request.user  # type: ignore[assignment]
        try:
            scheduling.save_schedule(obj, now=db_now())
        except ValidationError as error:  # the form has checked the same; only a race comes here
            self.message_user(request, " ".join(error.messages), "ERROR")


def _said(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%a %d %b %Y, %H:%M %Z}" if moment else "—"
