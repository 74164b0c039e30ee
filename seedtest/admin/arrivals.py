"""The tray "Arrived without a test": what came to the seeds that nobody had announced."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from placement import providers
from seedtest.admin import tenancy, words
from seedtest.admin.base import WorkspaceAdmin
from seedtest.admin.seedtests import test_url
from seedtest.models import Arrival, SeedList, User, Workspace
from seedtest.models.clock import db_now
from seedtest.services import intake, tray

_INPUT = {"class": "st-input"}
SHOWN = 100


class ClaimForm(forms.Form):
    name = forms.CharField(max_length=200, label="Name of the test", widget=forms.TextInput(_INPUT))
    seed_list = forms.ModelChoiceField(
        SeedList.objects.none(), required=False, label="It was sent to", empty_label="all my seeds",
        widget=forms.Select(_INPUT),
    )  # fmt: skip

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seed_list"].queryset = SeedList.objects.filter(workspace=workspace)


@admin.register(Arrival)
class ArrivalAdmin(WorkspaceAdmin):
    """Only mailboxes of the workspace's own that nobody shares; see `tray.own_mailboxes`."""

    workspace_path = "mailbox__workspace"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Arrival]:
        workspace = tenancy.current(request)
        rows = super().get_queryset(request)
        return rows.filter(mailbox_id__in=tray.own_mailboxes(workspace)) if workspace else rows.none()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        raise Http404("Arrivals are shown in groups only.")

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        claim = self.admin_site.admin_view(self.claim_view)
        return [path("claim/<str:group_id>/", claim, name="seedtest_arrival_claim"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        workspace = tenancy.current(request)
        found = tray.groups(workspace, now=db_now()) if workspace else ()
        return self.page(
            request, "tray.html", "Arrived without a test", groups=[_shown(group) for group in found[:SHOWN]],
            more=max(0, len(found) - SHOWN),
        )  # fmt: skip

    def claim_view(self, request: HttpRequest, group_id: str) -> HttpResponse:
        workspace = tenancy.current(request)
        group = tray.find(workspace, group_id, now=db_now()) if workspace else None
        if workspace is None or group is None:
            raise Http404("This group is not there any more: it belongs to a test by now, or is too old.")
        if not self.has_change_permission(request):
            raise PermissionDenied
        initial = {"name": (group.subject or group.from_domain)[:200], "seed_list": tray.siblings(workspace, group)}
        form = ClaimForm(request.POST or None, workspace=workspace, initial=initial)
        if request.method == "POST" and form.is_valid():
            answer = self._claim(request, workspace, group, form)
            if answer is not None:
                return answer
        return self.page(request, "tray_claim.html", "This was my test", form=form, one=_shown(group))

    def _claim(
        self, request: HttpRequest, workspace: Workspace, group: tray.Group, form: ClaimForm
    ) -> HttpResponse | None:
        assert isinstance(request.user, User)
        try:
            test = tray.this_was_my_test(
                workspace, group, name=form.cleaned_data["name"], user=request.user, now=db_now(),
                seed_list=form.cleaned_data["seed_list"],
            )  # fmt: skip
        except intake.IntakeError as error:
            for fault in error.errors:
                form.add_error(None, fault.detail)
            return None
        messages.success(request, "These messages are a test now. Seeds that got nothing are checked next.")
        return HttpResponseRedirect(test_url(test))


def _shown(group: tray.Group) -> dict[str, Any]:
    return {
        "group": group,
        "placements": [(words.PLACEMENTS[name], count) for name, count in group.placements.items()],
        "providers": ", ".join(providers.get_or_generic(one).name for one in group.providers),
    }
