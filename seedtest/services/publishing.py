"""Facts for webhooks and the events API: written with the change they tell of, numbered after its commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from seedtest.models.events import Event
from seedtest.models.people import Workspace

LIMIT = 500


def emit(workspace: Workspace, type: str, dedupe_key: str, data: Mapping[str, Any], *, now: datetime) -> None:
    """Write a fact once per (workspace, dedupe_key). Call inside the transaction that makes it true."""
    event = Event(workspace=workspace, type=type, dedupe_key=dedupe_key, data=dict(data), created_at=now)
    Event.objects.bulk_create([event], ignore_conflicts=True)


def publish(now: datetime, *, limit: int = LIMIT) -> int:
    """The tick: give committed events their `seq`, 1, 2, 3 … without gaps. Returns how many were numbered.

    Ids are taken before the commit, so a reader who follows ids would miss what commits late; a `seq` is only ever
    given to what is visible already. The rows are locked before the highest number is read: a second publisher
    waits, then finds them numbered. What still slips through meets the unique constraint, and the next tick tries
    again.
    """
    with transaction.atomic():
        waiting = Event.objects.filter(seq=None).order_by("id").select_for_update()
        ids = list(waiting.values_list("pk", flat=True)[:limit])
        last = Event.objects.aggregate(last=Max("seq"))["last"] or 0
        for seq, pk in enumerate(ids, last + 1):
            Event.objects.filter(pk=pk, seq=None).update(seq=seq)
    return len(ids)
