"""Celery's doors: each opens onto one service and holds nothing itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from celery import shared_task
from kombu.exceptions import OperationalError

from seedtest import own_queue
from seedtest.celery import POLL, SUSPECT
from seedtest.models import warmth
from seedtest.services import (
    closing,
    controls,
    housekeeping,
    polling,
    publishing,
    scheduling,
    seed_watch,
    sending,
    ticking,
    verifying,
    waking,
)

logger = logging.getLogger(__name__)

#: Seconds. A worker compares this with its own clock: one that is an hour ahead would throw away every hint that it
#: takes from the queue. An old hint costs an UPDATE that finds nothing, so it may well be old.
HINT_LIVES = 2 * 3600


@shared_task(name="seedtest.tasks.poll")
def poll(ids: list[int], suspect: bool = False) -> None:
    polling.poll(ids, owner=ticking.owner_name(), suspect=suspect)


@shared_task(name="seedtest.tasks.send")
def send(test_id: int) -> None:
    sending.send_batch(test_id, owner=ticking.owner_name())


@shared_task(name="seedtest.tasks.verify")
def verify(message_ids: list[int]) -> None:
    verifying.verify_batch(message_ids)


@shared_task(name="seedtest.tasks.tick")
def tick(name: str) -> None:
    ticking.run(name, WORK[name])


def _publish_poll(ids: list[int], suspect: bool, keeper: str = "") -> None:
    _publish(poll, [ids, suspect], queue=keeper or (SUSPECT if suspect else POLL))


def _publish(task: object, args: list[object], **options: object) -> None:
    """A hint that cannot be sent is lost without harm: the row stays due and is offered again."""
    try:
        task.apply_async(args=args, expires=HINT_LIVES, **options)  # type: ignore[attr-defined]
    except (OperationalError, OSError) as error:
        logger.warning("the broker took no message, trying again with the next tick: %s", error)


def _dispatch(now: datetime) -> None:
    polling.dispatch(now, _publish_poll)


def _send(now: datetime) -> None:
    for test_id in sending.pending(now):
        _publish(send, [test_id])


def _verify(now: datetime) -> None:
    for message_ids in verifying.pending(now):
        _publish(verify, [message_ids])


def _close(now: datetime) -> None:
    closing.close_due(now)
    waking.wake_forgotten(now)


def _schedule(now: datetime) -> None:
    scheduling.run_due(now)
    controls.run_due(now)


def _keep_house(now: datetime) -> None:
    housekeeping.sweep(now)
    for queue in warmth.dead(now):
        if own_queue.delete(queue):
            warmth.bury(queue, now)


WORK: dict[str, Callable[[datetime], object]] = {
    "dispatch": _dispatch,
    "sending": _send,
    "closing": _close,
    "publishing": publishing.publish,
    "scheduling": _schedule,
    "verifying": _verify,
    "seeds": seed_watch.watch,
    "housekeeping": _keep_house,
}
