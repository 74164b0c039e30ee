"""The queue that one poll worker alone consumes: made when it starts, deleted when it ends or is found dead.

Hints for mailboxes with which the worker keeps a session come here, see seedtest/services/warm.py.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from functools import lru_cache
from typing import Any

from celery import current_app
from celery.signals import celeryd_after_setup, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from seedtest.celery import POLL
from seedtest.services import warm

logger = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def name() -> str:
    """One a process, and of no process before it: in containers host and process number come again."""
    return f"{POLL}.{socket.gethostname()[:80]}.{os.getpid()}.{secrets.token_hex(3)}"


def _queue(queue: str) -> Queue:
    """With an exchange of its own: named by text alone it would be bound to that of the queue `work`."""
    return Queue(queue, Exchange(queue), queue)


@celeryd_after_setup.connect
def _listen(sender: str, instance: Any, **_: object) -> None:
    """Only a worker that polls on threads: the processes of a prefork pool could not share sessions."""
    queues = instance.app.amqp.queues
    if settings.KEEP_SESSIONS and POLL in queues.consume_from and instance.pool_cls.__module__.endswith(".thread"):
        queues.select_add(_queue(name()))


@worker_ready.connect
def _begin(sender: Any, **_: object) -> None:
    if name() in sender.app.amqp.queues.consume_from:
        warm.begin(name())


@worker_shutting_down.connect
def _leave(**_: object) -> None:
    warm.leave()


@worker_shutdown.connect
def _end(**_: object) -> None:
    if warm.owner():
        warm.end()
        delete(name())


def delete(queue: str) -> bool:
    """Deletes a queue that nobody consumes: what stands in it would stay in the broker for ever. False: not now."""
    try:
        with current_app.connection_for_write() as connection, connection.channel() as channel:
            bound = _queue(queue)(channel)
            bound.declare()  # kombu deletes only what this connection knows of
            bound.delete()
    except (OperationalError, OSError) as error:
        logger.warning("the queue %s was not deleted: %s", queue, error)
        return False
    return True
