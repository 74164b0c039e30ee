"""Serializer fields that take JSON at its word: no "5" for 5, no "yes" for true, no time without its offset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers


class Strict(serializers.Serializer[Any]):
    # A typo is an error, not a setting that silently does nothing. (A docstring would describe every object.)
    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                detail = serializers.ErrorDetail("This API knows no such field here.", code="unknown_field")
                raise serializers.ValidationError({name: [detail] for name in unknown})
        return super().to_internal_value(data)


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Whole(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, (int, float)) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """RFC 3339 with its offset; answers are UTC."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="2026-03-30T08:00:00Z")
        try:
            given = datetime.fromisoformat(value)
        except ValueError:
            given = None
        if given is None or given.tzinfo is None or "T" not in value.upper():
            self.fail("invalid", format="2026-03-30T08:00:00Z")
        try:
            return given.astimezone(UTC)
        except OverflowError:
            self.fail("overflow", timezone="UTC")

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Counted(serializers.Serializer[Any]):
    """A rate with what it rests on. `rate` and its interval are null where n is 0 or no interval can be given."""

    count = serializers.IntegerField()
    n = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    ci_low = serializers.FloatField(allow_null=True)
    ci_high = serializers.FloatField(allow_null=True)
    method = serializers.CharField(help_text="wilson95 or not_enough_history")
