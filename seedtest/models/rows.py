"""Many rows of one table written at once, each with values of its own.

`bulk_update` makes a CASE of every column and row, which costs more than all it saves; one prepared UPDATE for all rows
is sent here (PostgreSQL: in one round trip, psycopg's pipeline).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models


def write(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write these fields of these rows, all of one model and all saved before."""
    if not rows:
        return
    meta = rows[0]._meta
    fields = [meta.get_field(name) for name in names]
    columns = ", ".join(f"{connection.ops.quote_name(field.column)} = %s" for field in fields)
    table, key = (connection.ops.quote_name(name) for name in (meta.db_table, meta.pk.column))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {columns} WHERE {key} = %s", [[*_values(row, fields), row.pk] for row in rows]
        )


def write_whole(rows: Sequence[models.Model]) -> None:
    """Write every field, as `save` does for one row that was saved before."""
    if rows:
        write(rows, [field.name for field in rows[0]._meta.concrete_fields if not field.primary_key])


def _values(row: models.Model, fields: Sequence[Any]) -> list[Any]:
    return [field.get_db_prep_save(field.pre_save(row, add=False), connection=connection) for field in fields]
