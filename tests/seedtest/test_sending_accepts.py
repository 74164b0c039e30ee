"""A test we send ourselves: every seed gets its own copy, and the answer of the server is kept."""

from __future__ import annotations

import email
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connections

from seedtest import models
from seedtest.demo import certificates
from seedtest.models.clock import db_now
from seedtest.services import sending
from tests.seedtest.post_office import PASSWORD, USER, PostOffice, opened

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_seed_gets_one_copy_addressed_to_it(cast, make_seed, send_test, office):
    seeds = [make_seed(cast.workspace), make_seed(cast.workspace, "gmx")]
    test = send_test(cast.workspace, seeds, office.port)

    assert sending.send_batch(test.pk, owner="a worker") == 2

    assert office.recipients() == [seed.mailbox.address for seed in seeds]
    for delivery in office.taken:
        message = email.message_from_bytes(delivery.content)
        assert message["To"] == delivery.recipient
        assert message["X-Seedtest-ID"] == test.markers.get().value
        assert message["From"] == '"Acme News" <news@acme.example>'
        assert delivery.sender == "news@acme.example"


def test_one_session_serves_all_envelopes(cast, make_seed, send_test, office):
    seeds = [make_seed(cast.workspace) for _ in range(5)]
    sending.send_batch(send_test(cast.workspace, seeds, office.port).pk, owner="a worker")
    assert office.sessions == 1


def test_more_seeds_than_one_session_takes_are_all_served(cast, make_seed, send_test, office):
    seeds = [make_seed(cast.workspace) for _ in range(sending.BATCH + 3)]
    assert sending.send_batch(send_test(cast.workspace, seeds, office.port).pk, owner="a worker") == len(seeds)
    assert office.sessions == 2


def test_the_answer_and_the_message_id_are_kept(cast, make_seed, send_test, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    sending.send_batch(test.pk, owner="a worker")
    outbound = test.outbounds.get()
    sent = email.message_from_bytes(office.taken[0].content)
    assert (outbound.status, outbound.smtp_code) == ("sent", 250)
    assert outbound.smtp_reply == "2.0.0 OK: queued as 4XkP"
    assert outbound.message_id == sent["Message-ID"]
    assert outbound.data_started_at <= outbound.accepted_at


def test_an_accepted_seed_is_confirmed_and_its_clock_runs(cast, make_seed, send_test, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    sending.send_batch(test.pk, owner="a worker")
    result = test.results.get()
    assert (result.placement, result.dispatch) == ("waiting", "confirmed")
    assert result.dispatched_at == test.outbounds.get().accepted_at
    assert result.deadline_at > result.dispatched_at


def test_the_test_waits_for_arrivals_once_everything_is_out(cast, make_seed, send_test, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    version = test.version
    sending.send_batch(test.pk, owner="a worker")
    test.refresh_from_db()
    assert (test.status, test.sent_at_source) == ("waiting", "service")
    assert test.sent_at == test.outbounds.get().accepted_at
    assert test.version > version


def test_a_test_whose_first_message_came_during_the_sending_goes_on_receiving(cast, make_seed, send_test, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    models.SeedTest.objects.filter(pk=test.pk).update(first_arrival_at=db_now())
    sending.send_batch(test.pk, owner="a worker")
    test.refresh_from_db()
    assert test.status == "receiving"


def test_the_mailboxes_are_looked_into_at_once(cast, make_seed, send_test, office):
    seed = make_seed(cast.workspace, next_poll_at=db_now() + timedelta(hours=3))
    sending.send_batch(send_test(cast.workspace, [seed], office.port).pk, owner="a worker")
    seed.mailbox.refresh_from_db()
    assert seed.mailbox.next_poll_at <= db_now()


def test_the_tick_names_a_due_test_and_not_one_that_is_due_later(cast, make_seed, send_test, office):
    due = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    later = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    later.outbounds.update(next_attempt_at=db_now() + timedelta(minutes=5))
    assert sending.pending(db_now()) == [due.pk]
    assert office.sessions == 0


def test_the_tick_finishes_a_test_whose_worker_died_after_its_last_envelope(cast, make_seed, send_test, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    test.outbounds.update(status="sent", accepted_at=db_now())
    assert sending.pending(db_now()) == []
    test.refresh_from_db()
    assert test.status == "waiting"


def test_a_profile_may_replace_the_from_address_and_the_return_path(cast, make_seed, send_test, office):
    profile = {"from_address": "offers@brand.example", "envelope_from": "bounces@brand.example"}
    sending.send_batch(
        send_test(cast.workspace, [make_seed(cast.workspace)], office.port, **profile).pk, owner="a worker"
    )
    (delivery,) = office.taken
    message = email.message_from_bytes(delivery.content)
    assert message["From"] == '"Acme News" <offers@brand.example>'
    assert message["Message-ID"].endswith("@brand.example>")
    assert delivery.sender == "bounces@brand.example"


def test_eight_bit_and_dotted_lines_arrive_as_they_are(cast, make_seed, send_test, office):
    raw = b"From: news@acme.example\nSubject: gr\xc3\xbc\xc3\x9fe\n\n.dot\n..dots\n\xff\xfe\n"
    sending.send_batch(
        send_test(cast.workspace, [make_seed(cast.workspace)], office.port, raw=raw).pk, owner="a worker"
    )
    header, _, body = office.taken[0].content.partition(b"\r\n\r\n")
    assert b"Subject: gr\xc3\xbc\xc3\x9fe" in header
    assert body == b".dot\r\n..dots\r\n\xff\xfe\r\n"


@pytest.mark.parametrize("tls", ["ssl", "starttls"])
def test_tls_is_verified_and_the_account_signed_in_with_an_umlaut_in_its_password(
    cast, make_seed, send_test, tmp_path, tls
):
    ca_file, context = certificates.make(tmp_path)
    account = {"tls": tls, "ca_pem": ca_file.read_text(), "username": USER, "password": PASSWORD}
    with opened(PostOffice(), tls=context, starttls=tls == "starttls") as office:
        test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port, **account)
        assert sending.send_batch(test.pk, owner="a worker") == 1


def test_a_window_that_opens_later_holds_the_sending_back(cast, make_seed, send_test, office, settings: LazySettings):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    test.outbounds.update(next_attempt_at=db_now() + timedelta(hours=1))
    assert sending.send_batch(test.pk, owner="a worker") == 0
    settings.CLOCK_OFFSET_SECONDS = 3700
    assert sending.send_batch(test.pk, owner="a worker") == 1


def test_no_transaction_and_no_connection_is_held_while_smtp_is_spoken(cast, make_seed, send_test, office):
    held = connections["default"]
    seen: list[tuple[str, bool, bool]] = []
    office.watch = lambda moment: seen.append((moment, held.in_atomic_block, held.connection is not None))
    sending.send_batch(send_test(cast.workspace, [make_seed(cast.workspace)], office.port).pk, owner="a worker")
    assert seen == [("rcpt", False, False), ("data", False, False)]
