"""Invitations to the current workspace: a link shown once, the list of open ones, and revoking them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin
from seedtest.models import Invitation, User, Workspace
from seedtest.models.clock import db_now
from seedtest.models.people import Role
from seedtest.services import inviting

_INPUT = {"class": "st-input"}


def roles_to_give(own: str) -> list[tuple[str, str]]:
    """Only an owner makes owners."""
    own = Role.OWNER if own == tenancy.OPERATOR else own
    return [(value, label) for value, label in Role.choices if inviting.may_give(own, value)]


class InviteForm(forms.Form):
    """Answers alike whether or not the address has an account; members of this workspace are no secret in it."""

    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(_INPUT | {"autocomplete": "off"})
    )
    role = forms.ChoiceField(widget=forms.Select(_INPUT))

    def __init__(self, *args: Any, workspace: Workspace | None, roles: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, initial={"role": Role.MARKETER}, **kwargs)
        self.workspace = workspace
        self.fields["role"].choices = roles

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if self.workspace and self.workspace.memberships.filter(user__email__iexact=email).exists():
            raise forms.ValidationError("This person is a member already. Open them in the list to change the role.")
        return email


@admin.register(Invitation)
class InvitationAdmin(WorkspaceAdmin):
    view_roles = write_roles = tenancy.ADMINISTRATORS
    fields = ("email", "role", "created_by", "created_at", "expires_at", "accepted_at", "revoked_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # another role or address is another invitation

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoked ones stay for a while, so that it can be said who invited whom

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke_view)
        return [path("<path:object_id>/revoke/", revoke, name="seedtest_invitation_revoke"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        workspace = tenancy.current(request)
        rows = inviting.open_in(workspace, now=db_now()) if workspace else ()
        listed = [(row, self._may_revoke(request, row)) for row in rows]
        return self.page(request, "invitations.html", "Open invitations", invitations=listed)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The page that answers shows the link, once; nothing keeps its token."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        roles = roles_to_give(tenancy.role(request))
        form = InviteForm(request.POST or None, workspace=tenancy.current(request), roles=roles)
        if self.accepts(request, form):
            return self._show_new(request, form)
        return self.page(request, "invitation_add.html", "Invite somebody", form=form)

    def _show_new(self, request: HttpRequest, form: InviteForm) -> HttpResponse:
        workspace, data = tenancy.current(request), form.cleaned_data
        assert workspace is not None and isinstance(request.user, User)
        row, token = inviting.invite(workspace, data["email"], role=data["role"], by=request.user, now=db_now())
        self.log_addition(request, row, "Invited")
        link = settings.PUBLIC_URL + reverse("invitation", args=[token])
        answer = self.page(request, "invitation_shown.html", "The invitation's link", invitation=row, link=link)
        answer["Cache-Control"] = "no-store"
        return answer

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        if request.method != "POST" or not self._may_revoke(request, row):
            raise PermissionDenied
        if inviting.revoke(row, now=db_now()):
            self.log_change(request, row, "Revoked")
            messages.success(request, f"The invitation of {row.email} is revoked: its link leads nowhere now.")
        else:
            messages.warning(request, f"The invitation of {row.email} had ended already. Look among the members.")
        return HttpResponseRedirect(reverse("admin:seedtest_invitation_changelist"))

    def _may_revoke(self, request: HttpRequest, row: Invitation) -> bool:
        return row.role in dict(roles_to_give(self.role_for(request, row)))
