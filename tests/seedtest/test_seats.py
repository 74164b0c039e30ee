"""Seats of a poll worker: never more sessions than there are, and as many at once as can be had."""

from __future__ import annotations

import random
import threading
import time

import pytest

from seedtest.services import turns
from seedtest.services.turns import Seats

PATIENCE = 10.0


def in_a_thread(call) -> tuple[threading.Thread, list[int]]:
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


@pytest.fixture
def patient(monkeypatch):
    """Whoever waits for more seats than one goes on waiting."""
    monkeypatch.setattr(turns, "GATHERING_SECONDS", PATIENCE)


@pytest.mark.parametrize(("wanted", "given"), [(1, 1), (8, 8), (9, 8)])
def test_free_seats_are_given_at_once_and_never_more_than_there_are(patient, wanted, given):
    seats = Seats(8)
    began = time.monotonic()
    assert seats.take(wanted) == given
    assert time.monotonic() - began < PATIENCE / 2


def test_a_caller_waits_until_one_is_free(monkeypatch):
    monkeypatch.setattr(turns, "GATHERING_SECONDS", 0.01)
    seats = Seats(4)
    assert seats.take(4) == 4
    thread, answers = in_a_thread(lambda: seats.take(4))
    thread.join(timeout=0.1)
    assert not answers
    seats.leave()
    thread.join(timeout=PATIENCE)
    assert answers == [1], "one slow server keeps the other seats no longer than a moment"


def test_seats_that_become_free_one_by_one_are_gathered_to_half_of_all(patient):
    seats = Seats(8)
    seats.take(8)
    thread, answers = in_a_thread(lambda: seats.take(8))
    for _ in range(3):
        seats.leave()
    thread.join(timeout=0.1)
    assert not answers
    seats.leave()
    thread.join(timeout=PATIENCE)
    assert answers == [4]


def test_whoever_wants_few_does_not_wait_for_more(patient):
    seats = Seats(8)
    seats.take(7)
    assert seats.take(1) == 1


def test_many_callers_never_hold_more_than_there_are_and_all_come_to_sit(monkeypatch):
    monkeypatch.setattr(turns, "GATHERING_SECONDS", 0.001)
    seats, lock, held, most, sat = Seats(5), threading.Lock(), 0, 0, 0

    def look(number: int) -> None:
        nonlocal held, most, sat
        dice = random.Random(number)
        for _ in range(20):
            count = seats.take(dice.randrange(1, 9))
            with lock:
                held, sat = held + count, sat + 1
                most = max(most, held)
            time.sleep(dice.random() / 2000)
            with lock:
                held -= count
            seats.leave(count)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (most <= 5, held, sat) == (True, 0, 240)
