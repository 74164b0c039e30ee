"""Workers that die, sleep, lie about the time or come in crowds: nothing is lost or doubled (FAULTS 1–4, 12, 18)."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import esp
from tests.live.scene import Scene, heal, is_dead, set_scene, until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.postgres import Postgres, program
from tests.live.servers.presence import absent
from tests.live.servers.redis import Redis
from tests.live.service import Process, Service, running, seed_orders

pytestmark = pytest.mark.timeout(300)

FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"
CROWD = 100
DUE = "SET next_poll_at = now(), backoff_until = NULL, dispatched_until = NULL"
LOST_CLAIMS = "SELECT 1 FROM seedtest_mailbox WHERE attempts > 0"


@pytest.fixture(scope="module")
def service(postgres: Postgres, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    database = postgres.create_database(f"workers_{uuid.uuid4().hex[:8]}")
    lease = {"LEASE_SECONDS": "4", "SESSION_DEADLINE": "3.5"}
    with running(tmp_path_factory.mktemp("service"), database, redis_server.url, **lease) as service:
        yield service


@pytest.fixture(scope="module")
def scene(service: Service, dovecot: Dovecot) -> Scene:
    return set_scene(service, dovecot, "work", 5)


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> None:
    if "service" in request.fixturenames:
        heal(request.getfixturevalue("service"))


def test_a_worker_killed_in_mid_poll_loses_and_doubles_nothing(scene: Scene) -> None:
    opened = scene.open()
    scene.dovecot.freeze()
    try:
        until(lambda: scene.leased() > 0, "no poll is under way")
        scene.service.processes["poll"].kill()
    finally:
        scene.dovecot.thaw()
    scene.deliver(opened, scene.spread())
    scene.service.processes["poll"].start()
    scene.finish(opened)


def test_a_worker_frozen_longer_than_its_lease_cannot_commit_when_it_wakes(scene: Scene) -> None:
    opened = scene.open()
    frozen = scene.service.processes["poll"]
    scene.dovecot.freeze()
    try:
        until(lambda: scene.leased() > 0, "no poll is under way")
        frozen.freeze()
    finally:
        scene.dovecot.thaw()
    scene.deliver(opened, scene.spread())
    scene.service.start("second", scene.service.worker("poll", "threads", 16))
    scene.finish(opened)
    frozen.thaw()
    until(lambda: scene.leased() == 0, "the one that woke holds on to its mailbox")
    scene.finish(opened)


@pytest.mark.parametrize(("number", "leaves"), [(signal.SIGTERM, 0), (signal.SIGQUIT, None)], ids=["warm", "cold"])
def test_a_worker_told_to_stop_under_load_loses_nothing(scene: Scene, number: int, leaves: int | None) -> None:
    opened = scene.open()
    scene.deliver(opened, scene.spread())
    scene.service.sql(f"UPDATE seedtest_mailbox {DUE}")
    until(lambda: scene.leased() > 0, "no poll is under way")
    worker = scene.service.processes["poll"]
    os.kill(worker.pid, number)
    until(lambda: is_dead(worker), "the worker goes on")
    if leaves is not None:
        assert scene.leased() == leaves, "a warm stop finishes what it began"
    worker.start()
    scene.finish(opened)


def second_beat(service: Service, name: str) -> Process:
    beat = service.beat()
    beat._words = (*beat._words[:5], str(service.folder / f"{name}-schedule"), *beat._words[6:])
    return beat


def test_beat_killed_and_two_at_once_is_late_at_most(scene: Scene) -> None:
    service = scene.service
    service.processes["beat"].kill()
    opened = scene.open()
    scene.deliver(opened, scene.spread())
    service.sql("UPDATE seedtest_ticklease SET finished_at = finished_at - interval '90 s'")
    said = service.python("-c", HEALTH)
    assert "dispatch last finished" in said
    service.processes["beat"].start()
    service.start("second beat", second_beat(service, "second"))
    scene.finish(opened)


HEALTH = """
import django; django.setup()
from seedtest.services import health
print(*[vital.said for vital in health.examine(["ticks"])])
"""


@pytest.mark.parametrize("shift", ["-3600", "+3600"])
def test_the_clock_of_a_worker_decides_nothing(scene: Scene, shift: str) -> None:
    """Its verdicts use the database's clock; and hints must not look stale to it."""
    library = next(iter(Path("/").glob(FAKETIME[1:])), None) or absent("libfaketime is not installed")
    service = scene.service
    service.processes["poll"].kill()
    wrong = {"LD_PRELOAD": str(library), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    service.start("wrong clock", service.worker("poll", "threads", 16, **wrong))
    opened = scene.open()
    scene.deliver(opened, scene.spread())
    scene.finish(opened)
    off = "SELECT 1 FROM seedtest_mailbox WHERE abs(extract(epoch FROM last_good_poll_at - now())) > 600"
    assert service.sql(off) == []


def poisoned(service: Service, queues: str, pool: str, size: int) -> Process:
    worker = service.worker(queues, pool, size)
    worker._words = ("tests.live.poisoned_worker", *worker._words[1:])
    return worker


@pytest.mark.parametrize("how", ["segv", "memory"])
def test_a_mailbox_that_kills_its_reader_is_quarantined_and_no_other(scene: Scene, dovecot: Dovecot, how: str) -> None:
    service = scene.service
    for name, worker in {"poll": ("poll", "threads", 16), "work": ("work,poll-suspect", "prefork", 2)}.items():
        service.processes[name].kill()
        service.start(f"poisoned {name}", poisoned(service, *worker))
    opened = scene.open()
    seeds = seed_orders(dovecot, [f"su-poison-{how}"])
    service.tenant(f"Poison {how}", seeds=seeds, ca_pem=dovecot.ca_file.read_text())
    scene.deliver(opened, scene.spread())
    poison = service.processes["poisoned poll"]

    def quarantined() -> bool:
        if is_dead(poison):
            poison.start()  # as a supervisor would
        service.python("-c", "import django; django.setup(); from seedtest.tasks import tick; tick('housekeeping')")
        return bool(service.sql(f"SELECT 1 FROM seedtest_mailbox WHERE state = 'quarantined' AND login LIKE '%{how}'"))

    until(quarantined, "it still is not", seconds=240)
    scene.finish(opened)


@pytest.fixture(scope="module")
def crowd(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """128 poll threads on a database that takes 40 connections."""
    program("postgres")
    with Postgres(max_connections=40) as postgres:
        database = postgres.create_database("crowd")
        order = {"PACE": "0.5", "LEASE_SECONDS": "25", "SESSION_DEADLINE": "20", "POLL_THREADS": "128"}
        with running(tmp_path_factory.mktemp("crowd"), database, redis_server.url, **order) as service:
            service.processes.pop("poll").__exit__()
            service.start("poll", service.worker("poll", "threads", 128))
            yield service
            assert "too many clients" not in service.logs() + postgres.log_text()


@pytest.fixture(scope="module")
def many(crowd: Service, dovecot: Dovecot) -> Scene:
    return set_scene(crowd, dovecot, "crowd", CROWD)


def test_128_poll_threads_live_with_40_database_connections(many: Scene) -> None:
    opened = many.open()
    message = esp.campaign(opened["marker"], To="all@seed.example").as_bytes()
    many.dovecot.deliver(many.users, message.replace(b"\n", b"\r\n"))
    many.wanted[opened["id"]] = {f"{user}@seed.example": "inbox" for user in many.users}
    many.finish(opened)


def in_flight(many: Scene) -> bool:
    """Every mailbox is claimed; one that has just been polled is made due again."""
    many.service.sql(f"UPDATE seedtest_mailbox {DUE} WHERE next_poll_at > now() OR backoff_until > now()")
    return many.leased() >= CROWD


def test_a_worker_killed_five_times_with_100_polls_in_flight_quarantines_none(many: Scene) -> None:
    service = many.service
    worker = service.processes["poll"]
    for _ in range(5):
        many.dovecot.freeze()
        until(lambda: in_flight(many), "not all of them are in flight")
        worker.kill()
        many.dovecot.thaw()
        service.sql("UPDATE seedtest_mailbox SET lease_until = now()")  # the lease runs out
        worker.start()
        until(lambda: not service.sql(LOST_CLAIMS), "they were not polled again")
    service.python("-c", "import django; django.setup(); from seedtest.tasks import tick; tick('housekeeping')")
    assert service.sql("SELECT count(*) FROM seedtest_mailbox WHERE state = 'quarantined'") == [(0,)]


def test_a_mailbox_of_lost_claims_is_polled_alone_and_comes_back(many: Scene) -> None:
    service = many.service
    service.sql("UPDATE seedtest_mailbox SET attempts = 2, lease_until = NULL, next_poll_at = now() "
                "WHERE login LIKE 'su-crowd1%'")  # fmt: skip
    until(lambda: not service.sql(LOST_CLAIMS), "suspects are not polled")
