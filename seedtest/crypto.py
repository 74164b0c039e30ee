"""Secrets at rest: a sealed field that opens only in the row and column it was sealed for."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


class SecretUnreadable(Exception):
    """The stored secret cannot be opened: the key is gone, or the value was copied from another row."""


@lru_cache(maxsize=4)
def _keyring(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured(
            "SEEDTEST_ENCRYPTION_KEYS is empty, so no secret can be stored or read. "
            "Run `manage.py newkey` and put the result into the environment."
        )
    return MultiFernet([Fernet(key.encode()) for key in keys])


def keyring() -> MultiFernet:
    return _keyring(tuple(settings.SEEDTEST_ENCRYPTION_KEYS))


def seal(value: str, *, table: str, field: str, public_id: str) -> str:
    """Encrypt `value` together with the place it belongs to."""
    body = {"table": table, "field": field, "public_id": public_id, "value": value}
    return keyring().encrypt(json.dumps(body).encode()).decode()


def unseal(token: str, *, table: str, field: str, public_id: str) -> str:
    """The value sealed for exactly this place. Raises SecretUnreadable."""
    try:
        body = json.loads(keyring().decrypt(token.encode()))
    except (InvalidToken, ValueError) as error:
        raise SecretUnreadable(
            "The stored secret cannot be opened with the configured keys. Enter it again, "
            "or put the old key back into SEEDTEST_ENCRYPTION_KEYS."
        ) from error
    if (body["table"], body["field"], body["public_id"]) != (table, field, public_id):
        raise SecretUnreadable("The stored secret belongs to another row. Enter it again.")
    return str(body["value"])


def rotate(token: str) -> str:
    """The same secret under the newest key."""
    return keyring().rotate(token.encode()).decode()


class Sealed:
    """A secret as it sits in a row. Its text never shows; `reveal()` opens it."""

    __slots__ = ("_place", "token")

    def __init__(self, token: str, *, table: str, field: str, public_id: str) -> None:
        self.token = token
        self._place = {"table": table, "field": field, "public_id": public_id}

    def reveal(self) -> str:
        return unseal(self.token, **self._place) if self.token else ""

    def __bool__(self) -> bool:
        return bool(self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        return "••••••" if self.token else "(empty)"

    __str__ = __repr__


class _Stored(str):
    """Marks ciphertext that came from the database, so that assigning it does not seal it again."""

    __slots__ = ()


class _SealedAttribute:
    def __init__(self, field: SealedField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            instance.refresh_from_db(fields=[self.field.attname])
        return instance.__dict__[self.field.attname]

    def __set__(self, instance: models.Model, value: object) -> None:
        instance.__dict__[self.field.attname] = self.field.sealed_for(instance, value)


class SealedField(models.TextField):
    """Text that is encrypted at rest. Assign plain text; read a `Sealed`. Needs `public_id` declared before it."""

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, name, _SealedAttribute(self))

    def sealed_for(self, instance: models.Model, value: object) -> Sealed:
        if isinstance(value, Sealed):
            return value
        place = {
            "table": instance._meta.db_table,
            "field": str(self.attname),
            "public_id": str(instance.public_id),  # type: ignore[attr-defined]
        }
        if isinstance(value, _Stored):
            return Sealed(str(value), **place)
        return Sealed(seal(str(value), **place) if value else "", **place)

    def from_db_value(self, value: str | None, expression: object, connection: object) -> _Stored:
        return _Stored(value or "")

    def get_prep_value(self, value: object) -> str:
        if isinstance(value, Sealed):
            return value.token
        if value in (None, ""):
            return ""
        raise TypeError("a sealed field takes its value from the model instance only")

    def value_to_string(self, obj: models.Model) -> str:
        return ""  # serialisers and fixtures never carry a secret

    def to_python(self, value: object) -> object:
        return value
