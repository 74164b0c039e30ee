"""Logins at one provider take turns: so many sessions at once, so far apart, and nobody fails for it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse

from placement import providers
from seedtest.models import Mailbox, ProviderPace, claims
from seedtest.models.clock import db_now
from seedtest.services import checking, pacing, polling
from tests.fakes import DOVECOT, Box, ScriptedImapServer

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
ONE = claims.Bearable(sessions=1, spacing_ms=0)


@pytest.fixture
def seeds(cast, make_seed):
    return [make_seed(cast.workspace, "gmail", tls="none") for _ in range(4)]


def set_pace(host="127.0.0.1", *, sessions=10, spacing=0):
    return ProviderPace.objects.create(
        provider="gmail", host=host, max_sessions=sessions, login_spacing_ms=spacing, next_login_at=db_now()
    )


def claim(seed):
    with transaction.atomic():
        (claimed,) = claims.claim([seed.mailbox_id], db_now(), owner="w", lease=LEASE)
    return claimed


def take(claimed, pace, now, ahead=2 * SECOND, usual=ONE):
    with transaction.atomic():
        return claims.take_login_slot(claimed, now, pace_id=pace.pk, usual=usual, ahead=ahead, until=now + LEASE)


def test_logins_are_spaced_and_who_comes_too_late_is_told_so(seeds):
    pace = set_pace(spacing=1000)
    now = pace.next_login_at
    claimed = [claim(seed) for seed in seeds]
    assert [take(one, pace, now) for one in claimed] == [now, now + SECOND, now + 2 * SECOND, None]


def test_a_turn_that_nobody_took_is_not_saved_up(seeds):
    pace = set_pace(spacing=1000)
    later = pace.next_login_at + timedelta(hours=1)
    claimed = [claim(seed) for seed in seeds[:2]]
    assert [take(one, pace, later) for one in claimed] == [later, later + SECOND]


def test_only_so_many_sessions_are_open_at_one_host(seeds):
    pace, elsewhere = set_pace(sessions=2), set_pace("other.example", sessions=2)
    now = pace.next_login_at
    Mailbox.objects.filter(pk=seeds[3].mailbox_id).update(host="other.example")
    claimed = [claim(seed) for seed in seeds]
    assert [bool(take(one, pace, now)) for one in claimed[:3]] == [True, True, False]
    assert take(claimed[3], elsewhere, now)


def test_a_session_that_ended_makes_room(seeds):
    pace = set_pace(sessions=1)
    now = pace.next_login_at
    first, second = claim(seeds[0]), claim(seeds[1])
    assert take(first, pace, now) and not take(second, pace, now)
    claims.finish(first, next_poll_at=now)
    assert take(second, pace, now)


def test_a_session_of_a_worker_that_died_makes_room_when_its_lease_ends(seeds):
    pace = set_pace(sessions=1)
    now = pace.next_login_at
    take(claim(seeds[0]), pace, now)
    second = claim(seeds[1])
    assert not take(second, pace, now)
    assert take(second, pace, now + LEASE)


def test_who_lost_the_lease_takes_no_turn(seeds):
    pace = set_pace()
    lost = claim(seeds[0])
    Mailbox.objects.filter(pk=lost.mailbox_id).update(lease_epoch=99)
    assert take(lost, pace, db_now()) is None


def test_takers_at_the_same_moment_share_the_turns_between_them(seeds):
    """With room for one, exactly one of four that come at once gets in: the count is made under the row's lock."""
    pace, claimed = set_pace(sessions=1), [claim(seed) for seed in seeds]
    gate, taken = threading.Barrier(len(claimed)), []

    def run(one):
        gate.wait()
        taken.append(take(one, pace, pace.next_login_at))
        connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(at is not None for at in taken) == 1


