"""How often a mailbox is looked into follows from what its results wait for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from seedtest.services import cadence
from seedtest.services.cadence import Wait, next_poll

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def seconds(*waits: Wait, pace: float = 1.0) -> float:
    return (next_poll(NOW, waits, pace=pace) - NOW).total_seconds()


def sent(ago: float, deadline_in: float = 1800, **more: object) -> Wait:
    return Wait(
        waiting=True,
        sent_at=NOW - timedelta(seconds=ago),
        deadline_at=NOW + timedelta(seconds=deadline_in),
        **more,
    )


def test_polling_is_dense_just_after_the_send_and_thins_out():
    assert [seconds(sent(ago, 90_000)) for ago in (1, 300, 1200, 3600, 80_000)] == [5, 15, 30, 120, 600]


def test_polling_is_slow_before_anything_arrived():
    assert seconds(Wait(waiting=True)) == cadence.BEFORE_FIRST_ARRIVAL


def test_the_deadline_is_never_slept_through():
    assert seconds(sent(3600, deadline_in=7)) == 7


def test_a_passed_deadline_wants_its_full_check_at_once():
    assert seconds(sent(3600, deadline_in=-1)) == 0


def test_a_full_check_that_did_not_decide_is_tried_again_soon_but_not_at_once():
    assert seconds(sent(3600, deadline_in=-60, full_check_started_at=NOW)) == cadence.FULL_CHECK_RETRY


def test_the_most_urgent_result_of_a_mailbox_decides():
    assert seconds(Wait(waiting=True), sent(1), Wait(waiting=False)) == 5


def test_a_mailbox_without_open_results_is_still_looked_into_every_few_hours():
    assert seconds() == cadence.IDLE


def test_an_ended_test_is_looked_at_after_an_hour_and_at_the_end_of_its_watch():
    done = Wait(waiting=False, completed_at=NOW, watch_until=NOW + timedelta(hours=2))
    assert seconds(done) == 3600
    later = Wait(
        waiting=False, completed_at=NOW - timedelta(hours=1, seconds=1), watch_until=NOW + timedelta(minutes=50)
    )
    assert seconds(later) == 3000 - cadence.LAST_LOOK


@given(st.floats(1, 86_400), st.lists(st.floats(-1, 1), min_size=40, max_size=40))
def test_the_last_look_of_a_watch_begins_within_it_and_near_its_end(watch, jitters):
    """Whoever looks when told, a few seconds late, for as long as the watch lasts."""
    ended = Wait(waiting=False, completed_at=NOW, watch_until=NOW + timedelta(seconds=watch))
    looks, now = [NOW], NOW
    for jitter in jitters:
        now = next_poll(now, [ended], jitter=jitter) + timedelta(seconds=min(5.0, watch / 100))
        looks.append(now)
    last = max(look for look in looks if look < ended.watch_until)
    assert ended.watch_until - last <= timedelta(seconds=min(cadence.LAST_LOOK, watch / 20))


@given(st.floats(1, 14_000), st.floats(-1, 1))
def test_a_full_check_is_never_early_and_at_most_seconds_late(deadline_in, jitter):
    waits = [sent(100_000, deadline_in), Wait(waiting=True)]
    late = (next_poll(NOW, waits, jitter=jitter) - NOW).total_seconds() - deadline_in
    if deadline_in <= cadence.BEFORE_FIRST_ARRIVAL:
        assert 0 <= round(late, 3) <= cadence.LATE
    assert late <= cadence.LATE


def test_an_ended_watch_wants_nothing():
    assert seconds(Wait(waiting=False, completed_at=NOW - timedelta(days=2), watch_until=NOW)) == cadence.IDLE


def test_pace_stretches_every_interval():
    assert seconds(sent(0.1), pace=0.1) == 0.5


@given(st.floats(0, 1e6), st.floats(-1e5, 1e5), st.floats(0.01, 10), st.floats(-1, 1))
def test_the_next_poll_is_never_in_the_past_nor_far_beyond_idle(ago, deadline_in, pace, jitter):
    moment = next_poll(NOW, [sent(ago, deadline_in)], pace=pace, jitter=jitter)
    assert NOW <= moment <= NOW + timedelta(seconds=cadence.IDLE * 1.1)


def test_back_off_doubles_and_stays_below_ten_minutes():
    waits = [cadence.back_off(count).total_seconds() for count in range(1, 12)]
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == waits[-1] == 600


def test_four_refused_logins_an_hour_are_never_exceeded():
    assert timedelta(hours=1) / cadence.AFTER_REFUSED_LOGIN <= 4


def test_a_server_may_send_us_away_for_hours_but_not_for_more_than_a_day():
    assert cadence.seconds(6 * 3600) == timedelta(hours=6)
    assert cadence.seconds(1e12) == timedelta(days=1)


def test_after_three_refused_logins_the_next_ones_come_ever_more_seldom():
    hours = [cadence.after_refusals(count) / timedelta(hours=1) for count in range(1, 10)]
    assert hours == [1 / 3, 1 / 3, 1 / 3, 1, 4, 12, 24, 24, 24]


def test_a_provider_that_bears_a_look_a_quarter_minute_gets_no_more():
    waits = [sent(1, 90_000, least_seconds=15.0), Wait(waiting=True)]
    assert seconds(*waits) == 15
    assert seconds(sent(1200, 90_000, least_seconds=15.0)) == 30
    assert seconds(sent(3600, deadline_in=-1, least_seconds=15.0)) == 15, "a full check as well"
    assert (next_poll(NOW, waits, jitter=-1.0) - NOW).total_seconds() == 15
    assert seconds(*waits, pace=0.1) == 1.5
