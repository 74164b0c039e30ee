"""Seals every stored secret anew under the newest key. Row by row: it may be killed at any time and run again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import models

from seedtest import crypto
from seedtest.crypto import Sealed, SealedField


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of the secrets in one column."""

    column: str
    sealed: int
    unreadable: int  # sealed with a key that is gone: they must be entered again


def rotate_all() -> list[Rotated]:
    return [_rotate_column(model, field) for model, field in sealed_columns()]


def sealed_columns() -> Iterator[tuple[type[models.Model], SealedField]]:
    for model in apps.get_models():
        yield from ((model, field) for field in model._meta.fields if isinstance(field, SealedField))


def _rotate_column(model: type[models.Model], field: SealedField) -> Rotated:
    sealed = unreadable = 0
    for pk, token in model._default_manager.exclude(**{field.attname: ""}).values_list("pk", field.attname):
        try:
            fresh = crypto.rotate(token)
        except InvalidToken:
            unreadable += 1
            continue
        # Compare and set: a password that somebody enters meanwhile is not overwritten by the old one.
        row = model._default_manager.filter(pk=pk, **{field.attname: _as_sealed(token)})
        sealed += row.update(**{field.attname: _as_sealed(fresh)})
    return Rotated(f"{model._meta.verbose_name} {field.verbose_name}", sealed, unreadable)


def _as_sealed(token: str) -> Sealed:
    return Sealed(token, table="", field="", public_id="")  # moved as it is, never opened here
