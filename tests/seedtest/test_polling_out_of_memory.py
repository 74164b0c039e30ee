"""A mailbox that cannot be read for want of memory costs its own claim, and nobody else anything."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest import tasks
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.services import polling

pytestmark = pytest.mark.django_db


def test_running_out_of_memory_keeps_the_claim_lost_and_the_worker_alive(cast, make_seed, monkeypatch):
    """Celery ends its whole worker when a task raises MemoryError."""
    mailbox = make_seed(cast.workspace).mailbox

    def too_much(plan: polling.Plan) -> None:
        raise MemoryError

    monkeypatch.setattr(polling, "look_into", too_much)
    tasks.poll([mailbox.pk])
    mailbox.refresh_from_db()
    assert (mailbox.attempts, mailbox.fail_count) == (1, 0)
    assert mailbox.lease_until > db_now()
    assert claims.claim([mailbox.pk], db_now(), owner="another", lease=timedelta(seconds=60)) == []
