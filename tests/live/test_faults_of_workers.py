"""Workers that die, sleep or come in crowds: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live import esp
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.postfix import Postfix
from tests.live.servers.postgres import Postgres, program
from tests.live.service import PATIENCE, Service, running, seed_orders

DOUBLED = "SELECT result_id FROM seedtest_receivedmessage GROUP BY result_id, message_key HAVING count(*) > 1"
EVENTS = "SELECT dedupe_key FROM seedtest_event GROUP BY workspace_id, dedupe_key HAVING count(*) > 1"


@pytest.fixture
def service(postgres: Postgres, redis_server, tmp_path: Path) -> Iterator[Service]:
    database = postgres.create_database(f"faults_{uuid.uuid4().hex[:8]}")
    with running(tmp_path, database, redis_server.url) as service:
        yield service


def until(true: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def test_a_worker_killed_in_mid_poll_loses_and_doubles_nothing(
    service: Service, dovecot: Dovecot, postfix: Postfix
) -> None:
    users = [f"su-k{number}" for number in range(6)]
    tenant = service.tenant("Killed", seeds=seed_orders(dovecot, users), ca_pem=dovecot.ca_file.read_text())
    until(lambda: not service.sql("SELECT 1 FROM seedtest_mailbox WHERE last_good_poll_at IS NULL"), "first polls")
    opened = tenant.open()
    esp.send(postfix, esp.campaign(opened["marker"]), {f"{user}@seed.example": "inbox" for user in users})
    dovecot.freeze()
    try:
        leased = "SELECT count(*) FROM seedtest_mailbox WHERE lease_until IS NOT NULL"
        until(lambda: service.sql(leased)[0][0] > 0, "no poll is under way")
        service.processes["poll"].kill()
    finally:
        dovecot.thaw()
    service.start("poll", service.worker("poll", "threads", 16))
    done = tenant.wait_for(opened["id"])
    assert done["status"] == "complete"
    assert [row["placement"] for row in tenant.results(done["id"])] == ["inbox"] * len(users)
    assert service.sql(DOUBLED) == service.sql(EVENTS) == []
    assert service.sql("SELECT 1 FROM seedtest_mailbox WHERE state = 'quarantined'") == []


def test_a_worker_frozen_longer_than_its_lease_cannot_commit_when_it_wakes(
    service: Service, dovecot: Dovecot, postfix: Postfix
) -> None:
    users = [f"su-f{number}" for number in range(4)]
    tenant = service.tenant("Frozen", seeds=seed_orders(dovecot, users), ca_pem=dovecot.ca_file.read_text())
    until(lambda: not service.sql("SELECT 1 FROM seedtest_mailbox WHERE last_good_poll_at IS NULL"), "first polls")
    opened = tenant.open()
    dovecot.freeze()
    until(
        lambda: service.sql("SELECT count(*) FROM seedtest_mailbox WHERE lease_until IS NOT NULL")[0][0] > 0,
        "no poll is under way",
    )
    frozen = service.processes["poll"]
    frozen.freeze()
    dovecot.thaw()
    esp.send(postfix, esp.campaign(opened["marker"]), {f"{user}@seed.example": "junk" for user in users})
    service.start("second", service.worker("poll", "threads", 16))
    done = tenant.wait_for(opened["id"])
    frozen.thaw()
    assert [row["placement"] for row in tenant.results(done["id"])] == ["spam"] * len(users)
    assert service.sql(DOUBLED) == service.sql(EVENTS) == []


def test_beat_killed_and_two_at_once_is_late_at_most(service: Service, dovecot: Dovecot, postfix: Postfix) -> None:
    users = ["su-b0", "su-b1"]
    tenant = service.tenant("Beats", seeds=seed_orders(dovecot, users), ca_pem=dovecot.ca_file.read_text())
    service.processes.pop("beat").__exit__()
    opened = tenant.open()
    esp.send(postfix, esp.campaign(opened["marker"]), {f"{user}@seed.example": "inbox" for user in users})
    for name in ("beat", "beat again"):
        beat = service.beat()
        beat._words = (*beat._words[:5], str(service.folder / f"{name}-schedule"), *beat._words[6:])
        service.start(name, beat)
    done = tenant.wait_for(opened["id"])
    assert done["status"] == "complete"
    assert service.sql(DOUBLED) == service.sql(EVENTS) == []


@pytest.mark.timeout(240)
def test_128_poll_threads_live_with_40_database_connections(dovecot: Dovecot, redis_server, tmp_path: Path) -> None:
    program("postgres")
    users = [f"su-t{number:03}" for number in range(200)]
    with Postgres(max_connections=40) as postgres:
        database = postgres.create_database("crowd")
        with running(tmp_path, database, redis_server.url, PACE="0.5") as service:
            service.processes.pop("poll").__exit__()
            service.start("poll", service.worker("poll", "threads", 128, POLL_THREADS="128"))
            tenant = service.tenant("Crowd", seeds=seed_orders(dovecot, users), ca_pem=dovecot.ca_file.read_text())
            opened = tenant.open()
            assert len(opened["seeds"]) == len(users)
            message = esp.campaign(opened["marker"], To="all@seed.example").as_bytes()
            dovecot.deliver(users, message.replace(b"\n", b"\r\n"))
            done = tenant.wait_for(opened["id"])
            placed = service.sql("SELECT placement, count(*) FROM seedtest_seedresult GROUP BY placement")
            assert placed == [("inbox", len(users))]
            assert done["status"] == "complete"
            assert "too many clients" not in service.logs() + postgres.log_text()
