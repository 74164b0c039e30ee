"""Finds of several looks in one transaction: what each says by itself, at the cost of one, and no harm to another."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from psycopg.errors import AdminShutdown, ProgramLimitExceeded

from placement.headers import Headers
from placement.providers import get
from placement.reading import read_authentication
from placement.vocabulary import FullCheck, Place, Tab
from seedtest import models
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.services import ledger, polling, recording, settling, turns
from tests.seedtest.scans import INBOX, JUNK, LOOKED_EVERYWHERE, TRASH, UIDVALIDITY, block, look_at, scanned, seen

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seeds(cast, make_seed):
    """Eight mailboxes that were looked into before."""
    made = [make_seed(cast.workspace, "generic") for _ in range(8)]
    for seed in made:
        assert recording.record(look_at(seed), scanned())
    return made


@pytest.fixture
def test(cast, make_test, seeds):
    return make_test(cast.workspace, seeds)


def looked(seed, *sightings, **scan) -> recording.Seen:
    look = look_at(seed)
    return recording.seen(look, models.Mailbox.objects.get(pk=seed.mailbox_id), scanned(*sightings, **scan))


def placements(test) -> list[str]:
    return [result.placement for result in test.results.order_by("id")]


def test_every_find_of_a_group_is_recorded(seeds, test):
    group = [looked(seed, seen(INBOX if seed.pk % 2 else JUNK, test=test)) for seed in seeds]
    assert recording.record_together(group) == {seed.mailbox_id for seed in seeds}
    assert placements(test) == ["inbox" if seed.pk % 2 else "spam" for seed in seeds]
    assert models.Evidence.objects.count() == models.ReceivedMessage.objects.count() == 8
    assert not models.Mailbox.objects.exclude(lease_until=None, attempts=0).exists()


def test_the_first_message_of_a_test_is_told_once_and_sets_every_deadline(seeds, test):
    recording.record_together([looked(seed, seen(INBOX, test=test)) for seed in seeds[:3]])
    assert models.Event.objects.filter(type="test.receiving").count() == 1
    assert test.results.filter(deadline_at=None).count() == 0
    test.refresh_from_db()
    assert (test.status, test.sent_at_source) == ("receiving", "first_arrival")


def test_a_group_of_eight_costs_hardly_more_statements_than_one(seeds, cast, make_test):
    counts = {}
    for size in (1, 8):
        test = make_test(cast.workspace, seeds)
        recording.record(look_at(seeds[0]), scanned(seen(INBOX, test=test, uid=900 + size)))
        group = [looked(seed, seen(INBOX, test=test, uid=1000 + size)) for seed in seeds[:size]]
        with CaptureQueriesContext(connection) as queries:
            recording.record_together(group)
        counts[size] = len(queries)
    assert counts[8] <= counts[1] + 1, counts


def test_a_lost_claim_is_left_out_and_takes_no_neighbour_with_it(seeds, test):
    group = [looked(seed, seen(INBOX, test=test)) for seed in seeds[:3]]
    models.Mailbox.objects.filter(pk=seeds[1].mailbox_id).update(lease_until=db_now())
    claims.claim([seeds[1].mailbox_id], db_now(), owner="somebody else", lease=timedelta(seconds=60))
    assert recording.record_together(group) == {seeds[0].mailbox_id, seeds[2].mailbox_id}
    assert placements(test)[:3] == ["inbox", "waiting", "inbox"]
    assert not models.Arrival.objects.filter(mailbox_id=seeds[1].mailbox_id).exists()


def test_rivals_in_one_mailbox_are_not_those_of_another(seeds, cast, make_test):
    pairs = [[make_test(cast.workspace, [seed]) for _ in range(2)] for seed in seeds[:2]]
    recording.record_together(
        [looked(seed, seen(INBOX, rivals=tests)) for seed, tests in zip(seeds[:2], pairs, strict=True)]
    )
    for one, other in pairs:
        assert one.results.get().rival_tests == [other.public_id]
        assert other.results.get().rival_tests == [one.public_id]


def test_a_full_check_concludes_only_for_its_own_mailbox(seeds, test):
    recording.record_together([looked(seeds[0], seen(INBOX, test=test))])
    test.results.update(deadline_at=db_now())
    recording.record_together(
        [looked(seeds[1], full_check=LOOKED_EVERYWHERE), looked(seeds[2], seen(INBOX, test=test)), looked(seeds[3])]
    )
    assert placements(test)[:4] == ["inbox", "missing", "inbox", "waiting"]


# --- whatever the mix, a group says what its looks say one by one ---------------------------------------

CHANGES = (
    {"gone": (Place("INBOX", UIDVALIDITY, 101),)},
    {"tabs": ((Place("INBOX", UIDVALIDITY, 101), Tab.PROMOTIONS),)},
    {"full_check": FullCheck(complete=True, folders=4)},
    {"full_check": FullCheck(complete=False, folders=3, failures=(("Notes", "NO"),))},
    {"quota_used": 0.95},
    {"junk_visible": False},
    {},
)


def _round(dice: random.Random, number: int, seeds, tests, day) -> list[recording.Seen]:
    """A look into each mailbox: new mail of either test or of none, copies and variants, and changes of known mail."""
    looks = []
    for seed in seeds:
        sightings = [
            seen(
                dice.choice([INBOX, JUNK, TRASH]),
                test=dice.choice([*tests, tests[0], None]),
                uid=100 * number + extra,
                key=f"message {dice.randrange(3)}",
                headers=block(subject=dice.choice(["Hello", "Good day"])),
                internaldate=day + timedelta(minutes=dice.randrange(5)),
            )
            for extra in range(1, 1 + dice.choice([0, 1, 1, 2]))
        ]
        changes = dice.choice(CHANGES) if number > 1 else {}
        scan = replace(scanned(*sightings), **changes)
        look = look_at(seed)
        looks.append(recording.seen(look, models.Mailbox.objects.get(pk=seed.mailbox_id), scan))
    return looks


def _said(seeds, tests) -> list[object]:
    """Everything that recording writes, by seed, without keys and moments."""
    names = {test.pk: f"test {number}" for number, test in enumerate(tests)}
    words = ("placement", "tab", "reason", "detail", "folder", "evidence_line", "first_placement", "current_placement",
             "matched_by", "match_where", "from_domain", "sending_ip", "authentication", "received_at")  # fmt: skip
    moments = ("moved_at", "late_at", "gone_at", "first_seen_at", "decided_at", "full_check_started_at", "deadline_at")
    said: list[object] = [(test.status, bool(test.first_arrival_at)) for test in tests]
    for seed in seeds:
        mailbox = models.Mailbox.objects.get(pk=seed.mailbox_id)
        said.append((mailbox.state, mailbox.state_reason, mailbox.quota_used, mailbox.lease_until, mailbox.attempts))
        for row in mailbox.results.filter(test__in=tests).order_by("test_id"):
            told = [getattr(row, name) for name in words] + [bool(getattr(row, name)) for name in moments]
            messages = list(row.messages.values_list("message_key", "subject", "is_variant"))
            said.append((names[row.test_id], told, messages))
        for place in mailbox.arrivals.select_related("folder", "result").order_by("folder__name", "uid"):
            owner = names[place.result.test_id] if place.result else ""
            said.append((place.folder.name, place.uid, place.tab, bool(place.gone_at), owner, place.evidence.sha256))
        said.append(list(mailbox.folders.order_by("name").values_list("name", "role", "uidnext")))
    return said


@pytest.mark.parametrize("throw", range(8))
def test_a_group_says_what_its_looks_say_one_by_one(throw, cast, make_seed, make_test):
    day, outcomes = db_now().replace(microsecond=0) - timedelta(hours=1), []
    for together in (False, True):
        dice = random.Random(throw)
        seeds = [make_seed(cast.workspace, "generic") for _ in range(6)]
        tests = [make_test(cast.workspace, seeds), make_test(cast.workspace, seeds[:4])]
        for test in tests:  # their first message sets deadlines, by which the order of looks would matter
            first = seen(INBOX, test=test, uid=10 + tests.index(test), internaldate=day)
            recording.record(look_at(seeds[0]), scanned(first))
        for number in (1, 2, 3):
            group = _round(dice, number, seeds, tests, day)
            for part in [group] if together else [[one] for one in group]:
                assert len(recording.record_together(part)) == len(part)
            models.SeedResult.objects.filter(placement="waiting").update(deadline_at=db_now())
        for test in tests:
            test.refresh_from_db()
        outcomes.append(_said(seeds, tests))
    assert outcomes[0] == outcomes[1]


# --- one that cannot be recorded ------------------------------------------------------------------------


def test_a_find_that_cannot_be_recorded_takes_no_other_with_it(seeds, test, monkeypatch):
    """Two rows are made to break the database's own rules; the others of their group are committed one by one."""
    monkeypatch.setattr(polling, "look_into", lambda plan: scanned(seen(INBOX, test=test)))
    poisoned = {seeds[2].mailbox_id, seeds[5].mailbox_id}
    save = recording.ledger.save_evidence

    def fail(kept, now):
        kept = list(kept)
        if any(arrival.mailbox_id in poisoned for arrival, _ in kept):
            raise IntegrityError("poison")
        save(kept, now)

    monkeypatch.setattr(recording.ledger, "save_evidence", fail)
    models.Mailbox.objects.update(next_poll_at=db_now())
    with pytest.raises(IntegrityError):
        polling.poll([seed.mailbox_id for seed in seeds], owner="me")
    well = [seed for seed in seeds if seed.mailbox_id not in poisoned]
    assert test.results.filter(placement="inbox").count() == len(well)
    lost = models.Mailbox.objects.filter(attempts__gt=0)
    assert {mailbox.pk for mailbox in lost} == poisoned, "their claims are lost, which makes them suspects"
    assert not models.Arrival.objects.filter(mailbox_id__in=poisoned).exists()


