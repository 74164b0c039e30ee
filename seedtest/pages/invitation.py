"""The page behind an invitation's link: whoever holds it joins as the one address it was made for, once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.auth import login, logout
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from seedtest.models import Invitation, User
from seedtest.models.clock import db_now
from seedtest.services import inviting

_BACKEND = "django.contrib.auth.backends.ModelBackend"


def _new_password() -> UnfoldAdminPasswordWidget:
    return UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})


class NewAccountForm(forms.Form):
    """Only the person the link is for chooses the password."""

    name = forms.CharField(
        label="Your name", max_length=120, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(strip=False, widget=_new_password(), help_text="Ten characters or more.")
    again = forms.CharField(label="The password again", strip=False, widget=_new_password())

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self.email, name=self.cleaned_data.get("name", "")))
        return password

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "password" in data and data["password"] != data.get("again"):
            self.add_error("again", "These are two different passwords. Type the same one twice.")
        return data


@sensitive_post_parameters("password", "again")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    invitation = inviting.find(token, now=db_now())
    if invitation is None:
        return _gone(request)
    if request.method == "POST" and "sign_out" in request.POST:
        logout(request)
        return HttpResponseRedirect(request.path)
    account = inviting.account_of(invitation)
    if request.user.is_authenticated and request.user != account:
        return _page(request, invitation, "somebody_else")
    return _new_here(request, invitation) if account is None else _known(request, invitation, account)


def _known(request: HttpRequest, invitation: Invitation, account: User) -> HttpResponse:
    """The one door for passwords stays the login page; it leads back to here."""
    if not request.user.is_authenticated:
        login_address = f"{reverse('admin:login')}?{urlencode({'next': request.path})}"
        return _page(request, invitation, "sign_in", login_address=login_address)
    if request.method != "POST":
        return _page(request, invitation, "accept")
    return _welcome(invitation) if inviting.accept(invitation, account, now=db_now()) else _gone(request)


def _new_here(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    form = NewAccountForm(request.POST if request.method == "POST" else None, email=invitation.email)
    if not form.is_valid():
        return _page(request, invitation, "new", form=form)
    data = form.cleaned_data
    user = inviting.accept_anew(invitation, name=data["name"], password=data["password"], now=db_now())
    if user is None:  # ended, or the address got an account, while the form was filled in: look anew
        return HttpResponseRedirect(request.path)
    login(request, user, backend=_BACKEND)
    return _welcome(invitation)


def _welcome(invitation: Invitation) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:seedtest_workspace_enter", args=[invitation.workspace.public_id]))


def _page(request: HttpRequest, invitation: Invitation, state: str, **context: Any) -> HttpResponse:
    own = {"title": "Invitation", "invitation": invitation, "state": state}
    return _render(request, own | context)


def _gone(request: HttpRequest) -> HttpResponse:
    """Expired, used, revoked and never made are one answer: a link tells nothing to whoever tries it."""
    return _render(request, {"title": "No invitation here", "state": "gone"}, status=404)


def _render(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    frame = admin.site.each_context(request)
    return TemplateResponse(request, "seedtest/invitation.html", frame | context, status=status)
