"""What the facts of a seed make of it: one rule a story, the worst one is the state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from placement import providers
from seedtest.models.seed_health import HealthProblem, HealthState
from seedtest.reports.seed_words import STATES, tell
from seedtest.services.seed_health import Facts, inactive_limit, judge

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WELL = Facts(
    mailbox_state="healthy", known_since=NOW - timedelta(days=90), last_good_poll_at=NOW - timedelta(minutes=5)
)


def judged(**facts):
    return judge(replace(WELL, **facts), now=NOW, quarantine_after=timedelta(days=3))


def codes(**facts):
    return [problem.value for problem, _ in judged(**facts).problems]


def test_a_seed_that_is_read_and_complains_of_nothing_is_healthy():
    assert judged().state == HealthState.HEALTHY
    assert not judged().problems and not judged().excluded


def test_a_seed_nobody_has_looked_into_is_new_and_not_healthy():
    assert judged(mailbox_state="new", last_good_poll_at=None).state == HealthState.NEW


def test_a_refused_password_needs_a_sign_in_and_excludes():
    found = judged(mailbox_state="needs_sign_in", failures=1)
    assert (found.state, found.excluded) == (HealthState.NEEDS_SIGN_IN, True)


def test_a_refusal_that_is_days_old_still_needs_a_person_and_does_not_come_back_by_itself():
    found = judged(
        mailbox_state="needs_sign_in", failures=9, last_failed_poll_at=NOW, last_good_poll_at=NOW - timedelta(days=4)
    )
    assert found.state == HealthState.NEEDS_SIGN_IN


def test_days_of_failed_looks_quarantine_and_the_first_good_look_brings_back():
    lost = {"last_good_poll_at": NOW - timedelta(days=3), "last_failed_poll_at": NOW, "mailbox_state": "degraded"}
    found = judged(failures=9, **lost)
    assert (found.state, found.excluded) == (HealthState.QUARANTINED, True)
    assert judged(last_failed_poll_at=NOW).state == HealthState.HEALTHY


def test_a_service_that_slept_for_a_week_quarantines_nobody():
    assert judged(last_good_poll_at=NOW - timedelta(days=7)).state == HealthState.HEALTHY
    assert judged(last_good_poll_at=NOW - timedelta(days=7), last_failed_poll_at=NOW, failures=1).excluded is False


def test_a_day_of_failures_degrades_and_does_not_exclude():
    found = judged(
        mailbox_state="degraded", failures=5, last_failed_poll_at=NOW, last_good_poll_at=NOW - timedelta(days=1)
    )
    assert (found.state, found.excluded) == (HealthState.DEGRADED, False)


def test_a_mailbox_that_crashes_the_reader_is_quarantined():
    assert judged(mailbox_state="quarantined").state == HealthState.QUARANTINED


@pytest.mark.parametrize(("share", "state", "full"), [(0.89, "healthy", False), (0.90, "degraded", True)])
def test_from_ninety_percent_on_a_mailbox_is_degraded_and_full(share, state, full):
    assert (judged(quota_used=share).state, judged(quota_used=share).full) == (state, full)


def test_a_full_message_window_degrades_but_refuses_no_mail():
    found = judged(window_used=0.95)
    assert (found.state, found.full) == (HealthState.DEGRADED, False)
    assert codes(window_used=0.95) == ["window_full"]


def test_seventy_percent_is_a_warning_only():
    assert codes(quota_used=0.7) == ["quota_near"]
    assert judged(quota_used=0.7).state == HealthState.HEALTHY
    assert codes(quota_used=0.69) == []


def test_a_mailbox_that_only_archives_is_not_sent_to_purgeseeds():
    for problem in ({"quota_used": 0.75}, {"quota_used": 0.95}, {"window_used": 0.95}):
        (told,) = tell(judged(archives=True, **problem).stored())
        assert "purgeseeds" not in told.next_step and "web pages" in told.next_step
        (told,) = tell(judged(**problem).stored())
        assert "purgeseeds" in told.next_step


def test_a_limit_that_nobody_told_is_guessed_and_called_so():
    limit, guessed = inactive_limit(providers.get("icloud"))
    found = judged(known_since=NOW - timedelta(days=2000), inactive_days=limit, inactive_guessed=guessed)
    (told,) = tell(found.stored())
    assert told.code == "web_login_due" and "our guess" in told.seen_by


@pytest.mark.parametrize("provider", ["microsoft_365", "generic", "cpanel_dovecot"])
def test_nobody_is_sent_to_the_web_pages_of_a_mailbox_that_is_paid_for(provider):
    assert inactive_limit(providers.get(provider)) == (None, False)


def test_a_web_login_is_due_before_the_limit_and_not_long_before():
    assert codes(inactive_days=100) == ["web_login_due"]  # known for 90 days, nobody noted a login
    assert codes(inactive_days=120) == []
    assert codes(inactive_days=100, web_login_at=NOW - timedelta(days=2)) == []
    assert codes(inactive_days=None) == []


def test_more_than_twenty_tests_a_day_are_a_warning():
    assert codes(tests_today=20) == []
    assert codes(tests_today=21) == ["too_many_tests"]


def test_messages_in_odd_folders_are_told_with_the_folders():
    (told,) = tell(judged(odd_folders=("Shopping",)).stored())
    assert "Shopping" in told.seen_by and "rule" in told.means


def test_agreement_needs_enough_tests_before_it_says_anything():
    assert codes(agreement=0.2, agreement_n=4) == []
    assert codes(agreement=0.2, agreement_n=5) == ["disagrees"]
    assert codes(agreement=0.5, agreement_n=50) == []


def test_a_biased_seed_is_degraded_and_marked():
    found = judged(biased=True)
    assert (found.state, found.biased, found.excluded) == (HealthState.DEGRADED, True, False)


def test_a_seed_that_a_person_switched_off_is_off_whatever_else_is_wrong():
    assert judged(enabled=False, mailbox_state="needs_sign_in").state == HealthState.OFF
    assert judged(mailbox_state="disabled").state == HealthState.OFF


def test_the_worst_problem_is_the_state():
    assert judged(mailbox_state="needs_sign_in", quota_used=0.99).state == HealthState.NEEDS_SIGN_IN


@pytest.mark.parametrize("problem", list(HealthProblem))
def test_every_problem_is_told_in_words(problem):
    (told,) = tell([(problem.value, "seen")])
    assert told.title and told.means.endswith(".") and told.next_step.endswith(".")


@pytest.mark.parametrize("state", list(HealthState))
def test_every_state_is_told_in_words(state):
    assert STATES[state].endswith(".")


def test_a_problem_of_a_newer_version_is_left_out_instead_of_crashing():
    assert tell([("from_the_future", "")]) == ()