@pytest.fixture
def half_of_them_find(seeds, test, monkeypatch):
    """Four looks find the test's message, four find nothing new."""
    finders = {seed.mailbox_id for seed in seeds[::2]}

    def look_into(plan):
        return scanned(seen(INBOX, test=test)) if plan.mailbox.pk in finders else scanned()

    monkeypatch.setattr(polling, "look_into", look_into)
    moment = db_now()
    models.Mailbox.objects.update(next_poll_at=moment, rechecked_at=moment, last_good_poll_at=moment)
    return finders


def poll_all(seeds) -> int:
    return polling.poll([seed.mailbox_id for seed in seeds], owner="me")


def in_hand() -> set[int]:
    return set(models.Mailbox.objects.filter(lease_until__isnull=False).values_list("pk", flat=True))


@pytest.fixture(autouse=True)
def every_seat_is_given_back():
    yield
    assert turns.seats()._free == turns.seats()._most


def test_unchanged_looks_that_cannot_be_committed_lose_no_find(seeds, half_of_them_find, test, monkeypatch):
    def fail(claims):
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(settling, "settle", fail)
    with pytest.raises(OperationalError):
        poll_all(seeds)
    assert placements(test) == ["inbox", "waiting"] * 4
    assert not in_hand() & half_of_them_find


