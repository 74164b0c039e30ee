"""Workspaces, their members, API keys, and the operator's list of people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
)

from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin, WorkspaceForm
from seedtest.admin.widgets import Checkboxes
from seedtest.models import ApiKey, Membership, User, Workspace
from seedtest.models.clock import db_now
from seedtest.models.people import Role, Scope
from seedtest.services import membership

admin.site.unregister(Group)  # roles come from memberships; Django's groups would only confuse


@admin.register(Workspace)
class WorkspacesAdmin(WorkspaceAdmin):
    workspace_path = ""
    write_roles = tenancy.ADMINISTRATORS
    list_display = ("name", "timezone", "created_at")
    fieldsets = (
        (None, {"fields": ("name", "timezone")}),
        ("Seeds", {"fields": ("purge_after_days",)}),
        ("Evidence", {"fields": ("keep_raw", "raw_max_kb", "raw_retention_days")}),
    )

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return tenancy.tenancy(request).is_operator

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or tenancy.tenancy(request).is_operator

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or tenancy.tenancy(request).is_operator

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return tenancy.tenancy(request).is_operator

    def get_urls(self) -> list[URLPattern]:
        enter = self.admin_site.admin_view(self.enter_view)
        return [path("<str:object_id>/enter/", enter, name="seedtest_workspace_enter"), *super().get_urls()]

    def enter_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.get_object(request, object_id)  # 404 unless it is one of theirs; makes it the current one
        return HttpResponseRedirect(reverse("admin:index"))


@admin.register(Membership)
class MembershipAdmin(WorkspaceAdmin):
    write_roles = tenancy.ADMINISTRATORS
    list_display = ("email", "person", "role")
    list_display_links = ("email",)
    list_select_related = ("user", "workspace")
    fields = ("role",)

    @display(description="E-mail", ordering="user__email")
    def email(self, row: Membership) -> str:
        return row.user.email

    @display(description="Name")
    def person(self, row: Membership) -> str:
        return row.user.name

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Nobody is made a member by another's word alone: they accept an invitation."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:seedtest_invitation_add"))

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only an owner makes owners."""
        if db_field.name == "role" and tenancy.role(request) not in (Role.OWNER, tenancy.OPERATOR):
            kwargs["choices"] = [one for one in Role.choices if one[0] != Role.OWNER]
            kwargs.setdefault("widget", UnfoldAdminSelectWidget())
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        last = obj is not None and not membership.may_leave(obj)
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj) and not last

    def _may_touch(self, request: HttpRequest, obj: Any) -> bool:
        if obj is None or obj.role != Role.OWNER:
            return True
        return self.role_for(request, obj) in (Role.OWNER, tenancy.OPERATOR)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if not membership.change_role(obj, obj.role):
            messages.error(request, "A workspace needs an owner: make somebody else owner first.")

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        if not membership.leave(obj):  # the other owner stepped down since the page was asked for
            raise PermissionDenied


_LONGEST_LIFE = timedelta(days=3653)


class ApiKeyForm(WorkspaceForm):
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=Checkboxes(), initial=[Scope.TESTS_READ, Scope.TESTS_WRITE, Scope.SEEDS_READ],
        help_text="What programs with this key may do. Give as little as they need.",
    )  # fmt: skip

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "expires_at")

    def clean_expires_at(self) -> datetime | None:
        """Years 1 and 9999 fit one zone and no other: such a moment can be stored and never be read again."""
        moment = self.cleaned_data["expires_at"]
        if moment is None or "expires_at" not in self.changed_data:
            return moment
        now = db_now()
        if not now < moment <= now + _LONGEST_LIFE:
            raise forms.ValidationError("Choose a moment in the next ten years, or leave it empty: no end.")
        return moment


@admin.register(ApiKey)
class ApiKeyAdmin(WorkspaceAdmin):
    form = ApiKeyForm
    view_roles = write_roles = tenancy.ADMINISTRATORS
    list_display = ("name", "key", "created_by", "last_used_at", "expires_at", "state")
    fields = ("name", "scopes", "expires_at")
    change_form_outer_after_template = "seedtest/api_key_revoke.html"

    @display(description="Key")
    def key(self, row: ApiKey) -> str:
        return f"ipst_live_{row.public_id.removeprefix('key_')[:6]}…"

    @display(description="State", label={"In use": "success", "Revoked": "danger", "Expired": "warning"})
    def state(self, row: ApiKey) -> str:
        if row.revoked_at:
            return "Revoked"
        return "Expired" if row.expires_at and row.expires_at <= db_now() else "In use"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoked keys stay, so that it can be said who used what

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke_view)
        return [path("<path:object_id>/revoke/", revoke, name="seedtest_apikey_revoke"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The page that answers a new key shows it, once; nothing keeps the text."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form_class = self.get_form(request)
        form = form_class(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._show_new(request, form)
        return self.page(request, "api_key_add.html", "New API key", form=form)

    def _show_new(self, request: HttpRequest, form: forms.ModelForm) -> HttpResponse:
        data, workspace = form.cleaned_data, tenancy.current(request)
        assert workspace is not None and isinstance(request.user, User)
        key, text = ApiKey.mint(
            workspace=workspace, name=data["name"], scopes=data["scopes"], user=request.user,
            expires_at=data["expires_at"],
        )  # fmt: skip
        self.log_addition(request, key, "API key made")
        answer = self.page(request, "api_key_shown.html", "Your new API key", key=key, text=text)
        answer["Cache-Control"] = "no-store"
        return answer

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.get_object(request, object_id)
        if request.method != "POST" or not self.has_change_permission(request, key):
            raise PermissionDenied
        ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=db_now())
        messages.success(request, f"The key “{key.name}” is revoked: requests with it are refused from now on.")
        return HttpResponseRedirect(reverse("admin:seedtest_apikey_changelist"))


class UserForm(forms.ModelForm):
    new_password = forms.CharField(
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep the present one.",
        validators=[validate_password],
    )
    workspace: Any = None

    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_superuser")


@admin.register(User)
class UserAdmin(WorkspaceAdmin):
    """Only the operator sees people; everybody else sees the members of their workspace."""

    form = UserForm
    workspace_path = None
    view_roles = write_roles = tenancy.OPERATORS
    list_display = ("email", "name", "is_active", "is_superuser", "last_login")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_superuser", "new_password")

    def role_for(self, request: HttpRequest, obj: Any = None) -> str:
        return tenancy.OPERATOR if tenancy.tenancy(request).is_operator else ""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return tenancy.tenancy(request).is_operator

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows = super().get_queryset(request)
        return rows if tenancy.tenancy(request).is_operator else rows.none()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if form.cleaned_data.get("new_password"):
            obj.set_password(form.cleaned_data["new_password"])
        elif not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
