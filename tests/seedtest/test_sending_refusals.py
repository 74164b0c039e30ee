"""What a refusal means: the recipient's counts against the sender, our own account's against nobody."""

from __future__ import annotations

import socket

import pytest
from django.conf import LazySettings

from seedtest import models
from seedtest.demo import certificates
from seedtest.models.clock import db_now
from seedtest.services import sending
from seedtest.services.envelopes import BACK_OFF
from tests.seedtest.post_office import PASSWORD, USER, PostOffice, opened

pytestmark = pytest.mark.django_db(transaction=True)


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def first(test: models.SeedTest) -> tuple[models.Outbound, models.SeedResult]:
    outbound = test.outbounds.order_by("pk").first()
    assert outbound is not None
    return outbound, test.results.get(seed_account_id=outbound.account_id)


def test_a_550_at_rcpt_counts_as_rejected_and_the_others_go_on(cast, make_seed, send_test, office):
    gone, there = make_seed(cast.workspace), make_seed(cast.workspace)
    office.at_rcpt[gone.mailbox.address] = "550 5.1.1 No such mailbox here"
    test = send_test(cast.workspace, [gone, there], office.port)

    assert sending.send_batch(test.pk, owner="a worker") == 1

    outbound, result = first(test)
    assert (outbound.status, outbound.smtp_stage, outbound.smtp_code) == ("failed", "rcpt", 550)
    assert (result.placement, result.reason) == ("rejected", "rejected_at_smtp")
    assert result.detail == "550 5.1.1 No such mailbox here"
    assert office.recipients() == [there.mailbox.address]
    assert office.sessions == 1


def test_a_554_after_the_message_counts_as_rejected(cast, make_seed, send_test, office):
    seed = make_seed(cast.workspace)
    office.at_data[seed.mailbox.address] = "554 5.7.1 Looks like spam"
    test = send_test(cast.workspace, [seed], office.port)
    sending.send_batch(test.pk, owner="a worker")
    outbound, result = first(test)
    assert (outbound.smtp_stage, result.placement) == ("data", "rejected")
    assert "Looks like spam" in result.detail


def test_a_rejection_does_not_overwrite_what_was_found(cast, make_seed, send_test, office):
    seed = make_seed(cast.workspace)
    office.at_rcpt[seed.mailbox.address] = "550 5.1.1 No such mailbox here"
    test = send_test(cast.workspace, [seed], office.port)
    test.results.update(placement="inbox")
    sending.send_batch(test.pk, owner="a worker")
    assert first(test)[1].placement == "inbox"


def test_a_451_is_tried_again_after_its_back_off(cast, make_seed, send_test, office, settings: LazySettings):
    seed = make_seed(cast.workspace)
    office.at_rcpt[seed.mailbox.address] = "451 4.7.1 Greylisted, come back"
    test = send_test(cast.workspace, [seed], office.port)
    assert sending.send_batch(test.pk, owner="a worker") == 0
    outbound, result = first(test)
    assert (outbound.status, outbound.smtp_reply) == ("queued", "4.7.1 Greylisted, come back")
    assert result.placement == "waiting"
    assert sending.pending(db_now()) == []

    office.at_rcpt.clear()
    settings.CLOCK_OFFSET_SECONDS = BACK_OFF[0].total_seconds() + 1
    assert sending.pending(db_now()) == [test.pk]
    assert sending.send_batch(test.pk, owner="a worker") == 1


def test_pace_shortens_the_back_off(cast, make_seed, send_test, office, settings: LazySettings):
    settings.PACE = 0.001
    seed = make_seed(cast.workspace)
    office.at_rcpt[seed.mailbox.address] = "451 4.7.1 Greylisted"
    test = send_test(cast.workspace, [seed], office.port)
    sending.send_batch(test.pk, owner="a worker")
    assert (first(test)[0].next_attempt_at - db_now()).total_seconds() < 1


def test_a_451_that_never_ends_is_given_up_as_not_sent(cast, make_seed, send_test, office, settings: LazySettings):
    seed, other = make_seed(cast.workspace), make_seed(cast.workspace)
    office.at_rcpt[seed.mailbox.address] = "451 4.7.1 Greylisted for ever"
    test = send_test(cast.workspace, [seed, other], office.port)
    for attempt in range(len(BACK_OFF) + 1):
        settings.CLOCK_OFFSET_SECONDS = attempt * 3600
        sending.send_batch(test.pk, owner="a worker")
    outbound, result = first(test)
    assert (outbound.status, outbound.attempts) == ("failed", len(BACK_OFF) + 1)
    assert (result.placement, result.reason) == ("not_sent", "smtp_gave_up")
    assert "Greylisted for ever" in result.detail
    test.refresh_from_db()
    assert test.status == "waiting"
    assert office.seen.count(seed.mailbox.address) == len(BACK_OFF) + 1


def test_a_server_that_is_down_is_tried_again_later(cast, make_seed, send_test):
    seeds = [make_seed(cast.workspace) for _ in range(sending.BATCH + 2)]
    test = send_test(cast.workspace, seeds, closed_port())
    assert sending.send_batch(test.pk, owner="a worker") == 0
    assert set(test.outbounds.values_list("status", "attempts")) == {("queued", 1)}
    assert not test.outbounds.filter(next_attempt_at__lte=db_now()).exists()
    assert set(test.results.values_list("placement", flat=True)) == {"waiting"}


