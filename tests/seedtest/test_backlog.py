"""How far behind the polls are, as numbers."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, fields
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client

from seedtest import models
from seedtest.models import warmth
from seedtest.models.clock import db_now
from seedtest.services import health

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def mailboxes(cast, make_seed):
    made = [make_seed(cast.workspace).mailbox_id for _ in range(4)]
    models.Mailbox.objects.update(next_poll_at=db_now() + MINUTE)
    return made


def set_row(pk: int, **values: object) -> None:
    models.Mailbox.objects.filter(pk=pk).update(**values)


def test_who_sleeps_is_not_late(mailboxes):
    assert health.backlog() == health.Backlog(due=0, late_seconds=0.0, leased=0, workers=0, kept_sessions=0)


def test_the_first_that_waits_says_how_late_we_are(mailboxes):
    now = db_now()
    set_row(mailboxes[0], next_poll_at=now - MINUTE)
    set_row(mailboxes[1], next_poll_at=now - 3 * MINUTE)
    told = health.backlog()
    assert told.due == 2 and 180 <= told.late_seconds < 240


def test_leased_backing_off_and_switched_off_mailboxes_are_not_late(mailboxes):
    now = db_now()
    models.Mailbox.objects.update(next_poll_at=now - MINUTE)
    set_row(mailboxes[0], lease_until=now + MINUTE)
    set_row(mailboxes[1], backoff_until=now + MINUTE)
    set_row(mailboxes[2], auth_backoff_until=now + MINUTE)
    set_row(mailboxes[3], state="disabled")
    told = health.backlog()
    assert (told.due, told.leased) == (0, 1)


def test_the_numbers_are_told_by_name_to_whoever_asks(mailboxes):
    set_row(mailboxes[0], lease_until=db_now() + MINUTE)
    told = asdict(health.Backlog(due=0, late_seconds=0.0, leased=1, workers=0, kept_sessions=0))
    answer = Client().get("/health/backlog")
    assert (answer.status_code, answer.json()) == (200, told)
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_command_tells_them_too(mailboxes, monkeypatch):
    monkeypatch.setattr(health, "CHECKS", {"database": lambda: ""})
    text, as_json = io.StringIO(), io.StringIO()
    call_command("health", stdout=text)
    call_command("health", "--json", stdout=as_json)
    assert text.getvalue().splitlines()[-1].split() == ["kept_sessions", "0"]
    told = {"due": 0, "late_seconds": 0.0, "leased": 0, "workers": 0, "kept_sessions": 0}
    assert json.loads(as_json.getvalue()) == {"status": "ok", "checks": {"database": "ok"}, "backlog": told}


def test_a_database_that_is_down_is_said_and_nothing_else(mailboxes, monkeypatch):
    def refuse() -> health.Backlog:
        raise OperationalError("no such user alice")

    monkeypatch.setattr(health, "backlog", refuse)
    monkeypatch.setitem(health.CHECKS, "database", refuse)
    answer = Client().get("/health/backlog")
    assert answer.status_code == 503
    assert b"alice" not in answer.content


def test_the_page_for_operators_explains_every_number():
    page = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [field.name for field in fields(health.Backlog) if f"| `{field.name}` |" not in page] == []


def test_only_workers_that_live_are_counted(mailboxes):
    now = db_now()
    warmth.beat("poll.live.1", now, sessions=7)
    warmth.beat("poll.dead.2", now - MINUTE, sessions=9)
    told = health.backlog()
    assert (told.workers, told.kept_sessions) == (1, 7)
