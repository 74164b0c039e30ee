"""Sessions that a worker keeps: used again, told of directly, left to others the moment the worker is dead."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from seedtest import models
from seedtest.models import claims, warmth, watches
from seedtest.models.clock import db_now
from seedtest.services import checking, polling, purging, recording, warm
from tests.fakes import DOVECOT, Box, Letter, ScriptedImapServer

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
QUEUE = "poll.this.1"


@pytest.fixture
def server():
    with ScriptedImapServer(Box(), Box(b"Spam", "\\Junk"), capabilities=DOVECOT) as server:
        yield server


@pytest.fixture
def worker(settings, server):
    settings.KEEP_SESSIONS = 2
    warm.begin(QUEUE)
    yield warm._worker
    warm.end()


@pytest.fixture
def seeds(cast, make_seed, make_test, server):
    made = [make_seed(cast.workspace, "generic", tls="none", port=server.port) for _ in range(3)]
    make_test(cast.workspace, made)
    return made


def row(seed) -> models.Mailbox:
    return models.Mailbox.objects.select_related("egress", "oauth").get(pk=seed.mailbox_id)


def poll(*seeds) -> int:
    ids = [seed.mailbox_id for seed in seeds]
    models.Mailbox.objects.filter(pk__in=ids).update(next_poll_at=db_now(), dispatched_until=None)
    return sum(polling.poll([one], owner="me") for one in ids)


def logins(server) -> int:
    return server.verbs().count("LOGIN")


def until(true: Callable[[], object]) -> None:
    give_up = time.monotonic() + 20
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def kept_by(seed, queue: str, *, until: timedelta = 30 * SECOND) -> None:
    now = db_now()
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(
        session_owner=queue, session_until=now + until, next_poll_at=now
    )


def offered(now) -> dict[int, str]:
    models.Mailbox.objects.update(dispatched_until=None)
    return {one.mailbox_id: one.queue for one in claims.offer_due(now, limit=100, hold=30 * SECOND)}


def claimed(seed, *, keeper: str = "") -> bool:
    return bool(claims.claim([seed.mailbox_id], db_now(), owner="x", lease=9 * SECOND, keeper=keeper))


def test_the_next_look_uses_the_session_and_logs_in_no_more(worker, seeds, server):
    assert [poll(seeds[0]) for _ in range(4)] == [1, 1, 1, 1]
    assert logins(server) == 1
    assert row(seeds[0]).session_owner == QUEUE


def test_a_look_that_found_something_new_keeps_its_session_too(worker, seeds, server, monkeypatch):
    monkeypatch.setattr(polling.settling, "is_unchanged", lambda *_: False)
    assert [poll(seeds[0]) for _ in range(2)] == [1, 1]
    assert logins(server) == 1


def test_no_more_sessions_are_kept_than_the_process_may(worker, seeds, server):
    assert poll(*seeds) == 3
    assert len(worker.store) == 2
    assert {seed for seed in seeds if row(seed).session_owner} == {seeds[0], seeds[1]}
    server.wait_for("LOGOUT")


def test_a_mailbox_without_an_open_test_keeps_no_session(worker, cast, make_seed, server):
    alone = make_seed(cast.workspace, "generic", tls="none", port=server.port)
    assert poll(alone) == 1
    assert (len(worker.store), row(alone).session_until) == (0, None)
    server.wait_for("LOGOUT")
    assert "LOGOUT" in server.verbs()


def change_password(seed) -> None:
    mailbox = models.Mailbox.objects.get(pk=seed.mailbox_id)
    mailbox.secret = "another"
    mailbox.save()


def change_port(seed) -> None:
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(port=1)


def change_way_out(seed) -> None:
    other = models.EgressRoute.objects.create(name="Berlin", source_address="127.0.0.3")
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(egress=other)


def change_what_the_way_out_is(seed) -> None:
    models.EgressRoute.objects.update(source_address="127.0.0.3")


def sign_in_again(seed) -> None:
    models.OAuthCredential.objects.create(mailbox=seed.mailbox, provider="generic")


@pytest.mark.parametrize(
    "change", [change_password, change_port, change_way_out, change_what_the_way_out_is, sign_in_again]
)
def test_a_session_serves_only_what_it_was_opened_with(worker, seeds, change):
    route = models.EgressRoute.objects.create(name="London", source_address="127.0.0.2")
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(egress=route)
    poll(seeds[0])
    change(seeds[0])
    assert worker.store.holds(seeds[0].mailbox_id)
    assert warm.take(row(seeds[0])) is None


def test_tokens_are_refreshed_behind_the_session(worker, seeds):
    sign_in_again(seeds[0])
    poll(seeds[0])
    models.OAuthCredential.objects.update(generation=7, expires_at=db_now(), refreshed_at=db_now())
    session = warm.take(row(seeds[0]))
    assert session is not None
    session.close()


def test_a_session_is_taken_by_one_only(worker, seeds):
    poll(seeds[0])
    session = warm.take(row(seeds[0]))
    assert session is not None
    assert warm.take(row(seeds[0])) is None
    session.close()


def test_whoever_is_no_worker_keeps_nothing(seeds):
    assert poll(seeds[0]) == 1
    assert row(seeds[0]).session_until is None


def test_a_session_that_died_meanwhile_is_replaced_in_the_same_claim(worker, seeds, server):
    """The server says goodbye only when it is asked again: nothing was learnt, so nothing has failed."""
    poll(seeds[0])
    before = row(seeds[0])
    said = []

    def goodbye(talk) -> None:
        del server.answers["LIST"]
        said.append("BYE")
        talk.hang_up(b"* BYE Disconnected for inactivity\r\n")

    server.answers["LIST"] = goodbye
    assert poll(seeds[0]) == 1
    mailbox = row(seeds[0])
    assert (said, logins(server)) == (["BYE"], 2)
    assert (mailbox.fail_count, mailbox.backoff_until, mailbox.lease_until) == (0, None, None)
    assert mailbox.lease_epoch == before.lease_epoch + 1
    assert mailbox.session_owner == QUEUE


def test_a_session_that_dies_in_mid_answer_is_a_failure_like_any(worker, seeds, server):
    poll(seeds[0])
    server.boxes[0].letters.append(Letter(1))
    server.answers["EXAMINE"] = lambda talk: talk.hang_up(b"* BYE\r\n")
    assert poll(seeds[0]) == 1
    assert (row(seeds[0]).fail_count, logins(server)) == (1, 1)


def test_where_the_pace_permits_no_login_a_dead_session_is_no_failure_either(worker, seeds, server, monkeypatch):
    poll(seeds[0])
    server.answers["LIST"] = lambda talk: talk.hang_up(b"* BYE\r\n")

    def crowded(*_: object) -> None:
        raise polling.pacing.NotYet(db_now() + SECOND)

    monkeypatch.setattr(polling.pacing, "take_turn", crowded)
    assert poll(seeds[0]) == 0
    mailbox = row(seeds[0])
    assert (mailbox.fail_count, mailbox.lease_until, logins(server)) == (0, None, 1)


def test_a_warm_look_takes_no_turn(worker, seeds, monkeypatch):
    poll(seeds[0])
    monkeypatch.setattr(polling.pacing, "take_turn", None)
    assert poll(seeds[0]) == 1


def test_a_look_whose_commit_was_refused_keeps_no_session(worker, seeds, monkeypatch):
    monkeypatch.setattr(recording.looks, "lock", lambda _: [])
    assert poll(seeds[0]) == 0
    assert len(worker.store) == 0


def test_a_worker_that_ends_says_goodbye_and_leaves_no_row(worker, seeds, server):
    poll(*seeds[:2])
    until(models.WorkerHeartbeat.objects.exists)
    warm.leave()
    warm.end()
    until(lambda: server.verbs().count("LOGOUT") == 2)
    assert not models.WorkerHeartbeat.objects.exists()
    assert not models.Mailbox.objects.exclude(session_owner="", session_until=None, slot_until=None).exists()
    assert poll(seeds[0]) == 1, "looks that are still under way go on, and keep nothing"


def test_a_session_that_is_not_wanted_any_more_is_closed(worker, seeds, server, monkeypatch):
    monkeypatch.setattr(warm, "BEAT_SECONDS", 0.02)
    poll(*seeds[:2])
    until(lambda: models.WorkerHeartbeat.objects.filter(sessions=2).exists())
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(state="disabled")
    until(lambda: server.verbs().count("LOGOUT") == 1)
    assert not worker.store.holds(seeds[0].mailbox_id)
    assert worker.store.holds(seeds[1].mailbox_id)


def test_the_hint_goes_to_the_worker_that_keeps_the_session_and_only_it_may_claim(seeds):
    warmth.beat(QUEUE, db_now(), sessions=1)
    kept_by(seeds[0], QUEUE)
    queues = offered(db_now())
    assert queues[seeds[0].mailbox_id] == QUEUE and queues[seeds[1].mailbox_id] == ""
    assert row(seeds[0]).dispatched_until <= db_now() + 2 * SECOND, "a lost hint is given again soon"
    assert not claimed(seeds[0])
    assert claimed(seeds[0], keeper=QUEUE)


def test_a_dead_worker_keeps_nobody_waiting(seeds):
    warmth.beat(QUEUE, db_now() - 11 * SECOND, sessions=1)
    kept_by(seeds[0], QUEUE)
    assert offered(db_now())[seeds[0].mailbox_id] == ""
    assert claimed(seeds[0])


def test_a_worker_that_lets_its_turn_pass_keeps_nobody_waiting(seeds):
    warmth.beat(QUEUE, db_now(), sessions=1)
    kept_by(seeds[0], QUEUE, until=-SECOND)
    assert offered(db_now())[seeds[0].mailbox_id] == ""
    assert claimed(seeds[0])


def test_a_mailbox_that_was_woken_waits_for_its_keeper_no_longer_than_a_turn(seeds):
    """Its session was to be kept for long, but a new test wants it now, and the keeper has no thread to spare."""
    warmth.beat(QUEUE, db_now(), sessions=1)
    kept_by(seeds[0], QUEUE)
    assert not claimed(seeds[0])
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(next_poll_at=db_now() - claims.TURN)
    assert offered(db_now())[seeds[0].mailbox_id] == ""
    assert claimed(seeds[0])


def test_a_suspect_goes_to_its_own_queue_whoever_keeps_a_session(seeds):
    warmth.beat(QUEUE, db_now(), sessions=1)
    kept_by(seeds[0], QUEUE)
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(attempts=2)
    (offer,) = [one for one in claims.offer_due(db_now(), limit=9, hold=30 * SECOND) if one.suspect]
    assert (offer.mailbox_id, offer.queue) == (seeds[0].mailbox_id, "")
    assert row(seeds[0]).dispatched_until > db_now() + 9 * SECOND


def test_dispatch_sends_each_worker_its_own_and_everybody_the_rest(seeds):
    warmth.beat(QUEUE, db_now(), sessions=1)
    kept_by(seeds[0], QUEUE)
    sent = []
    assert polling.dispatch(db_now(), lambda ids, suspect, queue: sent.append((queue, ids))) == 3
    assert (QUEUE, [seeds[0].mailbox_id]) in sent
    assert sorted(one for queue, ids in sent if not queue for one in ids) == [one.mailbox_id for one in seeds[1:]]


def test_a_claim_ends_the_keeping_and_holds_on_to_the_slot(seeds):
    kept_by(seeds[0], QUEUE)
    slot = db_now() + 3 * SECOND
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(slot_until=slot)
    assert claimed(seeds[0], keeper=QUEUE) and claimed(seeds[1])
    mailbox = row(seeds[0])
    assert (mailbox.session_owner, mailbox.session_until) == ("", None)
    assert mailbox.slot_until == mailbox.lease_until > slot
    assert row(seeds[1]).slot_until is None, "whoever has no session takes a slot when it logs in"


def looked_at(seed) -> claims.Claim:
    """A look that is over, due again now."""
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(next_poll_at=db_now())
    (claim,) = claims.claim([seed.mailbox_id], db_now(), owner="x", lease=9 * SECOND, keeper=QUEUE)
    assert claims.finish(claim, next_poll_at=db_now())
    return claim


def test_a_kept_session_holds_its_slot_until_it_is_closed(seeds):
    claim = looked_at(seeds[0])
    now = db_now()
    until = warmth.keep([claim], now, owner=QUEUE)
    mailbox = row(seeds[0])
    assert until == {claim.mailbox_id: mailbox.slot_until}
    assert (mailbox.session_until, mailbox.slot_until) == (now + claims.TURN, now + claims.TURN + warmth.LINGER)


def test_a_lost_claim_keeps_no_session(seeds):
    claim = looked_at(seeds[0])
    assert warmth.keep([claims.Claim(claim.mailbox_id, claim.epoch - 1)], db_now(), owner=QUEUE) == {}
    assert row(seeds[0]).session_owner == ""


def test_a_mailbox_that_sleeps_long_or_is_switched_off_keeps_no_session(seeds):
    looked = [looked_at(seed) for seed in seeds[:2]]
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(next_poll_at=db_now() + timedelta(hours=4))
    models.Mailbox.objects.filter(pk=seeds[1].mailbox_id).update(state="disabled")
    assert warmth.keep(looked, db_now(), owner=QUEUE) == {}


def test_all_workers_together_keep_half_of_what_a_provider_bears(seeds, cast, make_seed):
    """Else a few mailboxes would hold all the slots while their test is open, and the others could not log in."""
    gmail = [make_seed(cast.workspace, "gmail") for _ in range(5)]
    models.ProviderPace.objects.create(provider="gmail", host="127.0.0.1", max_sessions=6, login_spacing_ms=0)
    assert len(warmth.keep([looked_at(one) for one in gmail[:2]], db_now(), owner="poll.another")) == 2
    theirs = warmth.keep([looked_at(one) for one in gmail[2:]], db_now(), owner=QUEUE)
    assert len(theirs) == 1
    assert len(warmth.keep([looked_at(one) for one in seeds], db_now(), owner=QUEUE)) == 3, "a server of one's own"
    again = [one for one in gmail if one.mailbox_id in theirs]
    assert len(warmth.keep([looked_at(one) for one in again], db_now(), owner=QUEUE)) == 1, "it makes its own room"


def test_a_paced_mailbox_keeps_its_session(worker, cast, make_seed, make_test, server):
    gmail = make_seed(cast.workspace, "gmail", tls="none", port=server.port)
    make_test(cast.workspace, [gmail])
    assert poll(gmail) == 1
    assert row(gmail).session_owner == QUEUE


def test_a_pace_that_says_nothing_means_the_catalogue(worker, seeds, cast, make_seed):
    gmail = make_seed(cast.workspace, "gmail")
    models.ProviderPace.objects.create(provider="gmail", host="127.0.0.1")
    claim = looked_at(gmail)
    for most, kept in ((1, 0), (2, 1)):
        bears = {("gmail", None): most}
        until = warmth.keep([claim], db_now(), owner=QUEUE, bears=lambda *asked, bears=bears: bears[asked])
        assert len(until) == kept
    assert warm._bears("gmail", None) >= 2 and warm._bears("generic", None) is None


def test_a_worker_that_ends_keeps_nobody_waiting_and_gives_its_slots_back(seeds):
    warmth.beat(QUEUE, db_now(), sessions=1)
    warmth.keep([looked_at(seeds[0])], db_now(), owner=QUEUE)
    warmth.sign_off(QUEUE)
    mailbox = row(seeds[0])
    assert (mailbox.session_owner, mailbox.session_until, mailbox.slot_until) == ("", None, None)
    assert not models.WorkerHeartbeat.objects.exists()


def test_dead_workers_are_buried_and_live_ones_are_not(db):
    now = db_now()
    warmth.beat("poll.dead.1", now - warmth.BURIED, sessions=3)
    warmth.beat("poll.live.2", now, sessions=3)
    assert warmth.dead(now) == ["poll.dead.1"]
    for queue in ("poll.dead.1", "poll.live.2"):
        warmth.bury(queue, now)
    assert [one.queue for one in models.WorkerHeartbeat.objects.all()] == ["poll.live.2"]


def lend_to_a_check(seed, now) -> None:
    assert checking.lease(seed.mailbox, now)


def lend_to_the_purge(seed, now) -> None:
    assert purging._lease(seed.mailbox, now, "purge")


@pytest.mark.parametrize("lend", [lend_to_a_check, lend_to_the_purge])
def test_whoever_logs_in_beside_the_polls_ends_the_keeping(seeds, lend):
    warmth.keep([looked_at(seeds[0])], db_now(), owner=QUEUE)
    lend(seeds[0], db_now())
    assert (row(seeds[0]).session_owner, warmth.meant(QUEUE)) == ("", set())


def test_a_watch_that_begins_takes_no_slot_from_a_kept_session(seeds):
    warmth.keep([looked_at(one) for one in seeds[:1]], db_now(), owner=QUEUE)
    for seed in seeds[:2]:
        models.Mailbox.objects.filter(pk=seed.mailbox_id).update(slot_until=db_now() + SECOND)
        watches.give_back(watches.borrow(seed.mailbox_id, db_now(), owner="watch", lease=SECOND))
    assert [row(seed).slot_until is None for seed in seeds[:2]] == [False, True]


def test_a_mailbox_that_is_switched_off_is_told_to_its_keeper(seeds):
    warmth.keep([looked_at(one) for one in seeds], db_now(), owner=QUEUE)
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(state="disabled")
    assert claimed(seeds[1])
    assert warmth.meant(QUEUE) == {seeds[2].mailbox_id}
