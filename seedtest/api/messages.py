"""A message in a request: its whole source as text or in base64."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from rest_framework import serializers

from seedtest.api.fields import Strict, Text
from seedtest.models import OutgoingMessage, Workspace
from seedtest.services import intake


class MessageSource(Strict):
    """Exactly one of the two. Base64 keeps the bytes of messages that are not UTF-8."""

    raw_base64 = Text(required=False, trim_whitespace=False, help_text="The whole source (RFC 5322), in base64.")
    eml = Text(required=False, trim_whitespace=False, help_text="The whole source (RFC 5322), as text.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Give either raw_base64 or eml.", code="invalid")
        return attrs

    def validate_raw_base64(self, value: str) -> bytes:
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise serializers.ValidationError("This is not base64.", code="invalid") from None

    def validate_eml(self, value: str) -> bytes:
        return value.encode()


def keep(workspace: Workspace, source: dict[str, bytes], now: datetime) -> OutgoingMessage:
    return intake.keep_message(workspace, next(iter(source.values())), now=now)


class MessageSummary(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    subject = serializers.CharField()
    from_address = serializers.CharField()
    size = serializers.IntegerField()
