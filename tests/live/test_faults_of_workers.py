"""Workers that die, sleep, lie about the time or come in crowds: nothing is lost or doubled (FAULTS 1–4, 12, 18)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedtest.models.claims import QUARANTINE_AFTER
from tests.live import esp
from tests.live.scene import Scene, heal, is_dead, set_scene, until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.presence import absent
from tests.live.service import Process, Service, seed_orders
from tests.live.siege import Siege

pytestmark = pytest.mark.timeout(300)

FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"
CROWD = 100
DUE = "next_poll_at = now(), backoff_until = NULL, dispatched_until = NULL"


@pytest.fixture(scope="module")
def service(besieged: Siege) -> Service:
    return besieged.service


@pytest.fixture(scope="module")
def scene(service: Service, dovecot: Dovecot) -> Scene:
    return set_scene(service, dovecot, "work", 5)


@pytest.fixture(autouse=True)
def _healed(service: Service) -> None:
    heal(service)


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
    until(lambda: in_flight(scene, 1), "no poll is under way")
    worker = scene.service.processes["poll"]
    os.kill(worker.pid, number)
    until(lambda: is_dead(worker), "the worker goes on")
    if leaves is not None:
        assert scene.leased() == leaves, "a warm stop finishes what it began"
    worker.start()
    scene.finish(opened)


def in_flight(scene: Scene, count: int) -> bool:
    """So many mailboxes are claimed; one that has just been polled is made due again."""
    scene.service.change_mailboxes(DUE, f"{scene.own} AND (next_poll_at > now() OR backoff_until > now())")
    return scene.leased() >= count


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
    off = "abs(extract(epoch FROM last_good_poll_at - now())) > 600"
    assert service.sql(f"SELECT 1 FROM seedtest_mailbox WHERE {scene.own} AND {off}") == []


def poisoned(service: Service, queues: str, pool: str, size: int) -> Process:
    worker = service.worker(queues, pool, size)
    worker._words = ("tests.live.poisoned_worker", *worker._words[1:])
    return worker


def test_a_mailbox_that_kills_its_reader_is_quarantined_and_no_other(scene: Scene, dovecot: Dovecot) -> None:
    """One by a segmentation fault, one by asking for more memory than there is."""
    service = scene.service
    for name, worker in {"poll": ("poll", "threads", 16), "work": ("work,poll-suspect", "prefork", 2)}.items():
        service.processes[name].kill()
        service.start(f"poisoned {name}", poisoned(service, *worker))
    opened = scene.open()
    seeds = seed_orders(dovecot, ["su-poison-segv", "su-poison-memory"])
    service.tenant("Poison", seeds=seeds, ca_pem=dovecot.ca_file.read_text())
    scene.deliver(opened, scene.spread())
    poison = service.processes["poisoned poll"]

    def quarantined() -> bool:
        if is_dead(poison):
            poison.start()  # as a supervisor would
        service.sql(LEASES_RUN_OUT)
        if service.sql(f"SELECT 1 {POLLED_STILL} AND attempts >= {QUARANTINE_AFTER}"):
            housekeep(service)
        return not service.sql(f"SELECT 1 {POLLED_STILL}")

    until(quarantined, "they are still polled", seconds=240)
    scene.finish(opened)


POLLED_STILL = "FROM seedtest_mailbox WHERE login LIKE 'su-poison%' AND state <> 'quarantined'"
#: Whoever reads poison is dead after a second: the rest of the lease is not waited for.
LEASES_RUN_OUT = """
    UPDATE seedtest_mailbox SET lease_until = now()
    WHERE login LIKE 'su-poison%' AND lease_until BETWEEN now() AND now() + interval '3 s'"""


def housekeep(service: Service) -> None:
    service.python("-c", "import django; django.setup(); from seedtest.tasks import tick; tick('housekeeping')")


@pytest.fixture(scope="module")
def many(service: Service, dovecot: Dovecot) -> Iterator[Scene]:
    """A hundred mailboxes for 128 poll threads, on a database that gives the service 40 connections."""
    service.processes.pop("poll").__exit__()
    patient = {"LEASE_SECONDS": "25", "SESSION_DEADLINE": "20", "POLL_SESSIONS": "128"}
    service.start("poll", service.worker("poll", "threads", 128, **patient))
    yield set_scene(service, dovecot, "crowd", CROWD, tls="none")
    assert "too many connections" not in service.logs()
    service.processes.pop("poll").__exit__()
    service.processes["poll"] = service.worker("poll", "threads", 16)


def test_128_poll_threads_live_with_40_database_connections(many: Scene) -> None:
    opened = many.open()
    message = esp.campaign(opened["marker"], To="all@seed.example").as_bytes()
    many.dovecot.deliver(many.users, message.replace(b"\n", b"\r\n"))
    many.wanted[opened["id"]] = {f"{user}@seed.example": "inbox" for user in many.users}
    many.finish(opened)


def test_a_worker_killed_five_times_with_100_polls_in_flight_quarantines_none(many: Scene) -> None:
    service = many.service
    worker = service.processes["poll"]
    for _ in range(5):
        many.dovecot.freeze()
        until(lambda: in_flight(many, CROWD), "not all of them are in flight")
        worker.kill()
        many.dovecot.thaw()
        service.change_mailboxes("lease_until = now()", many.own)  # the lease runs out
        worker.start()
        until(lambda: not lost_claims(many), "they were not polled again")
    housekeep(service)
    assert service.sql(f"SELECT 1 FROM seedtest_mailbox WHERE state = 'quarantined' AND {many.own}") == []


def lost_claims(many: Scene) -> int:
    return int(many.service.sql(f"SELECT count(*) FROM seedtest_mailbox WHERE attempts > 0 AND {many.own}")[0][0])


def test_a_mailbox_of_lost_claims_is_polled_alone_and_comes_back(many: Scene) -> None:
    change = "attempts = 2, lease_until = NULL, next_poll_at = now()"
    many.service.change_mailboxes(change, "login LIKE 'su-crowd1%'")
    until(lambda: not lost_claims(many), "suspects are not polled")
