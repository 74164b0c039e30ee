"""A form field for a whole e-mail message: paste its source, or upload the .eml file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

MAX_BYTES = 10 * 1024 * 1024


class MessageWidget(forms.MultiWidget):
    template_name = "seedtest/widgets/message.html"

    def __init__(self) -> None:
        text = forms.Textarea(attrs={"class": "st-input st-code", "rows": 9, "spellcheck": "false"})
        super().__init__([text, forms.FileInput(attrs={"class": "st-file", "accept": ".eml,.txt,message/rfc822"})])

    def decompress(self, value: Any) -> list[Any]:
        return [value or "", None]


class MessageField(forms.MultiValueField):
    """Cleans to bytes; the file wins where both are given."""

    widget = MessageWidget

    def __init__(self, *, required: bool = True) -> None:
        parts = (forms.CharField(required=False, strip=False), forms.FileField(required=False))
        super().__init__(
            parts, required=required, require_all_fields=False, label="Message",
            help_text="The whole source of the message, headers first (in most mail programs: “Show original”).",
        )  # fmt: skip

    def compress(self, values: list[Any]) -> bytes:
        text, file = [*values, "", None][:2]
        if isinstance(file, UploadedFile):
            if (file.size or 0) > MAX_BYTES:
                raise forms.ValidationError("The file is larger than 10 MB. Send a smaller message.")
            return file.read()
        # A browser sends CRLF for every line of a text area, which is what a message has.
        return (text or "").lstrip().encode("utf-8", "surrogateescape")
