"""Streams: what a sender sends as one thing."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from django import forms
from django.contrib import admin
from unfold.widgets import UnfoldAdminTextareaWidget

from placement.headers.domains import normal_domain
from seedtest.admin.base import WorkspaceAdmin, WorkspaceForm
from seedtest.models import Stream


class Lines(forms.CharField):
    """A list as a person writes it: one entry a line."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> str:
        return "\n".join(map(str, value)) if isinstance(value, list) else value or ""

    def to_python(self, value: Any) -> list[str]:
        text = value if isinstance(value, str) else json.dumps(value or [])
        return [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)


class StreamForm(WorkspaceForm):
    expected_ips = Lines(
        label="Expected sending IPs", help_text="One a line. Mail from other addresses is pointed out."
    )
    expected_dkim_domains = Lines(label="Expected DKIM domains", help_text="One a line, like acme.example.")

    class Meta:
        model = Stream
        fields = ("name", "from_domain", "kind", "esp", "expected_ips", "expected_dkim_domains")

    def clean_from_domain(self) -> str:
        return normal_domain(self.cleaned_data["from_domain"])

    def clean_expected_ips(self) -> list[str]:
        for text in self.cleaned_data["expected_ips"]:
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise forms.ValidationError(f"“{text}” is no IP address. Write 192.0.2.7 or 192.0.2.0/24.") from None
        return self.cleaned_data["expected_ips"]


@admin.register(Stream)
class StreamAdmin(WorkspaceAdmin):
    form = StreamForm
    list_display = ("name", "from_domain", "kind", "esp")
    list_filter = ("kind",)
    search_fields = ("name", "from_domain", "esp")
    fieldsets = (
        (None, {"fields": ("name", "from_domain", "kind", "esp")}),
        ("What to expect", {"fields": ("expected_ips", "expected_dkim_domains")}),
    )
