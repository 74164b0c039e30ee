"""No fault brings a second copy of a message to a seed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings

from seedtest import models
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.services import envelopes, sending, smtp

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AFTER = 3600.0


def claimed(test: models.SeedTest) -> envelopes.Envelope:
    (envelope,) = envelopes.claim(test.pk, limit=1)
    return envelope


def test_a_connection_that_drops_after_data_leaves_the_answer_unknown(
    cast, make_seed, send_test, office, settings: LazySettings
):
    seed, other = make_seed(cast.workspace), make_seed(cast.workspace)
    office.at_data[seed.mailbox.address] = ""
    test = send_test(cast.workspace, [seed, other], office.port)

    assert sending.send_batch(test.pk, owner="a worker") == 1
    settings.CLOCK_OFFSET_SECONDS = LONG_AFTER
    assert sending.pending(db_now()) == []
    assert sending.send_batch(test.pk, owner="a worker") == 0

    assert sorted(office.recipients()) == sorted([seed.mailbox.address, other.mailbox.address])
    assert test.outbounds.get(account=seed).status == "unknown"
    result = test.results.get(seed_account=seed)
    assert (result.placement, result.dispatch, result.reason) == ("waiting", "unknown", "smtp_unknown")


def test_a_process_that_dies_in_data_leaves_the_answer_unknown(
    cast, make_seed, send_test, office, settings: LazySettings
):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    assert envelopes.begin_data(claimed(test), "<1@acme.example>")
    settings.CLOCK_OFFSET_SECONDS = LONG_AFTER

    assert sending.pending(db_now()) == []
    assert sending.send_batch(test.pk, owner="another worker") == 0

    assert office.taken == []
    assert test.outbounds.get().status == "unknown"
    assert test.results.get().reason == "smtp_unknown"
    test.refresh_from_db()
    assert test.status == "waiting"


def test_a_process_that_dies_before_data_is_replaced(cast, make_seed, send_test, office, settings: LazySettings):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    claimed(test)
    assert sending.pending(db_now()) == []
    settings.CLOCK_OFFSET_SECONDS = LONG_AFTER
    assert sending.pending(db_now()) == [test.pk]
    assert sending.send_batch(test.pk, owner="another worker") == 1
    assert len(office.taken) == 1


def test_data_of_an_earlier_attempt_does_not_make_a_later_one_unknown(
    cast, make_seed, send_test, office, settings: LazySettings
):
    seed = make_seed(cast.workspace)
    office.at_data[seed.mailbox.address] = "451 4.3.0 Later"
    test = send_test(cast.workspace, [seed], office.port)
    sending.send_batch(test.pk, owner="a worker")
    settings.CLOCK_OFFSET_SECONDS = LONG_AFTER
    claimed(test)  # and dies before DATA
    settings.CLOCK_OFFSET_SECONDS = LONG_AFTER * 2
    assert sending.pending(db_now()) == [test.pk]


def test_a_frozen_worker_that_wakes_up_sends_and_changes_nothing(
    cast, make_seed, send_test, office, settings: LazySettings
):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    frozen = claimed(test)
    settings.CLOCK_OFFSET_SECONDS = LONG_AFTER
    sending.pending(db_now())
    sending.send_batch(test.pk, owner="another worker")

    assert not envelopes.begin_data(frozen, "<2@acme.example>")
    envelopes.refused(frozen, smtp.Refused(smtp.Stage.RCPT, "550 No", smtp.Reply(550, "No")))
    envelopes.give_up_test(test.pk, [frozen], "our account is closed")
    envelopes.release([frozen])

    assert test.outbounds.get().status == "sent"
    assert test.results.get().placement == "waiting"
    assert len(office.taken) == 1


def test_two_workers_with_the_same_hint_share_the_envelopes(cast, make_seed, send_test, office):
    seeds = [make_seed(cast.workspace) for _ in range(4)]
    test = send_test(cast.workspace, seeds, office.port)
    taken = envelopes.claim(test.pk, limit=2)
    assert sending.send_batch(test.pk, owner="another worker") == 2
    envelopes.release(taken)
    assert sending.send_batch(test.pk, owner="a third worker") == 2
    assert sorted(office.recipients()) == sorted(seed.mailbox.address for seed in seeds)


def test_a_test_that_is_being_sent_is_not_handed_out_again(cast, make_seed, send_test, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace), make_seed(cast.workspace)], office.port)
    claimed(test)
    assert sending.pending(db_now()) == []


def test_a_cancelled_test_stops_before_data(cast, make_seed, send_test, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    envelope = claimed(test)
    models.SeedTest.objects.filter(pk=test.pk).update(status="cancelled")
    assert not envelopes.begin_data(envelope, "<3@acme.example>")
    envelopes.release([envelope])
    assert test.outbounds.get().status == "failed"
    assert sending.send_batch(test.pk, owner="a worker") == 0
    assert office.taken == []


def test_an_envelope_that_kills_its_process_again_and_again_is_given_up(
    cast, make_seed, send_test, office, settings: LazySettings
):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    for death in range(1, envelopes.DEADLY_ATTEMPTS + 1):
        assert envelopes.claim(test.pk, limit=1)
        settings.CLOCK_OFFSET_SECONDS = death * LONG_AFTER
        claims.release_lost_outbound(db_now())
    assert sending.send_batch(test.pk, owner="a worker") == 0
    result = test.results.get()
    assert (result.placement, result.reason) == ("not_sent", "smtp_gave_up")


def test_the_message_id_stays_the_same_over_attempts(cast, make_seed, send_test, office, settings: LazySettings):
    seed = make_seed(cast.workspace)
    office.at_data[seed.mailbox.address] = "451 4.3.0 Later"
    test = send_test(cast.workspace, [seed], office.port)
    sending.send_batch(test.pk, owner="a worker")
    before = test.outbounds.get().message_id
    office.at_data.clear()
    settings.CLOCK_OFFSET_SECONDS = LONG_AFTER
    sending.send_batch(test.pk, owner="a worker")
    assert before and test.outbounds.get().message_id == before


def test_a_session_ends_at_its_wall_clock_deadline(cast, make_seed, send_test, office, settings: LazySettings):
    settings.SESSION_DEADLINE = 0.5
    seed = make_seed(cast.workspace)
    office.stalls_at_rcpt.add(seed.mailbox.address)
    test = send_test(cast.workspace, [seed], office.port)
    assert sending.send_batch(test.pk, owner="a worker") == 0
    outbound = test.outbounds.get()
    assert outbound.status == "queued"
    assert outbound.next_attempt_at > db_now() + timedelta(seconds=20)
