"""Seed lists: who is in, and the versioned export to copy into an ESP."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.decorators import display

from placement import providers
from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin, WorkspaceForm
from seedtest.admin.widgets import Checkboxes, GroupedIterator
from seedtest.models import SeedAccount, SeedList
from seedtest.models.clock import db_now
from seedtest.services import exporting, seed_tables, seeding


class Accounts(forms.ModelMultipleChoiceField):
    """Seed accounts under the name of their provider."""

    widget = Checkboxes
    iterator = GroupedIterator

    def group(self, row: SeedAccount) -> str:
        return providers.get_or_generic(row.mailbox.provider).name

    def label_from_instance(self, row: SeedAccount) -> str:
        return row.mailbox.address if row.enabled else f"{row.mailbox.address} (switched off)"


class SeedListForm(WorkspaceForm):
    accounts = Accounts(
        queryset=SeedAccount.objects.none(), required=False, label="Seeds in this list",
        help_text="Every change gives the list a new version, so that each test says what it was sent to.",
    )  # fmt: skip

    class Meta:
        model = SeedList
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = SeedAccount.objects.filter(workspace=self.workspace) if self.workspace else SeedAccount.objects.none()
        self.fields["accounts"].queryset = rows.select_related("mailbox")
        if self.instance.pk:
            self.initial["accounts"] = list(self.instance.members.values_list("seed_account_id", flat=True))


@admin.register(SeedList)
class SeedListAdmin(WorkspaceAdmin):
    form = SeedListForm
    list_display = ("name", "version", "size", "updated_at", "export_link")
    search_fields = ("name",)
    ordering = ("name", "id")  # with counts in the query, the model's own order does not hold
    fields = ("name", "accounts")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SeedList]:
        return super().get_queryset(request).annotate(count=Count("members"))

    @display(description="Seeds", ordering="count")
    def size(self, row: Any) -> str:
        return str(row.count) if row.count else "empty: open it and tick seeds"

    @display(description="")
    def export_link(self, row: SeedList) -> str:
        url = reverse("admin:seedtest_seedlist_export", args=[row.public_id])
        copied = row.handed_out_version
        stale = f"changed since version {copied}, copy it again" if copied and copied < row.version else ""
        note = format_html("<small class='st-block st-quiet'>{}</small>", stale) if stale else ""
        return format_html('<a class="st-link" href="{}">Copy addresses</a>{}', url, note)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        used = isinstance(obj, SeedList) and obj.schedules.exists()
        return super().has_delete_permission(request, obj) and not used

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/export/", wrap(self.export_view), name="seedtest_seedlist_export"),
            path("<path:object_id>/export.csv", wrap(self.csv_view), name="seedtest_seedlist_csv"),
            *super().get_urls(),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = ("name",)  # `accounts` is the form's own
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(self, request: HttpRequest, obj: SeedList, form: Any, change: bool) -> None:
        if not change:
            obj.workspace = tenancy.current(request)
            obj.save()
        else:
            obj.save(update_fields=["name"])
        if "accounts" in form.cleaned_data and seeding.set_members(obj, form.cleaned_data["accounts"]):
            messages.info(request, f"The list is now version {obj.version}. Copy it into your ESP again.")

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        seed_list = self.get_object(request, object_id)
        before, noted = seed_list.handed_out_version, self.has_change_permission(request, seed_list)
        export = exporting.hand_out(seed_list, now=db_now(), noted=noted)
        seed_list.refresh_from_db()
        return self.page(
            request, "seed_list_export.html", f"{seed_list.name}: addresses to copy", seed_list=seed_list,
            export=export, lines=seed_tables.as_lines(export), noted=noted,
            older=before if before and before < export.version else None,
        )  # fmt: skip

    def csv_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        seed_list = self.get_object(request, object_id)
        now = db_now()
        export = exporting.hand_out(seed_list, now=now, noted=self.has_change_permission(request, seed_list))
        answer = HttpResponse(seed_tables.as_csv(export, now=now), content_type="text/csv; charset=utf-8")
        name = re.sub(r"[^A-Za-z0-9]+", "-", seed_list.name).strip("-").lower() or "seed-list"
        answer["Content-Disposition"] = f'attachment; filename="{name}-v{export.version}.csv"'
        return answer
