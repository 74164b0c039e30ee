"""Our own check as a job: what it stores, that it happens once, and what it never holds meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from placement.verify import DnsResolver
from placement.vocabulary import KeptBody
from seedtest import models, name_servers, tasks
from seedtest.models.evidence import MAX_ATTEMPTS
from seedtest.services import recording, verifying
from seedtest.system_checks import dns_servers
from tests.fakes import FakeDns
from tests.placement.verify_suites.signed import MESSAGE, by_hand, dns
from tests.seedtest.name_server import served
from tests.seedtest.scans import JUNK, block, look_at, scanned, seen

TRACE = (
    b"Return-Path: <bounce@sender.example>\r\n"
    b"Received: from mail.sender.example (mail.sender.example [192.0.2.7]) by mx.seed.example;\r\n"
    b" Wed, 4 Mar 2026 10:20:10 +0000\r\n"
)
ZONE = {"sender.example": ["v=spf1 ip4:192.0.2.7 -all"], "_dmarc.sender.example": ["v=DMARC1; p=reject"]}
METHODS = {"spf", "dkim", "dmarc", "arc", "bimi", "one_click"}


@pytest.fixture(autouse=True)
def switched_on(settings, tmp_path: Path) -> None:
    settings.DNS_NAMESERVERS = ["127.0.0.1:9"]
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def seed(cast, make_seed):
    return make_seed(cast.workspace, "gmail")


@pytest.fixture
def test(cast, make_test, seed):
    return make_test(cast.workspace, [seed])


def received(seed, test, message: bytes = b"", *, keep_raw: bool = False, **changes) -> models.ReceivedMessage:
    head, _, body = (message or TRACE + by_hand()).partition(b"\r\n\r\n")
    sighting = seen(test=test, headers=head + b"\r\n\r\n", **changes)
    cap = 100_000 if keep_raw else 0
    sighting = replace(sighting, body=KeptBody(body) if keep_raw else None)
    assert recording.record(replace(look_at(seed), keep_raw_bytes=cap), scanned(sighting))
    return models.ReceivedMessage.objects.latest("pk")


def zone() -> FakeDns:
    return dns(**ZONE)


def verified(message: models.ReceivedMessage, resolver: object = None) -> models.Verification:
    verifying.verify_batch([message.pk], resolver=resolver or zone())
    return models.Verification.objects.get(message=message)


def test_the_tick_names_what_has_evidence_and_is_not_checked(seed, test, now):
    message = received(seed, test)
    assert verifying.pending(now) == [[message.pk]]
    verified(message)
    assert verifying.pending(now) == []


def test_without_name_servers_nothing_is_named_and_nothing_is_asked(seed, test, settings, now):
    settings.DNS_NAMESERVERS = []
    message = received(seed, test)
    assert verifying.pending(now) == []
    assert verifying.verify_batch([message.pk]) == 0
    assert not models.Verification.objects.exists()


def test_old_messages_are_not_named_since_their_keys_may_be_gone(seed, test, now):
    received(seed, test)
    assert verifying.pending(now + timedelta(days=4)) == []


def test_a_task_carries_a_few_messages_only(seed, test, now, monkeypatch):
    monkeypatch.setattr(verifying, "A_TASK", 2)
    headers = [TRACE + by_hand(MESSAGE.replace(b"<1@", f"<{n}@".encode())) for n in range(5)]
    for message in headers:
        received(seed, test, message)
    assert [len(ids) for ids in verifying.pending(now)] == [2, 2, 1]


def test_where_only_headers_are_kept_the_signature_is_checked_as_far_as_it_goes(seed, test):
    found = verified(received(seed, test))
    assert found.summary == {
        "spf": "pass", "dkim": "headers_only", "dmarc": "pass", "arc": "none", "bimi": "none",
        "one_click": "headers_only",
    }  # fmt: skip
    assert found.checks.keys() == METHODS
    assert found.checks["dkim"]["signatures"][0]["domain"] == "sender.example"
    assert (found.again_at, found.attempts) == (None, 1)


def test_a_whole_message_is_checked_whole(seed, test):
    found = verified(received(seed, test, keep_raw=True))
    assert (found.summary["dkim"], found.summary["one_click"]) == ("pass", "pass")


def test_a_body_that_was_changed_on_the_way_is_found(seed, test):
    changed = (TRACE + by_hand()).replace(b"Hello  there", b"Hello, you there")
    found = verified(received(seed, test, changed, keep_raw=True))
    assert found.summary["dkim"] == "fail"
    assert "dkim_body_hash" in {one["code"] for one in found.findings}


def test_a_file_that_is_still_being_written_is_waited_for(seed, test, monkeypatch):
    monkeypatch.setattr("seedtest.services.raw_mail.store", lambda copies: None)
    message = received(seed, test, keep_raw=True)
    assert verifying.verify_batch([message.pk], resolver=zone()) == 0
    models.RawMessage.objects.update(created_at=models.RawMessage.objects.get().created_at - timedelta(minutes=2))
    assert verified(message).summary["dkim"] == "headers_only"


def test_a_second_task_for_the_same_message_asks_nothing(seed, test):
    message = received(seed, test)
    first = verified(message)
    silent = FakeDns()
    assert verifying.verify_batch([message.pk], resolver=silent) == 0
    assert silent.asked == []
    assert models.Verification.objects.get(message=message).verified_at == first.verified_at


@pytest.mark.parametrize("broken", ["read_for", "checks"])
def test_a_message_that_breaks_our_check_holds_back_none_behind_it(seed, test, now, monkeypatch, broken):
    messages = [received(seed, test, TRACE + by_hand(MESSAGE.replace(b"<1@", f"<{n}@".encode()))) for n in range(3)]
    works, asked = getattr(verifying.readings, broken), []

    def breaks_on_the_first(*args):
        asked.append(args)
        if len(asked) == 1:
            raise OverflowError("date value out of range")
        return works(*args)

    monkeypatch.setattr(verifying.readings, broken, breaks_on_the_first)
    assert verifying.verify_batch([message.pk for message in messages], resolver=zone()) == 2
    poisoned = models.Verification.objects.get(verified_at=None)
    assert poisoned.message == messages[0]
    assert poisoned.attempts == 1 and poisoned.again_at > now, "tried again a few times, and never for ever"


def test_what_another_worker_has_claimed_is_left_to_it(seed, test, now):
    message = received(seed, test)
    models.Verification.objects.create(message=message, attempts=1, again_at=now + timedelta(minutes=5))
    assert verifying.pending(now) == []
    assert verifying.verify_batch([message.pk], resolver=zone()) == 0


def test_a_worker_that_died_is_followed_by_another_but_not_for_ever(seed, test, now):
    message = received(seed, test)
    claim = models.Verification.objects.create(message=message, attempts=1, again_at=now)
    assert verifying.pending(now) == [[message.pk]]
    models.Verification.objects.filter(pk=claim.pk).update(attempts=MAX_ATTEMPTS)
    assert verifying.pending(now) == []


def test_a_worker_that_wakes_too_late_stores_nothing(seed, test):
    message = received(seed, test)
    work = verifying._claim(message.pk)
    models.Verification.objects.filter(pk=message.pk).update(attempts=2)
    checked = verifying.examining.check(work.content, work.reading, zone(), work.received_at)
    assert verifying._store(work, checked) is False
    assert models.Verification.objects.get(pk=message.pk).verified_at is None


def test_what_dns_cannot_say_is_unknown_and_asked_again_a_few_times(seed, test, now):
    message = received(seed, test)
    down = FakeDns(down=["*"])
    first = verified(message, down)
    assert (first.summary["spf"], first.summary["dkim"], first.summary["dmarc"]) == ("unknown", "unknown", "unknown")
    assert first.again_at > now + timedelta(minutes=9)
    models.Verification.objects.update(again_at=now)
    assert verified(message, down).again_at > now + timedelta(minutes=59)
    models.Verification.objects.update(again_at=now)
    assert verified(message, down).again_at is None


def test_dns_that_comes_back_replaces_unknown(seed, test, now):
    message = received(seed, test)
    verified(message, FakeDns(down=["*"]))
    models.Verification.objects.update(again_at=now)
    assert verified(message).summary["spf"] == "pass"


def test_a_difference_from_the_receiver_is_a_finding_with_both_sides(seed, test):
    said = b"Authentication-Results: mx.google.com; spf=fail smtp.mailfrom=bounce@sender.example\r\n"
    found = verified(received(seed, test, said + TRACE + by_hand()))
    (differs,) = (one for one in found.findings if one["code"] == "spf_differs")
    assert "spf=fail" in differs["evidence"] and "spf=pass" in differs["evidence"]


def test_the_page_of_the_test_learns_of_it(seed, test):
    message = received(seed, test)
    test.refresh_from_db()
    before = test.version
    verified(message)
    test.refresh_from_db()
    assert test.version == before + 1


def test_a_second_place_of_the_same_message_is_not_checked_again(seed, test, now):
    message = received(seed, test, TRACE + by_hand())
    verified(message)
    received(seed, test, TRACE + by_hand(), folder=JUNK)
    assert verifying.pending(now) == []


def test_hostile_headers_are_stored_without_what_postgresql_refuses(seed, test):
    hostile = TRACE + b"DKIM-Signature: v=1; a=\x00\xed\xa0\x80; d=sender.example; s=s1; b=\r\n" + block()
    found = verified(received(seed, test, hostile))
    assert found.summary["dkim"] != "pass"
    assert "\x00" not in str(found.findings) + str(found.checks)


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_dns_is_asked(seed, test, monkeypatch):
    """SQLite in memory cannot be closed, so it is told by who gave the connection back, and outside of what."""
    told = []

    class Watching(FakeDns):
        def txt(self, name):
            told.append("in a transaction" if connection.in_atomic_block else "asks")
            return super().txt(name)

    monkeypatch.setattr(verifying, "release_connection", lambda: told.append("gives back"))
    message = received(seed, test)
    assert verifying.verify_batch([message.pk], resolver=Watching(zone().records)) == 1
    assert (told[0], set(told[1:-1]), told[-1]) == ("gives back", {"asks"}, "gives back")


def test_the_name_servers_of_the_settings_are_asked(seed, test, settings):
    message = received(seed, test)
    with served({"sender.example": ["v=spf1 -all"]}) as address:
        settings.DNS_NAMESERVERS = [address]
        assert verifying.verify_batch([message.pk]) == 1
    assert models.Verification.objects.get().summary["spf"] == "fail"


def test_the_tick_publishes_a_task_for_each_batch(seed, test, now, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks, "_publish", lambda task, args, **_: sent.append((task.name, args)))
    message = received(seed, test)
    tasks.WORK["verifying"](now)
    assert sent == [("seedtest.tasks.verify", [[message.pk]])]


@pytest.mark.parametrize("entry", ["resolver.example", "192.0.2.53:99999", "192.0.2.53:x", "https://192.0.2.53/dns"])
def test_a_name_server_that_is_no_address_is_refused_at_start_up(settings, entry):
    settings.DNS_NAMESERVERS = [entry]
    (said,) = dns_servers(None)
    assert said.id == "seedtest.E006"


def test_name_servers_may_have_ports_of_their_own(settings):

    assert isinstance(
        name_servers.resolver_of(["192.0.2.53", "127.0.0.1:5353", "[2001:db8::1]:54", "::1"]), DnsResolver
    )
