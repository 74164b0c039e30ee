"""Gives the database connection back while the network is waited for: none is held during IMAP or HTTP."""

from django.db import connection


def release_connection() -> None:
    """Give the database connection back (to the pool) while the network is waited for."""
    if not connection.in_atomic_block:
        connection.close()
