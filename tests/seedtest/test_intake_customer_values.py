"""Customers' own values as markers: no two tests may claim the same mail, and mail from before the test is found."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest import models
from seedtest.services import intake
from seedtest.services.intake import IntakeError, MatchRequest, NewTest


@pytest.fixture
def open_with(cast, make_seed, now):
    make_seed(cast.workspace)

    def open_one(match, workspace=cast.workspace, at=now, **fields):
        return intake.open_test(workspace, NewTest(name="Spring", match=match, **fields), now=at)

    return open_one


def header(value="", prefix="", name="Feedback-ID"):
    return MatchRequest(header=name, value=value, prefix=prefix)


def test_the_value_is_kept_as_the_matcher_compares_it(open_with):
    test = open_with(header("  spring   =?utf-8?q?caf=C3=A9?= "))
    marker = test.markers.get(kind="header")
    assert (marker.header, marker.value) == ("feedback-id", "spring café")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (header("spring:1"), header("spring:1")),
        (header(prefix="spring"), header("spring:1")),
        (header("spring:1"), header(prefix="spring")),
        (header(prefix="spring"), header(prefix="spring:1")),
        (header("spring:1", name="feedback-id"), header("spring:1", name="FEEDBACK-ID")),
        (MatchRequest(subject="Hello"), MatchRequest(subject=" Hello ")),
    ],
)
def test_two_open_tests_cannot_claim_the_same_mail(open_with, first, second):
    domain = {"from_domain": "acme.example"}
    open_with(first, **domain)
    with pytest.raises(IntakeError) as error:
        open_with(second, **domain)
    assert error.value.errors[0].code == "taken"
    assert models.SeedTest.objects.count() == 1


@pytest.mark.parametrize(
    "other", [header("spring:2"), header("spring:1", name="X-Campaign"), MatchRequest(subject="spring:1")]
)
def test_other_values_headers_and_kinds_do_not_collide(open_with, other):
    open_with(header("spring:1"))
    assert open_with(other, from_domain="acme.example").pk


def test_another_workspace_may_use_the_same_value(open_with, cast, make_seed):
    make_seed(cast.elsewhere)
    open_with(header("spring:1"))
    assert open_with(header("spring:1"), workspace=cast.elsewhere).pk


def test_windows_that_do_not_touch_may_share_a_value(open_with, now):
    open_with(header("weekly"), window_ends_at=now + timedelta(hours=1))
    later = now + timedelta(days=7)
    assert open_with(header("weekly"), window_starts_at=later, window_ends_at=later + timedelta(hours=1)).pk


def test_a_cancelled_test_gives_its_value_back(open_with, now):
    intake.cancel(open_with(header("spring:1")), now=now)
    assert open_with(header("spring:1"), at=now + timedelta(minutes=10)).pk


def test_an_ended_test_watches_for_late_mail_only_until_another_wants_the_value(open_with, now):
    first = open_with(header("daily"), at=now - timedelta(days=1))
    models.SeedTest.objects.filter(pk=first.pk).update(status="complete", completed_at=now)
    second = open_with(header("daily"))
    assert first.markers.get(kind="header").valid_until == second.markers.get(kind="header").valid_from


def arrival(seed, now, **fields):
    folder = models.FolderCursor.objects.get_or_create(
        mailbox=seed.mailbox, name="INBOX", defaults={"role": "inbox", "source": 50, "seen_at": now}
    )[0]
    uid = models.Arrival.objects.count() + 1
    values = {"from_domain": "acme.example", "subject": "Hello", "keys": {"campaign": [["feedback-id", "spring:1"]]}}
    return models.Arrival.objects.create(
        mailbox=seed.mailbox, folder=folder, uidvalidity=1, uid=uid, message_key=f"id:{uid}", placement="inbox",
        internaldate=now - timedelta(hours=1), first_seen_at=now, **(values | fields),
    )  # fmt: skip


@pytest.mark.parametrize(
    "match", [header("spring:1"), header(prefix="spring"), MatchRequest(subject="Hello")]
)  # fmt: skip
def test_mail_that_came_before_the_test_is_found_in_the_ledger(cast, make_seed, now, match):
    seed = make_seed(cast.workspace)
    arrival(seed, now)
    new = NewTest(name="Past", match=match, from_domain="acme.example", sent_at=now - timedelta(hours=2))
    test = intake.open_test(cast.workspace, new, now=now)
    result = test.results.get()
    assert (result.placement, test.status) == ("inbox", "receiving")
    assert result.matched_by in {"campaign_header", "sender_subject"}


@pytest.mark.parametrize(
    "fields",
    [
        {"keys": {"campaign": [["feedback-id", "autumn"]]}},
        {"keys": {"campaign": [["x-campaign", "spring:1"]]}},
        {"keys": {}},
    ],
)
def test_mail_with_another_value_is_left_alone(cast, make_seed, now, fields):
    arrival(make_seed(cast.workspace), now, **fields)
    new = NewTest(name="Past", match=header("spring:1"), sent_at=now - timedelta(hours=2))
    test = intake.open_test(cast.workspace, new, now=now)
    assert test.results.get().placement == "waiting"


def test_a_mailbox_lent_to_two_workspaces_never_gives_mail_by_a_customers_value(cast, make_seed, now):
    seed = make_seed(cast.workspace)
    make_seed(cast.elsewhere, mailbox=seed.mailbox)
    arrival(seed, now)
    new = NewTest(name="Past", match=header("spring:1"), sent_at=now - timedelta(hours=2))
    test = intake.open_test(cast.workspace, new, now=now)
    assert test.results.get().placement == "waiting"