def test_finds_that_need_more_memory_than_there_is_do_not_end_the_worker(seeds, half_of_them_find, test, monkeypatch):
    commit = recording.commit

    def tight(news):
        if len(news) > 1 or news[0].mailbox_id == seeds[2].mailbox_id:
            raise MemoryError
        return commit(news)

    monkeypatch.setattr(recording, "commit", tight)
    assert poll_all(seeds) == 7
    assert in_hand() == {seeds[2].mailbox_id}


def test_a_database_that_is_gone_is_not_asked_once_for_each_find(seeds, half_of_them_find, test, monkeypatch):
    asked: list[int] = []

    def gone(news):
        asked.append(len(news))
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(recording, "commit", gone)
    with pytest.raises(OperationalError):
        poll_all(seeds)
    assert asked[1::2] == [1] * (len(asked) // 2) and sum(asked[::2]) == 4, "each group, then one of it, and no more"
    assert in_hand() == half_of_them_find


def test_a_find_too_large_for_the_database_takes_no_other_with_it(seeds, half_of_them_find, test, monkeypatch):
    commit, too_large = recording.commit, seeds[2].mailbox_id

    def limited(news):
        if too_large in {one.mailbox_id for one in news}:
            raise OperationalError("total size of jsonb array elements exceeds") from ProgramLimitExceeded()
        return commit(news)

    monkeypatch.setattr(recording, "commit", limited)
    with pytest.raises(OperationalError):
        poll_all(seeds)
    assert in_hand() == {too_large}


def test_a_server_that_is_shutting_down_is_not_asked_once_for_each_find(seeds, half_of_them_find, test, monkeypatch):
    def ending(news):
        raise OperationalError("terminating connection") from AdminShutdown()

    monkeypatch.setattr(recording, "commit", ending)
    with pytest.raises(OperationalError):
        poll_all(seeds)
    assert in_hand() == half_of_them_find


def test_a_header_of_many_results_makes_no_row_of_many_times_its_size():
    block = b"Authentication-Results: mx.own.example;" + b"dkim=p;" * 200 + b"(" + b"x" * 20_000 + b")\r\n\r\n"
    read = read_authentication(Headers.parse(block), get("generic"), extra_authserv_ids=("mx.own.example",))
    assert len(read.dkim) == 200
    stored = ledger.authentication_json(read)
    assert len(stored["dkim"]) == ledger.MAX_SIGNATURES
    assert len(json.dumps(stored)) < 10 * len(block)


def test_a_wake_up_that_fails_after_the_commit_undoes_nothing(seeds, half_of_them_find, test, monkeypatch):
    def fail(test, now):
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(recording.waking, "wake_test", fail)
    assert poll_all(seeds) == 8
    assert placements(test) == ["inbox", "waiting"] * 4
    assert not in_hand()


def test_a_mailbox_that_was_switched_off_during_its_look_stays_off(seeds, test):
    find = looked(seeds[0], seen(INBOX, test=test), junk_visible=False)
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(state="disabled")
    recording.record_together([find])
    assert models.Mailbox.objects.get(pk=seeds[0].mailbox_id).state == "disabled"
    assert placements(test)[0] == "inbox"


def test_a_refused_login_noted_during_the_look_is_forgiven_whole(seeds, test):
    """`watch` may be refused while a kept session still works: the row must not say half of either."""
    find = looked(seeds[0], seen(INBOX, test=test))
    later = db_now() + timedelta(minutes=20)
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(
        state="needs_sign_in", auth_fail_count=1, auth_backoff_until=later
    )
    recording.record_together([find])
    mailbox = models.Mailbox.objects.get(pk=seeds[0].mailbox_id)
    assert (mailbox.state, mailbox.auth_fail_count, mailbox.auth_backoff_until) == ("healthy", 0, None)
