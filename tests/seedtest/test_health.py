"""The health check tells a living service from one that only looks alive, and tells strangers no more than that."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.http import HttpRequest
from django.urls import resolve

from seedtest.celery import TICKS
from seedtest.models import TickLease
from seedtest.services import health


@pytest.fixture(autouse=True)
def _broker_in_memory(monkeypatch):
    assert current_app.conf.beat_schedule  # the app reads its settings on first use, and would undo what is set before
    monkeypatch.setitem(current_app.conf, "broker_url", "memory://")
    monkeypatch.setitem(current_app.conf, "broker_transport_options", {})


@pytest.fixture
def ticks(now: datetime) -> None:
    """Every tick has just finished."""
    TickLease.objects.bulk_create(TickLease(name=name, finished_at=now) for name in TICKS)


def asked(path: str = "/health", method: str = "GET"):
    request = HttpRequest()
    request.method = method
    return resolve(path).func(request)


def said(name: str) -> str:
    return next(vital.said for vital in health.examine() if vital.name == name)


def test_a_service_whose_ticks_finish_is_healthy(ticks):
    assert [vital for vital in health.examine() if not vital.ok] == []
    assert asked().status_code == 200


def test_ticks_that_never_ran_are_a_failure(db):
    assert "dispatch has never finished: are beat and a worker running?" in said("ticks")
    assert asked().status_code == 503


@pytest.mark.parametrize(("name", "age"), [("dispatch", 31), ("housekeeping", 301)])
def test_a_tick_that_stopped_finishing_is_named(ticks, now, name, age):
    TickLease.objects.filter(name=name).update(finished_at=now - timedelta(seconds=age))
    assert said("ticks").startswith(f"{name} last finished {age} s ago")


def test_a_slow_tick_is_not_judged_by_the_fast_ones_limit(ticks, now):
    TickLease.objects.filter(name="housekeeping").update(finished_at=now - timedelta(seconds=290))
    assert said("ticks") == "ok"


def test_a_tick_that_runs_and_fails_is_not_healthy(ticks):
    TickLease.objects.filter(name="closing").update(last_error="The tick did not finish; the log has the reason.")
    assert said("ticks") == "closing fails; the worker's log has the reason"


def test_a_broker_that_is_down_is_a_failure(ticks, monkeypatch):
    monkeypatch.setitem(current_app.conf, "broker_url", "redis://:hunter2@127.0.0.1:1/0")
    answer = asked()
    assert answer.status_code == 503
    assert b'"database": "ok"' in answer.content
    assert b"hunter2" not in answer.content


def test_the_drivers_words_stay_in_the_log(ticks, monkeypatch, caplog):
    def refuse() -> str:
        raise OperationalError('FATAL: no such user "alice" at db.internal.example')

    monkeypatch.setitem(health.CHECKS, "database", refuse)
    assert b"alice" not in asked().content
    assert "alice" in caplog.text


def test_a_web_process_stays_in_service_without_broker_and_ticks(db, monkeypatch):
    monkeypatch.setitem(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")
    assert asked("/health/web").status_code == 200


def test_health_is_never_cached_and_is_only_read(ticks):
    assert "no-store" in asked().headers["Cache-Control"]
    assert asked(method="POST").status_code == 405


def test_the_command_prints_what_is_wrong_and_fails(db):
    out = io.StringIO()
    with pytest.raises(CommandError, match="not healthy"):
        call_command("health", "database", "ticks", stdout=out)
    assert "database  ok" in out.getvalue()
    assert "dispatch has never finished" in out.getvalue()


def test_the_command_succeeds_for_the_parts_that_are_asked_for(db):
    call_command("health", "database", "broker", stdout=io.StringIO())


def test_the_command_knows_no_other_checks(db):
    with pytest.raises(CommandError, match="no check called moon"):
        call_command("health", "moon")


def test_a_web_server_that_is_not_there_fails_its_check(db):
    with pytest.raises(CommandError, match="not healthy"):
        call_command("health", "web", port=1, stdout=io.StringIO())