def test_a_poll_that_has_no_turn_comes_again_and_nothing_has_failed(seeds):
    set_pace(sessions=1)
    Mailbox.objects.filter(pk=seeds[1].mailbox_id).update(slot_until=db_now() + LEASE)
    with ScriptedImapServer(Box()) as server:
        Mailbox.objects.update(port=server.port)
        begun = db_now()
        assert polling.poll_one(seeds[0].mailbox_id, owner="me") is False
        assert server.commands == []
    mailbox = Mailbox.objects.get(pk=seeds[0].mailbox_id)
    assert (mailbox.fail_count, mailbox.attempts, mailbox.lease_until, mailbox.state) == (0, 0, None, "new")
    assert begun + 0.5 * SECOND < mailbox.next_poll_at < db_now() + 4 * SECOND


def test_a_poll_gives_its_turn_back(seeds):
    with ScriptedImapServer(Box(), Box(b"Spam", "\\Junk"), capabilities=DOVECOT) as server:
        Mailbox.objects.update(port=server.port)
        assert polling.poll_one(seeds[0].mailbox_id, owner="me")
    assert Mailbox.objects.get(pk=seeds[0].mailbox_id).slot_until is None
    assert ProviderPace.objects.get().max_sessions is None, "it follows the catalogue"


def test_a_check_takes_a_turn_like_everybody(seeds, monkeypatch, now):
    monkeypatch.setattr(checking, "_PATIENCE", timedelta(0))
    set_pace(sessions=1)
    Mailbox.objects.filter(pk=seeds[1].mailbox_id).update(slot_until=db_now() + LEASE)
    report = checking.check_connection(seeds[0].mailbox, now=now)
    assert "Other mailboxes at this provider" in report.title
    assert Mailbox.objects.get(pk=seeds[0].mailbox_id).lease_until is None


def test_a_server_of_ones_own_is_not_paced(cast, make_seed):
    seed = make_seed(cast.workspace, "generic")
    pacing.take_turn(seed.mailbox, claim(seed))
    assert not ProviderPace.objects.exists()


def test_an_empty_row_follows_the_catalogue_and_a_figure_in_it_goes_before(seeds):
    pace = ProviderPace.objects.create(provider="gmail", host="127.0.0.1", next_login_at=db_now())
    now, usual = pace.next_login_at, claims.Bearable(sessions=3, spacing_ms=1000)
    claimed = [claim(seed) for seed in seeds]
    assert [take(one, pace, now, usual=usual) for one in claimed[:2]] == [now, now + SECOND]
    ProviderPace.objects.update(login_spacing_ms=0, max_sessions=2)
    assert take(claimed[2], pace, now + SECOND, usual=usual) is None, "two sessions are open"
    ProviderPace.objects.update(max_sessions=None)
    assert take(claimed[2], pace, now + SECOND, usual=usual)
    assert take(claimed[3], pace, now + SECOND, usual=usual) is None, "the catalogue says three"


@pytest.mark.parametrize(
    ("provider", "sessions", "a_minute"), [("gmail", 20, 240), ("gmx", 10, 60), ("t_online", 10, 120)]
)
def test_what_a_provider_bears_is_in_its_entry_or_by_its_kind(provider, sessions, a_minute):
    assert pacing.bearable(providers.get(provider)) == claims.Bearable(sessions, 60_000 // a_minute)


def test_an_operator_changes_the_pace_and_nobody_else_sees_it(client, cast):
    pace = set_pace()
    page = reverse("admin:seedtest_providerpace_change", args=[pace.pk])
    client.force_login(cast.owner)
    assert client.get(page).status_code == 404
    assert client.get(reverse("admin:seedtest_providerpace_changelist")).status_code == 403
    cast.owner.is_superuser = True
    cast.owner.save()
    listed = client.get(reverse("admin:seedtest_providerpace_changelist")).content.decode()
    assert "Gmail" in listed and "127.0.0.1" in listed
    assert client.post(page, {"max_sessions": "0", "login_spacing_ms": ""}).status_code == 200, "none is no number"
    assert client.post(page, {"max_sessions": "", "login_spacing_ms": "700"}).status_code == 302
    pace.refresh_from_db()
    assert (pace.max_sessions, pace.login_spacing_ms) == (None, 700)
    assert "20 (catalogue)" in client.get(reverse("admin:seedtest_providerpace_changelist")).content.decode()
