"""Whole messages: kept only where the workspace asks, never in shared mailboxes, and gone with their retention."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from placement.vocabulary import KeptBody
from seedtest import models
from seedtest.services import housekeeping, polling, raw_mail, recording
from tests.seedtest.scans import block, look_at, scanned, seen

BODY = b"Hello\r\n\x00\xff"


@pytest.fixture(autouse=True)
def media(settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


@pytest.fixture
def keeping(cast):
    cast.workspace.keep_raw = True
    cast.workspace.save()
    return cast.workspace


def files(media: Path) -> list[Path]:
    return [one for one in media.rglob("*") if one.is_file()]


def record(seed, test, *, cap: int = 10_000, **changes) -> models.RawMessage | None:
    sighting = replace(seen(test=test, **changes), body=KeptBody(BODY))
    assert recording.record(replace(look_at(seed), keep_raw_bytes=cap), scanned(sighting))
    return models.RawMessage.objects.first()


def test_nothing_is_kept_unless_the_workspace_asks(cast, make_seed):
    seed = make_seed(cast.workspace)
    assert raw_mail.cap_of(seed.mailbox) == 0


def test_the_workspace_that_owns_the_mailbox_sets_the_cap(keeping, make_seed):
    keeping.raw_max_kb = 3
    keeping.save()
    assert raw_mail.cap_of(make_seed(keeping).mailbox) == 3 * 1024


def test_a_mailbox_that_others_use_too_keeps_nothing(keeping, cast, make_seed):
    seed = make_seed(keeping)
    make_seed(cast.elsewhere, mailbox=seed.mailbox)
    assert raw_mail.cap_of(seed.mailbox) == 0


def test_a_mailbox_lent_to_somebody_else_keeps_nothing(keeping, cast, make_seed):
    lent = make_seed(keeping, mailbox=None).mailbox
    lent.seed_accounts.all().delete()
    make_seed(cast.elsewhere, mailbox=lent)
    assert raw_mail.cap_of(lent) == 0


def test_the_operators_pool_keeps_nothing(keeping, make_seed):
    seed = make_seed(keeping)
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(workspace=None)
    seed.mailbox.refresh_from_db()
    assert raw_mail.cap_of(seed.mailbox) == 0


def test_a_poll_asks_for_bodies_exactly_where_they_are_kept(keeping, make_seed, now):
    seed = make_seed(keeping)
    claim = look_at(seed).claim

    def asked_for() -> int:
        (job,) = polling._read([claim], now)
        return polling._order(job.mailbox, polling._look(job), is_new=False).keep_body_bytes

    assert asked_for() == 512 * 1024
    keeping.keep_raw = False
    keeping.save()
    assert asked_for() == 0


def test_a_message_is_kept_byte_for_byte_with_its_sum(keeping, make_seed, make_test):
    seed = make_seed(keeping)
    raw = record(seed, make_test(keeping, [seed]))
    assert raw_mail.content_of(raw) == block() + BODY
    assert raw.sha256 == hashlib.sha256(block() + BODY).hexdigest()
    assert (raw.size, raw.truncated) == (len(block() + BODY), False)


def test_a_message_beyond_the_cap_is_cut_and_says_so(keeping, make_seed, make_test):
    seed = make_seed(keeping)
    raw = record(seed, make_test(keeping, [seed]), cap=100)
    assert (raw.size, raw.truncated, raw_mail.content_of(raw)) == (100, True, (block() + BODY)[:100])


def test_a_message_of_no_test_is_never_kept(keeping, make_seed, media):
    assert record(make_seed(keeping), None) is None
    assert files(media) == []


def test_reading_the_same_place_twice_keeps_one_file(keeping, make_seed, make_test, media):
    seed = make_seed(keeping)
    test = make_test(keeping, [seed])
    first = record(seed, test, uid=5)
    assert record(seed, test, uid=5).file == first.file
    assert [one.name for one in files(media)] == [Path(first.file).name]


def test_a_scan_whose_claim_was_lost_leaves_no_file(keeping, make_seed, make_test, media):
    seed = make_seed(keeping)
    stale = replace(look_at(seed), keep_raw_bytes=10_000)
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(lease_epoch=99)
    test = make_test(keeping, [seed])
    assert not recording.record(stale, scanned(replace(seen(test=test), body=KeptBody(BODY))))
    assert (files(media), models.RawMessage.objects.count()) == ([], 0)


def test_a_storage_that_is_full_costs_the_copy_and_not_the_result(keeping, make_seed, make_test, monkeypatch):
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(default_storage, "save", full)
    seed = make_seed(keeping)
    test = make_test(keeping, [seed])
    assert record(seed, test) is None
    assert test.results.get().placement == "inbox"


def test_retention_deletes_file_and_row(keeping, make_seed, make_test, media, now):
    seed = make_seed(keeping)
    record(seed, make_test(keeping, [seed]))
    assert housekeeping.sweep(now + timedelta(days=29))["raw_messages"] == 0
    assert housekeeping.sweep(now + timedelta(days=31))["raw_messages"] == 1
    assert (files(media), models.RawMessage.objects.count()) == ([], 0)


def test_retention_is_each_workspaces_own(keeping, cast, make_seed, make_test, now):
    models.Workspace.objects.filter(pk=cast.elsewhere.pk).update(keep_raw=True, raw_retention_days=90)
    for workspace in (keeping, cast.elsewhere):
        seed = make_seed(workspace)
        record(seed, make_test(workspace, [seed]))
    assert housekeeping.sweep(now + timedelta(days=31))["raw_messages"] == 1
    (left,) = models.RawMessage.objects.all()
    assert left.arrival.mailbox.workspace == cast.elsewhere


@pytest.mark.parametrize("gone", ["mailbox", "test", "workspace"])
def test_a_file_goes_with_what_it_belongs_to(keeping, make_seed, make_test, media, now, gone):
    seed = make_seed(keeping)
    test = make_test(keeping, [seed])
    record(seed, test)
    {"mailbox": seed.mailbox, "test": test, "workspace": keeping}[gone].delete()
    assert len(files(media)) == 1
    housekeeping.sweep(now)
    assert (files(media), models.RawMessage.objects.count()) == ([], 0)


def test_a_file_that_is_gone_already_does_not_stop_housekeeping(keeping, make_seed, make_test, media, now):
    seed = make_seed(keeping)
    raw = record(seed, make_test(keeping, [seed]))
    default_storage.delete(raw.file)
    assert raw_mail.content_of(raw) is None
    assert housekeeping.sweep(now + timedelta(days=31))["raw_messages"] == 1
