"""What every row has: a big integer inside, a prefixed random id outside."""

from __future__ import annotations

import ipaddress
import secrets
import string
from typing import Any

from django.db import models

_ALPHABET = string.digits + string.ascii_letters


def new_public_id(prefix: str) -> str:
    """`prefix` + "_" + 22 random base62 characters, the first a letter (130 bits).

    Django's admin reads "_40" in an address as "@": with a digit after the underscore some ids would not be found.
    """
    return f"{prefix}_{secrets.choice(string.ascii_letters)}{''.join(secrets.choice(_ALPHABET) for _ in range(21))}"


def is_this_machine(host: str) -> bool:
    """A name for this machine and no other: what travels there unencrypted leaves nothing."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class HostField(models.CharField):
    """A server's name as DNS compares it, in small letters and without the final dot, whoever writes or looks it up."""

    def to_python(self, value: Any) -> Any:
        name = super().to_python(value)
        return name.strip().lower().removesuffix(".") if isinstance(name, str) else name

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs  # the column is the same: nothing to migrate


class PublicIdField(models.CharField):
    """The only id that leaves the service."""

    def __init__(self, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs |= {"max_length": 40, "unique": True, "editable": False, "default": self._new}
        super().__init__(**kwargs)

    def _new(self) -> str:
        return new_public_id(self.prefix)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for key in ("max_length", "unique", "editable", "default"):
            kwargs.pop(key, None)
        return name, path, args, kwargs | {"prefix": self.prefix}
