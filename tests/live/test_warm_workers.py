"""Sessions kept by real workers with a real Dovecot: one login for many looks, and nothing left behind by any end."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.live import oracle
from tests.live.scene import Scene, heal, set_scene, until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.postgres import Postgres
from tests.live.servers.redis import Redis
from tests.live.service import Service, running

pytestmark = pytest.mark.timeout(300)

SEEDS = 6


@pytest.fixture(scope="module")
def service(postgres: Postgres, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    database = postgres.create_database(f"warm_{uuid.uuid4().hex[:8]}")
    with running(tmp_path_factory.mktemp("service"), database, redis_server.url) as service:
        yield service


@pytest.fixture(scope="module")
def scene(service: Service, dovecot: Dovecot) -> Scene:
    return set_scene(service, dovecot, "warm", SEEDS)


@pytest.fixture
def opened(scene: Scene, service: Service) -> Iterator[dict[str, Any]]:
    """A test whose mail has not come: its mailboxes are looked into again and again, by sessions that are kept."""
    heal(service)
    opened = scene.open()
    all_are_kept(service)
    yield opened
    scene.tenant.call("POST", f"/tests/{opened['id']}/cancel")


@pytest.fixture
def broker(redis_server: Redis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


def kept(service: Service) -> list[str]:
    """The queue that keeps the session, for every mailbox that rests and has one."""
    return [owner for (owner,) in service.sql("SELECT session_owner FROM seedtest_mailbox WHERE session_owner <> ''")]


def all_are_kept(service: Service) -> str:
    """By the poll worker of this moment: rows may still speak of one that is dead. Returns its queue."""
    process = f".{service.processes['poll'].pid}."
    found: list[str] = []

    def every_one() -> bool:
        found[:] = [queue for queue in kept(service) if process in queue]
        return len(found) == SEEDS

    until(every_one, f"not every session is kept: {kept(service)} {oracle.mailboxes(service)}")
    (queue,) = set(found)
    return queue


def traces(broker: redis.Redis, queue: str) -> list[bytes]:
    """Everything in the broker that speaks of a queue."""
    tables = [name for name in broker.keys("_kombu.binding*") if broker.type(name) == b"set"]
    bound = [member for name in tables for member in broker.smembers(name) if queue.encode() in member]
    return [*broker.keys(f"*{queue}*"), *bound]


def keepers(service: Service) -> set[str]:
    return {queue for (queue,) in service.sql("SELECT queue FROM seedtest_workerheartbeat")}


def looks(service: Service) -> int:
    """How many looks the mailbox with the fewest has had."""
    return int(service.sql("SELECT min(lease_epoch) FROM seedtest_mailbox")[0][0])


def said(dovecot: Dovecot, words: str) -> int:
    """How often Dovecot's log says so of these mailboxes."""
    return sum("su-warm" in line and words in line for line in dovecot.log_text().splitlines())


def more_looks(service: Service, count: int) -> None:
    wanted = looks(service) + count
    until(lambda: looks(service) >= wanted, f"no more looks: {oracle.mailboxes(service)}\n{service.logs()}")


def test_many_looks_cost_no_login(opened: dict[str, Any], service: Service, dovecot: Dovecot) -> None:
    before = said(dovecot, "Login:")
    more_looks(service, 8)
    assert said(dovecot, "Login:") == before
    assert service.sql("SELECT 1 FROM seedtest_mailbox WHERE fail_count > 0") == []


def test_the_backlog_counts_what_is_kept(opened: dict[str, Any], service: Service) -> None:
    address = f"http://127.0.0.1:{service.processes['web'].port}/health/backlog"

    def told() -> dict[str, float]:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return dict(json.load(answer))

    until(lambda: told()["kept_sessions"] + told()["leased"] >= SEEDS, f"the backlog says {told()}")
    assert told()["workers"] == 1
    assert told().keys() == {"due", "late_seconds", "leased", "workers", "kept_sessions"}


def test_sessions_that_the_server_ended_are_opened_again_and_nothing_has_failed(
    opened: dict[str, Any], service: Service, dovecot: Dovecot
) -> None:
    before = said(dovecot, "Login:")
    dovecot.doveadm("kick", "su-warm*")
    more_looks(service, 3)
    assert said(dovecot, "Login:") == before + SEEDS
    assert service.sql("SELECT 1 FROM seedtest_mailbox WHERE fail_count > 0 OR last_failed_poll_at IS NOT NULL") == []


def test_kept_sessions_hold_no_connection_of_the_database(opened: dict[str, Any], service: Service) -> None:
    """With one connection for the whole process, heartbeat and looks of six mailboxes go on."""
    service.processes.pop("poll").__exit__()
    service.start("poll", service.worker("poll", "threads", 16, DB_POOL_SIZE="1"))
    more_looks(service, 5)
    all_are_kept(service)
    here = "datname = current_database() AND state = 'idle in transaction'"  # other tests share the server
    idle = f"SELECT 1 FROM pg_stat_activity WHERE {here} AND now() - state_change > '5 s'"
    assert service.sql(idle) == []


def test_a_killed_worker_keeps_nobody_waiting_and_its_queue_goes(
    scene: Scene, opened: dict[str, Any], service: Service, broker: redis.Redis
) -> None:
    dead = all_are_kept(service)
    service.processes["poll"].kill()
    broker.lpush(dead, "a hint that nobody will take")
    service.start("second", service.worker("poll", "threads", 16))
    until(lambda: dead not in kept(service), f"nobody took over: {oracle.mailboxes(service)}")
    scene.deliver(opened, scene.spread())
    scene.finish(opened)
    service.sql(f"UPDATE seedtest_workerheartbeat SET beat_at = beat_at - interval '60 seconds' WHERE queue = '{dead}'")
    until(lambda: dead not in keepers(service), f"it is not buried: {keepers(service)}")
    assert traces(broker, dead) == []
    assert service.sql("SELECT 1 FROM seedtest_mailbox WHERE state = 'quarantined'") == []


def test_a_worker_that_is_told_to_end_says_goodbye_and_leaves_nothing(
    opened: dict[str, Any], service: Service, dovecot: Dovecot, broker: redis.Redis
) -> None:
    queue = all_are_kept(service)
    assert traces(broker, queue)
    assert [one for one in broker.smembers("_kombu.binding.work") if queue.encode() in one] == [], "it gets no ticks"
    before = said(dovecot, "Logged out")
    worker = service.processes["poll"]
    assert worker._process is not None
    worker._process.terminate()
    assert worker._process.wait(timeout=60) == 0
    until(lambda: said(dovecot, "Logged out") >= before + SEEDS, "Dovecot has heard no goodbye")
    assert "su-warm" not in dovecot.doveadm("who")
    assert queue not in keepers(service)
    assert queue not in kept(service)
    assert service.sql("SELECT 1 FROM seedtest_mailbox WHERE slot_until IS NOT NULL") == []
    assert traces(broker, queue) == []
