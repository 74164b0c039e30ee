"""Wake-ups: at once, together where they come together, and ever more slowly for a server that cries wolf."""

from __future__ import annotations

from seedtest.services.watching.wakes import AGAIN, BURST, EVERY, GAP, Wakes


def woken(wakes: Wakes, clock: float) -> list[int]:
    due = wakes.due(clock)
    wakes.done(due, set(due), clock)
    return due


def test_the_first_wakes_at_once_and_several_messages_are_one_wake_up():
    wakes = Wakes()
    for _ in range(3):
        wakes.ask(1, 10.0)
    assert woken(wakes, 10.0) == [1]
    assert woken(wakes, 11.0) == []


def test_mail_that_comes_right_after_a_wake_up_is_put_off_but_not_forgotten():
    wakes = Wakes()
    wakes.ask(1, 10.0)
    woken(wakes, 10.0)
    wakes.ask(1, 10.01)
    assert woken(wakes, 10.02) == []
    assert wakes.next_at() == 10.0 + GAP
    assert woken(wakes, 10.0 + GAP) == [1]


def test_a_mailbox_that_is_being_looked_into_is_asked_for_again():
    wakes = Wakes()
    wakes.ask(1, 10.0)
    wakes.done([1], set(), 10.0)
    assert wakes.due(10.0) == []
    assert woken(wakes, 10.0 + AGAIN) == [1]


def test_a_server_that_cries_without_end_wakes_as_often_as_a_poll_would_look():
    wakes, clock, count = Wakes(), 0.0, 0
    while clock < 600.0:
        wakes.ask(1, clock)
        count += len(woken(wakes, clock))
        clock += 0.05
    assert 600.0 / EVERY <= count <= 600.0 / EVERY + BURST + 2


def test_a_quiet_time_earns_the_burst_again():
    wakes = Wakes()
    for clock in (0.0, 1000.0):
        at = [clock + number * 2 * GAP for number in range(BURST)]
        for moment in at:
            wakes.ask(1, moment)
            assert woken(wakes, moment) == [1], moment


def test_mailboxes_do_not_pay_for_each_other():
    wakes = Wakes()
    for _ in range(100):
        wakes.ask(1, 0.0)
        woken(wakes, 0.0)
    wakes.ask(2, 0.0)
    assert woken(wakes, 0.0) == [2]


def test_a_mailbox_that_is_watched_no_more_is_woken_no_more():
    wakes = Wakes()
    wakes.ask(1, 0.0)
    wakes.forget(1)
    assert woken(wakes, 9.0) == []