def test_a_server_that_stays_down_ends_as_not_sent(cast, make_seed, send_test, settings: LazySettings):
    seeds = [make_seed(cast.workspace) for _ in range(sending.BATCH + 2)]
    test = send_test(cast.workspace, seeds, closed_port())
    for attempt in range(len(BACK_OFF) + 1):
        settings.CLOCK_OFFSET_SECONDS = attempt * 3600
        sending.send_batch(test.pk, owner="a worker")
    assert set(test.results.values_list("placement", "reason")) == {("not_sent", "smtp_gave_up")}
    test.refresh_from_db()
    assert (test.status, test.sent_at) == ("waiting", None)


def test_a_5xx_at_mail_from_is_our_account_and_rejects_nobody(cast, make_seed, send_test, office):
    office.at_mail = "550 5.1.8 Sender address not allowed for this account"
    test = send_test(cast.workspace, [make_seed(cast.workspace) for _ in range(30)], office.port)
    sending.send_batch(test.pk, owner="a worker")
    assert set(test.results.values_list("placement", "reason")) == {("not_sent", "smtp_gave_up")}
    assert "Sender address not allowed" in first(test)[1].detail
    assert office.sessions == 1


def test_a_refused_sign_in_is_our_account_and_rejects_nobody(cast, make_seed, send_test, tmp_path):
    ca_file, context = certificates.make(tmp_path)
    account = {"tls": "ssl", "ca_pem": ca_file.read_text(), "username": USER, "password": "wrong"}
    with opened(PostOffice(), tls=context) as office:
        test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port, **account)
        sending.send_batch(test.pk, owner="a worker")
    outbound, result = first(test)
    assert (outbound.smtp_stage, outbound.smtp_code) == ("auth", 535)
    assert (result.placement, result.reason) == ("not_sent", "smtp_gave_up")
    assert "refused the user name or password" in result.detail


def test_a_temporary_failure_to_sign_in_is_tried_again(cast, make_seed, send_test, tmp_path):
    ca_file, context = certificates.make(tmp_path)
    account = {"tls": "ssl", "ca_pem": ca_file.read_text(), "username": USER, "password": PASSWORD}
    with opened(PostOffice(at_auth="454 4.7.0 Try again later"), tls=context) as office:
        test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port, **account)
        sending.send_batch(test.pk, owner="a worker")
    assert first(test)[0].status == "queued"


def test_a_server_that_repeats_the_password_does_not_bring_it_into_a_row(cast, make_seed, send_test, tmp_path):
    ca_file, context = certificates.make(tmp_path)
    account = {"tls": "ssl", "ca_pem": ca_file.read_text(), "username": USER, "password": "hunter2-hunter2"}
    with opened(PostOffice(at_auth="535 5.7.8 wrong password hunter2-hunter2"), tls=context) as office:
        test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port, **account)
        sending.send_batch(test.pk, owner="a worker")
    outbound, result = first(test)
    assert "hunter2" not in outbound.smtp_reply + result.detail


def test_nothing_is_sent_in_the_clear_where_starttls_is_not_offered(cast, make_seed, send_test, office):
    account = {"tls": "starttls", "username": USER, "password": PASSWORD}
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port, **account)
    sending.send_batch(test.pk, owner="a worker")
    assert "does not offer STARTTLS" in first(test)[1].detail
    assert office.seen == []


@pytest.mark.parametrize("tls", ["ssl", "starttls"])
def test_a_certificate_nobody_vouches_for_ends_the_sending(cast, make_seed, send_test, tmp_path, tls):
    _, context = certificates.make(tmp_path)
    with opened(PostOffice(), tls=context, starttls=tls == "starttls") as office:
        test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port, tls=tls)
        sending.send_batch(test.pk, owner="a worker")
    assert "certificate of 127.0.0.1 is not valid" in first(test)[1].detail
    assert office.seen == []


def test_a_private_address_is_not_dialled(cast, make_seed, send_test, office, settings: LazySettings):
    settings.NETGUARD_ALLOW = []
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    sending.send_batch(test.pk, owner="a worker")
    assert "not a public internet address" in first(test)[1].detail
    assert office.sessions == 0


def test_a_deleted_sending_profile_is_said(cast, make_seed, send_test, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    models.SeedTest.objects.filter(pk=test.pk).update(sending_profile=None)
    sending.send_batch(test.pk, owner="a worker")
    outbound, result = first(test)
    assert (outbound.status, result.placement) == ("failed", "not_sent")
    assert "sending profile of this test was deleted" in result.detail


def test_a_421_ends_the_session_and_the_rest_goes_out_in_the_next(cast, make_seed, send_test, office):
    seeds = [make_seed(cast.workspace) for _ in range(3)]
    office.at_rcpt[seeds[1].mailbox.address] = "421 4.7.0 Too many recipients in this session"
    test = send_test(cast.workspace, seeds, office.port)
    assert sending.send_batch(test.pk, owner="a worker") == 2
    assert office.recipients() == [seeds[0].mailbox.address, seeds[2].mailbox.address]
    assert office.sessions == 2
    assert test.outbounds.get(account=seeds[1]).status == "queued"
    assert test.outbounds.get(account=seeds[2]).attempts == 1
