"""Events are numbered 1, 2, 3 … after their commit, once each."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from seedtest.models import Event
from seedtest.models.clock import db_now
from seedtest.services import publishing

pytestmark = pytest.mark.django_db


def emit(workspace, key: str, **data: object) -> None:
    publishing.emit(workspace, "test.completed", key, data, now=db_now())


def sequence() -> list[tuple[str, int | None]]:
    return list(Event.objects.order_by("seq").values_list("dedupe_key", "seq"))


def test_an_event_has_no_number_until_it_is_published(cast):
    emit(cast.workspace, "a")
    assert sequence() == [("a", None)]
    assert publishing.publish(db_now()) == 1
    assert sequence() == [("a", 1)]


def test_numbers_go_on_without_gaps(cast):
    for key in "abc":
        emit(cast.workspace, key)
        publishing.publish(db_now())
    assert publishing.publish(db_now()) == 0
    emit(cast.elsewhere, "d")
    emit(cast.workspace, "e")
    publishing.publish(db_now())
    assert sequence() == [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]


def test_the_same_fact_is_written_once_a_workspace(cast):
    emit(cast.workspace, "a", first=True)
    emit(cast.workspace, "a", first=False)
    emit(cast.elsewhere, "a")
    assert Event.objects.count() == 2
    assert Event.objects.get(workspace=cast.workspace).data == {"first": True}


def test_a_fact_that_is_written_twice_does_not_break_its_transaction(cast):
    with transaction.atomic():
        emit(cast.workspace, "a")
        emit(cast.workspace, "a")
        emit(cast.workspace, "b")
    assert Event.objects.count() == 2


def test_a_long_queue_is_numbered_in_order_over_several_ticks(cast):
    for number in range(7):
        emit(cast.workspace, f"event {number}")
    assert [publishing.publish(db_now(), limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert sequence() == [(f"event {number}", number + 1) for number in range(7)]


@pytest.mark.django_db(transaction=True)
def test_two_publishers_at_once_leave_no_gap_and_no_double(cast):
    for number in range(200):
        emit(cast.workspace, f"event {number}")
    failures: list[Exception] = []

    def work() -> None:
        try:
            while publishing.publish(db_now(), limit=7):
                pass
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sequence() == [(f"event {number}", number + 1) for number in range(200)]
