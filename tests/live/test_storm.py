"""The storm of `make chaos` is the same for the same seed, and has everything in it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.live.poll_gaps import PollGaps
from tests.live.servers.processes import ServerDied
from tests.live.storm import BETWEEN, FAULTS, Storm, plan

START = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(20))
def test_a_minute_has_every_fault_in_it(seed):
    assert {blow.fault for blow in plan(seed, 60)} == set(FAULTS)


def test_the_same_seed_plans_the_same_storm_and_another_seed_another():
    assert plan(7, 600) == plan(7, 600) != plan(8, 600)


def test_blows_come_in_time_and_last_as_long_as_their_fault_may():
    blows = plan(7, 600)
    assert all(after.at - before.at >= BETWEEN[0] for before, after in pairwise(blows))
    assert all(blow.fault.shortest <= blow.pause <= blow.fault.longest for blow in blows)
    assert blows[-1].at < 600


class Gone:
    def revive(self):
        raise ServerDied("it does not start")


def test_a_server_that_stays_away_is_trouble_and_the_others_are_revived_all_the_same():
    storm = Storm([], {"redis": Gone(), "web": Gone()}, threading.Event())  # type: ignore[dict-item]
    storm.run()
    assert storm.trouble == ["redis is not back: it does not start", "web is not back: it does not start"]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_gap_runs_from_the_wait_to_a_good_poll_and_from_poll_to_poll():
    gaps = PollGaps(None)  # type: ignore[arg-type]
    gaps.note([(1, after(0), None, True)])
    gaps.note([(1, after(2), after(1.5), True)])
    gaps.note([(1, after(9), after(1.5), True)])
    gaps.note([(1, after(10), after(9.5), False)])
    gaps.note([(1, after(60), after(50), False)])
    assert gaps.seconds == [1.5, 8.0]
