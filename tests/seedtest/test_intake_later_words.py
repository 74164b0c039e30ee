"""What people say of a test after it was opened: it was sent, cancel it, look again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest import models
from seedtest.services import intake
from seedtest.services.intake import IntakeError, NewTest


@pytest.fixture
def opened(cast, make_seed, now):
    make_seed(cast.workspace, "gmail")
    make_seed(cast.workspace, "gmx")
    return intake.open_test(cast.workspace, NewTest(name="Spring"), now=now)


def test_declaring_the_send_starts_the_clock(opened, now):
    intake.declare_sent(opened, now, now=now)
    assert (opened.sent_at, opened.sent_at_source) == (now, "api")
    assert opened.deadline_at > now
    assert {result.dispatch for result in opened.results.all()} == {"assumed"}


@pytest.mark.parametrize(("hours", "code"), [(1, "in_the_future"), (-5, "before_window")])
def test_a_send_time_that_cannot_be_is_refused(opened, now, hours, code):
    with pytest.raises(IntakeError) as error:
        intake.declare_sent(opened, now + timedelta(hours=hours), now=now)
    assert code in [fault.code for fault in error.value.errors]


def test_cancelling_keeps_what_was_found_and_stops_waiting(opened, now):
    found = opened.results.first()
    models.SeedResult.objects.filter(pk=found.pk).update(placement="spam")
    assert intake.cancel(opened, now=now)
    assert opened.status == "cancelled"
    assert sorted(opened.results.values_list("placement", "reason")) == [("not_sent", "cancelled"), ("spam", "")]


def test_cancelling_twice_changes_nothing_the_second_time(opened, now):
    assert intake.cancel(opened, now=now)
    version = opened.version
    assert not intake.cancel(opened, now=now + timedelta(minutes=1))
    opened.refresh_from_db()
    assert opened.version == version


def test_cancelling_stops_envelopes_that_have_not_left(cast, opened, now):
    one, other = (
        models.Outbound.objects.create(test=opened, account=result.seed_account) for result in opened.results.all()
    )
    models.Outbound.objects.filter(pk=other.pk).update(status="inflight")
    intake.cancel(opened, now=now)
    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.status, other.status) == ("failed", "inflight")


def test_a_recheck_makes_the_mailboxes_due(opened, now, django_capture_on_commit_callbacks):
    models.Mailbox.objects.update(next_poll_at=now + timedelta(hours=4))
    with django_capture_on_commit_callbacks(execute=True):
        intake.recheck(opened, now=now)
    assert set(models.Mailbox.objects.values_list("next_poll_at", flat=True)) == {now}


def test_a_recheck_of_an_ended_test_watches_it_longer_and_leaves_its_placements(opened, now):
    intake.cancel(opened, now=now)
    models.SeedTest.objects.update(watch_until=now)
    before = list(opened.results.values_list("placement", flat=True))
    intake.recheck(opened, now=now)
    assert opened.watch_until > now
    assert opened.status == "cancelled"
    assert list(opened.results.values_list("placement", flat=True)) == before
