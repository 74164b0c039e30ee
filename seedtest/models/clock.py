"""The database's clock, the only one that decides anything: one reading a transaction, passed down as `now`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

_SQL = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "SELECT date_trunc('milliseconds', clock_timestamp())",
}


def db_now() -> datetime:
    """Aware UTC, to the millisecond on both databases."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL[connection.vendor])
        value = cursor.fetchone()[0]
    moment = datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value.astimezone(UTC)
    return moment + timedelta(seconds=settings.CLOCK_OFFSET_SECONDS)
