"""One desk for all threads of a poll worker: who comes while others are served is served together with the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest
from django.db import connection

from seedtest.services.turns import Desk

PATIENCE = 20.0


class Clerk:
    """Doubles numbers. Serves nobody before it is let, and notes how many it had before it at a time."""

    def __init__(self) -> None:
        self.may_begin = threading.Event()
        self.has_begun = threading.Event()
        self.groups: list[list[int]] = []

    def __call__(self, asked: Sequence[int]) -> list[int]:
        self.groups.append(list(asked))
        self.has_begun.set()
        assert self.may_begin.wait(PATIENCE)
        if 13 in asked:
            raise ValueError("thirteen")
        return [2 * one for one in asked]


class Callers:
    def __init__(self, desk: Desk[int, int]) -> None:
        self.desk = desk
        self.answers: dict[int, object] = {}
        self.threads: list[threading.Thread] = []

    def come(self, *numbers: int) -> None:
        for number in numbers:
            thread = threading.Thread(target=self._ask, args=(number,))
            self.threads.append(thread)
            thread.start()

    def _ask(self, number: int) -> None:
        try:
            self.answers[number] = self.desk.ask(number)
        except Exception as error:
            self.answers[number] = error

    def go(self) -> dict[int, object]:
        for thread in self.threads:
            thread.join(PATIENCE)
        return self.answers


@pytest.fixture
def clerk():
    return Clerk()


@pytest.fixture
def callers(clerk):
    return Callers(Desk(clerk, most=5))


def until_waiting(callers: Callers, count: int) -> None:
    give_up = time.monotonic() + PATIENCE
    while len(callers.desk._waiting) < count:
        assert time.monotonic() < give_up
        time.sleep(0.001)


def test_each_gets_the_answer_to_what_it_asked(clerk, callers):
    clerk.may_begin.set()
    callers.come(*range(1, 13))
    assert callers.go() == {number: 2 * number for number in range(1, 13)}


def test_those_who_come_meanwhile_are_served_together_and_not_too_many(clerk, callers):
    callers.come(1)
    assert clerk.has_begun.wait(PATIENCE)
    callers.come(*range(2, 10))
    until_waiting(callers, 8)
    clerk.may_begin.set()
    callers.go()
    assert [len(group) for group in clerk.groups] == [1, 5, 3]


def test_serving_begins_after_all_whom_it_serves_have_come(clerk, callers):
    """What is read for them must not be older than their question."""
    callers.come(1)
    assert clerk.has_begun.wait(PATIENCE)
    callers.come(2)
    until_waiting(callers, 1)
    assert clerk.groups == [[1]], "the second is not answered with what was read before it came"
    clerk.may_begin.set()
    callers.go()
    assert clerk.groups == [[1], [2]]


def test_an_error_is_told_to_all_whom_it_concerns_and_the_next_are_served(clerk, callers):
    callers.come(1)
    assert clerk.has_begun.wait(PATIENCE)
    callers.come(13, 14)
    until_waiting(callers, 2)
    clerk.may_begin.set()
    answers = callers.go()
    assert answers[1] == 2
    assert isinstance(answers[13], ValueError) and isinstance(answers[14], ValueError)
    assert callers.desk.ask(4) == 8


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_with_a_database_connection_in_hand():
    """The pool may be smaller than the number of those who wait, and the one who serves needs a connection."""
    held: list[object] = []
    desk: Desk[int, int] = Desk(lambda asked: held.append(connection.connection) or list(asked), most=5)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    desk.ask(1)
    assert held == [None]


def test_a_thread_that_is_ended_while_it_serves_keeps_nobody_waiting():
    def serve(asked: Sequence[int]) -> list[int]:
        raise SystemExit

    desk = Desk(serve, most=5)
    with pytest.raises(SystemExit):
        desk.ask(1)
    assert not desk._waiting
