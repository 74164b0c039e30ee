"""What we send ourselves: the SMTP accounts it leaves by, and the messages."""

from __future__ import annotations

import ssl
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin, WorkspaceForm
from seedtest.admin.message_field import MessageField
from seedtest.models import OutgoingMessage, SendingProfile
from seedtest.models.clock import db_now
from seedtest.services import intake


def clean_pem(pem: str) -> str:
    """The text of a CA certificate, or a ValidationError that says what to paste."""
    pem = pem.strip()
    if not pem:
        return ""
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: a letter that is not ASCII
        raise forms.ValidationError(
            "This is no PEM certificate. Paste the whole block from -----BEGIN CERTIFICATE----- to the end line."
        ) from None
    return pem


class SecretField(forms.CharField):
    """Write only: never shows what is stored, and empty means “keep it”."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False)
        super().__init__(required=False, strip=False, widget=widget, **kwargs)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return ""


class SecretForm(WorkspaceForm):
    """A form with one sealed field, which the model form itself never touches."""

    secret_name = "password"
    #: Where the secret goes: who may change these, but does not know it, must not send it to a server of their own.
    goes_to = ("host", "port", "tls", "ca_pem")
    secret = SecretField(
        label="Password", help_text="Stored encrypted and never shown. Leave empty to keep the present one."
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        moved = set(self.goes_to) & set(self.changed_data)
        if moved and getattr(self.instance, self.secret_name) and not cleaned.get("secret"):
            self.add_error("secret", "Enter the password again: the stored one was given for another server.")
        return cleaned

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("secret"):
            setattr(self.instance, self.secret_name, self.cleaned_data["secret"])
        return super().save(commit)


class SendingProfileForm(SecretForm):
    class Meta:
        model = SendingProfile
        fields = ("name", "host", "port", "tls", "username", "from_address", "envelope_from", "ca_pem")

    def clean_ca_pem(self) -> str:
        return clean_pem(self.cleaned_data["ca_pem"])


@admin.register(SendingProfile)
class SendingProfileAdmin(WorkspaceAdmin):
    form = SendingProfileForm
    write_roles = tenancy.ADMINISTRATORS
    list_display = ("name", "host", "port", "tls", "username", "from_address")
    fieldsets = (
        (None, {"fields": ("name", "from_address", "envelope_from")}),
        ("SMTP server", {"fields": ("host", "port", "tls", "username", "secret", "ca_pem")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        used = isinstance(obj, SendingProfile) and (obj.schedules.exists() or obj.control_plans.exists())
        return super().has_delete_permission(request, obj) and not used


class MessageForm(forms.Form):
    source = MessageField()


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(WorkspaceAdmin):
    """Messages are kept as given: to change one, add another."""

    list_display = ("subject_line", "from_address", "size", "created_at")
    search_fields = ("subject", "from_address")
    fields = readonly_fields = ("subject_line", "from_address", "size", "created_at", "source_text")

    @display(description="Subject")
    def subject_line(self, row: OutgoingMessage) -> str:
        return row.subject or "(no subject)"

    @display(description="Source")
    def source_text(self, row: OutgoingMessage) -> str:
        text = row.raw[:20_000].decode("utf-8", "replace")
        return format_html('<pre class="st-source">{}</pre>', text)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        used = isinstance(obj, OutgoingMessage) and any(
            rows.exists() for rows in (obj.schedules, obj.seed_tests, obj.control_plans)
        )
        return super().has_delete_permission(request, obj) and not used

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = MessageForm(request.POST or None, request.FILES or None)
        workspace = tenancy.current(request)
        if workspace and self.accepts(request, form):
            try:
                message = intake.keep_message(workspace, form.cleaned_data["source"], now=db_now())
            except intake.IntakeError as error:
                form.add_error("source", " ".join(fault.detail for fault in error.errors))
            else:
                return HttpResponseRedirect(reverse("admin:seedtest_outgoingmessage_change", args=[message.pk]))
        return self.page(request, "message_add.html", "New message", form=form)
