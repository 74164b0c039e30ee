"""Which mailboxes are watched: those of open tests that can be read, as many as their providers bear."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from placement import providers
from seedtest.models import FolderCursor, Mailbox, ProviderPace, claims, watches
from seedtest.models.clock import db_now
from seedtest.models.watches import Candidate
from seedtest.services.watching.choosing import allowed, choose

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def candidate(number, provider="generic", *, owner="", max_sessions=None, host="imap.example"):
    return Candidate(number, provider, host, max_sessions, owner, None, ())


def chosen(found, *, me="me", most=1000):
    return [one.mailbox_id for one in choose(found, me=me, most=most)]


YES = ("generic", "cpanel_dovecot", "gmail", "outlook_com", "icloud")
NO = ("netease", "wp_pl", "laposte")


@pytest.mark.parametrize(("provider", "watched"), [*((one, True) for one in YES), *((one, False) for one in NO)])
def test_a_provider_is_watched_where_it_is_known_to_bear_it(provider, watched):
    assert allowed(providers.get(provider)) is watched


def test_a_server_of_ones_own_is_watched_as_far_as_the_process_goes():
    assert chosen(map(candidate, range(5)), most=3) == [0, 1, 2]


def test_a_provider_lends_a_third_of_its_sessions_and_each_mailbox_takes_two():
    assert chosen(candidate(number, "gmail") for number in range(50)) == [0, 1, 2]
    assert chosen(candidate(number, "gmail", max_sessions=60) for number in range(50)) == list(range(10))
    assert chosen(candidate(number, "gmail", max_sessions=5) for number in range(50)) == []


def test_hosts_are_counted_apart():
    hosts = ("a.example", "b.example")
    assert len(chosen(candidate(number, "gmail", host=hosts[number % 2]) for number in range(50))) == 6


def test_what_another_process_watches_counts_and_is_left_to_it():
    taken = [candidate(number, "gmail", owner="another") for number in range(2)]
    assert chosen([*taken, *(candidate(number, "gmail") for number in range(2, 50))]) == [2]


def test_what_we_watch_is_kept_before_others_are_begun():
    ours = candidate(9, "gmail", owner="me", max_sessions=6)
    assert chosen([candidate(1, "gmail", max_sessions=6), ours]) == [9]


# --- in the database ------------------------------------------------------------------------------------


@pytest.fixture
def seed(cast, make_seed, make_test):
    """A seed with an open test, read before."""
    seed = make_seed(cast.workspace, "generic", state="healthy")
    FolderCursor.objects.create(
        mailbox=seed.mailbox, name="INBOX", role="inbox", source=1, uidvalidity=7, uidnext=1, seen_at=db_now()
    )
    make_test(cast.workspace, [seed], status="waiting")
    return seed


def candidates():
    return [one.mailbox_id for one in watches.candidates(db_now(), ahead=5 * MINUTE)]


def change(seed, **values):
    Mailbox.objects.filter(pk=seed.mailbox_id).update(**values)


@pytest.mark.django_db
def test_a_seed_of_an_open_test_is_a_candidate(seed):
    assert candidates() == [seed.mailbox_id]


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["complete", "inconclusive", "cancelled", "draft"])
def test_a_seed_without_an_open_test_is_none(seed, status):
    seed.results.get().test.__class__.objects.update(status=status, completed_at=db_now())
    assert candidates() == []


@pytest.mark.django_db
def test_a_test_that_is_sent_later_is_watched_later(seed):
    tests = seed.results.get().test.__class__.objects
    tests.update(window_starts_at=db_now() + HOUR)
    assert candidates() == []
    tests.update(window_starts_at=db_now() + MINUTE)
    assert candidates() == [seed.mailbox_id]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [{"state": state} for state in ("new", "needs_sign_in", "quarantined", "disabled")]
    + [{"backoff_until": True}, {"auth_backoff_until": True}, {"fail_count": 1}, {"auth_fail_count": 1}]
    + [{"attempts": 2}],
)
def test_a_mailbox_that_is_not_well_is_left_alone(seed, values):
    change(seed, **{name: db_now() + HOUR if value is True else value for name, value in values.items()})
    assert candidates() == []


@pytest.mark.django_db
def test_a_mailbox_waits_for_its_first_look(seed):
    FolderCursor.objects.update(uidnext=None)
    assert candidates() == []


@pytest.mark.django_db
def test_one_process_watches_a_mailbox_until_it_ends_or_dies(seed):
    now, ids = db_now(), [seed.mailbox_id]
    assert watches.take(ids, now, owner="a", until=now + MINUTE) == set(ids)
    assert watches.take(ids, now, owner="b", until=now + MINUTE) == set()
    assert watches.take(ids, now, owner="a", until=now + 2 * MINUTE) == set(ids)
    assert [one.owner for one in watches.candidates(now, ahead=MINUTE)] == ["a"]
    assert watches.take(ids, now + 3 * MINUTE, owner="b", until=now + 4 * MINUTE) == set(ids)
    watches.release(ids, owner="a")
    assert watches.take(ids, now + 3 * MINUTE, owner="c", until=now + 4 * MINUTE) == set()
    watches.release(ids, owner="b")
    assert watches.take(ids, now + 3 * MINUTE, owner="c", until=now + 4 * MINUTE) == set(ids)


@pytest.mark.django_db
def test_waking_makes_due_and_lets_the_hint_be_given_again(seed):
    now = db_now()
    change(seed, next_poll_at=now + HOUR, dispatched_until=now + HOUR)
    assert watches.wake([seed.mailbox_id], now) == {seed.mailbox_id}
    mailbox = Mailbox.objects.get(pk=seed.mailbox_id)
    assert (mailbox.next_poll_at, mailbox.dispatched_until) == (now, None)


@pytest.mark.django_db
def test_a_mailbox_that_is_due_already_keeps_its_hint(seed):
    now = db_now()
    change(seed, next_poll_at=now - MINUTE, dispatched_until=now + HOUR)
    assert watches.wake([seed.mailbox_id], now) == {seed.mailbox_id}
    mailbox = Mailbox.objects.get(pk=seed.mailbox_id)
    assert (mailbox.next_poll_at, mailbox.dispatched_until) == (now - MINUTE, now + HOUR)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [{"lease_until": True}, {"backoff_until": True}, {"auth_backoff_until": True}, {"state": "quarantined"}],
)
def test_waking_leaves_alone_whoever_is_looked_into_or_backs_off(seed, values):
    now = db_now()
    later = now + HOUR
    change(seed, next_poll_at=later, **{name: later if value is True else value for name, value in values.items()})
    assert watches.wake([seed.mailbox_id], now) == set()
    assert Mailbox.objects.get(pk=seed.mailbox_id).next_poll_at == later


@pytest.mark.django_db
def test_the_lease_is_borrowed_and_given_back_and_a_plan_stays_as_it_was(seed):
    now = db_now()
    later = now + HOUR
    change(seed, next_poll_at=later)
    claim = watches.borrow(seed.mailbox_id, now, owner="watch", lease=MINUTE)
    assert claim is not None
    assert watches.borrow(seed.mailbox_id, now, owner="another", lease=MINUTE) is None
    change(seed, dispatched_until=later)  # a hint came meanwhile
    watches.give_back(claim)
    mailbox = Mailbox.objects.get(pk=seed.mailbox_id)
    assert (mailbox.lease_until, mailbox.dispatched_until, mailbox.next_poll_at) == (None, None, later)


@pytest.mark.django_db
@pytest.mark.parametrize("kept", [False, True])
def test_a_worker_that_keeps_a_session_keeps_its_slot_too(seed, kept):
    now = db_now()
    later = now + HOUR
    change(seed, slot_until=later, session_owner="a worker" if kept else "", session_until=later if kept else None)
    claim = watches.borrow(seed.mailbox_id, now, owner="watch", lease=MINUTE)
    watches.give_back(claim)
    assert Mailbox.objects.get(pk=seed.mailbox_id).slot_until == (later if kept else None)


@pytest.mark.django_db
def test_a_watch_counts_as_two_sessions_of_its_provider(cast, make_seed):
    seeds = [make_seed(cast.workspace, "gmail") for _ in range(2)]
    pace = ProviderPace.objects.create(
        provider="gmail", host="127.0.0.1", max_sessions=3, login_spacing_ms=0, next_login_at=db_now()
    )
    now = db_now()
    with transaction.atomic():
        claimed = claims.claim([seed.mailbox_id for seed in seeds], now, owner="w", lease=MINUTE)
    watches.take([seeds[0].mailbox_id], now, owner="watch", until=now + MINUTE)

    def take(claim, at):
        usual = claims.Bearable(sessions=1, spacing_ms=0)
        return claims.take_login_slot(claim, at, pace_id=pace.pk, usual=usual, ahead=MINUTE, until=at + MINUTE)

    assert [bool(take(one, now)) for one in claimed] == [True, False]
    assert take(claimed[1], now + 2 * MINUTE)  # whoever watched has died
