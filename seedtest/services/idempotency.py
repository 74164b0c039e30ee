"""A retried POST gets the answer of the first one: the key's row is written in the transaction of its resource."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, OperationalError, connection, transaction

from seedtest.models import IdempotencyKey, Workspace

#: How long a second request waits for the first one with the same key before it is told to come again.
LOCK_TIMEOUT: Final = "2s"
RETRY_AFTER: Final = 1
_KEY: Final = re.compile(r"[!-~]{1,255}")


class Busy(Exception):
    """Another request with this key is still at work: come again in RETRY_AFTER seconds."""


class Mismatch(Exception):
    """The key was used for another request already."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST answered. `body` is JSON."""

    status: int
    body: dict[str, Any]
    resource_id: str
    replayed: bool = False


class _Taken(Exception):
    """The key's row exists already."""


def is_key(text: str) -> bool:
    """1 to 255 printable ASCII characters without spaces."""
    return _KEY.fullmatch(text) is not None


def fingerprint(method: str, path: str, payload: object) -> str:
    """The same for the same request, however its JSON is spaced and ordered."""
    canonical = json.dumps([method, path, payload], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def once(workspace: Workspace, key: str, request_sha256: str, act: Callable[[], Answer], *, now: datetime) -> Answer:
    """Run `act` once for this key, or give its answer again. What `act` raises is not kept: the key stays free.

    A process killed between the INSERT and the answer leaves neither the key nor the resource, because both are in
    one transaction. Only success is stored, so never a 5xx.
    """
    try:
        with transaction.atomic():
            row = _insert(workspace, key, request_sha256, now)
            answer = act()
            row.status, row.body, row.resource_id = answer.status, answer.body, answer.resource_id
            row.save(update_fields=["status", "body", "resource_id"])
            return answer
    except _Taken:
        return _replay(workspace, key, request_sha256)
    except OperationalError as error:
        if _is_lock_timeout(error):
            raise Busy from error
        raise


def _insert(workspace: Workspace, key: str, request_sha256: str, now: datetime) -> IdempotencyKey:
    values = {"workspace": workspace, "key": key, "request_sha256": request_sha256, "created_at": now}
    try:
        _limit_lock_wait(LOCK_TIMEOUT)
        row = IdempotencyKey.objects.create(**values)
        _limit_lock_wait("DEFAULT")
    except IntegrityError as error:
        raise _Taken from error
    return row


def _limit_lock_wait(value: str) -> None:
    # SQLite has one writer: there the second request waits at BEGIN IMMEDIATE, as long as the busy timeout says.
    if connection.vendor != "postgresql":
        return
    literal = value if value == "DEFAULT" else f"'{value}'"
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {literal}")


def _is_lock_timeout(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == "55P03" or "database is locked" in str(error)


def _replay(workspace: Workspace, key: str, request_sha256: str) -> Answer:
    row = IdempotencyKey.objects.filter(workspace=workspace, key=key).first()
    if row is None or row.status is None:
        raise Busy  # retention deleted it this moment
    if row.request_sha256 != request_sha256:
        raise Mismatch
    return replace(Answer(row.status, row.body, row.resource_id), replayed=True)
