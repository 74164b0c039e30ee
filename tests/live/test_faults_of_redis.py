"""The broker dies, sleeps, is full, locks us out, repeats itself: hints only, so nothing is lost (FAULTS 5–7, 11)."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from tests.live import oracle
from tests.live.scene import Scene, heal, set_scene, until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.proxy import Proxy
from tests.live.servers.redis import Redis
from tests.live.service import PATIENCE, Service
from tests.live.siege import Siege

pytestmark = pytest.mark.timeout(300)

#: Longer than the service waits for an answer of its broker.
FROZEN_FOR = 8.0


@pytest.fixture(scope="module")
def service(besieged: Siege) -> Service:
    return besieged.service


@pytest.fixture(scope="module")
def way(besieged: Siege) -> Proxy:
    """The wire between the service and its broker."""
    return besieged.broker_way


@pytest.fixture(scope="module")
def scene(service: Service, dovecot: Dovecot) -> Scene:
    return set_scene(service, dovecot, "redis", 4)


@pytest.fixture(autouse=True)
def _healed(service: Service) -> None:
    heal(service)


def say(redis_server: Redis, *words: str) -> bytes:
    with socket.create_connection(("127.0.0.1", redis_server.port), timeout=5) as connection:
        sent = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        connection.sendall(f"*{len(words)}\r\n{sent}".encode())
        return connection.recv(4096)


def test_redis_killed_with_all_its_messages_loses_nothing(scene: Scene, redis_server: Redis) -> None:
    opened = scene.open()
    redis_server.kill()
    scene.deliver(opened, scene.spread())
    redis_server.start()
    scene.finish(opened)


@pytest.mark.parametrize("how", ["frozen", "half-open"])
def test_a_redis_that_does_not_answer_holds_up_workers_but_no_person(
    scene: Scene, redis_server: Redis, way: Proxy, how: str
) -> None:
    def stall(on: bool) -> None:
        if how == "half-open":
            way.rules.black_hole = on
        else:
            (redis_server.freeze if on else redis_server.thaw)()

    stall(True)
    try:
        end = time.monotonic() + FROZEN_FOR
        opened = scene.open()  # answered while the broker sleeps: no request waits for it
        scene.deliver(opened, scene.spread())
        while time.monotonic() < end:
            assert scene.tenant.get(f"/tests/{opened['id']}")["counts"]["total"] == len(scene.users)
            time.sleep(0.5)
    finally:
        stall(False)
    scene.finish(opened)


def test_no_request_of_a_person_goes_to_the_broker(scene: Scene, way: Proxy) -> None:
    """So none can wait for it, whatever it suffers from."""
    others = [scene.service.processes[name] for name in ("poll", "work", "beat")]
    for process in others:
        process.freeze()
    try:
        scene.tenant.get("/tests")
        connections = way.connections
        opened = scene.open()
        scene.tenant.get(f"/tests/{opened['id']}/results")
        status, _ = scene.tenant.call("POST", f"/tests/{opened['id']}/cancel")
        assert (status, way.connections) == (200, connections)
    finally:
        for process in others:
            process.thaw()


def test_a_redis_that_is_full_takes_no_hint_and_harms_nothing(scene: Scene, redis_server: Redis) -> None:
    opened = scene.open()
    assert say(redis_server, "CONFIG", "SET", "maxmemory", "1").startswith(b"+OK")
    try:
        scene.deliver(opened, scene.spread())
        refused = "SELECT 1 FROM seedtest_ticklease WHERE name = 'dispatch' AND finished_at < now() - interval '4 s'"
        until(lambda: scene.service.sql(refused), "ticks still run: Redis was not full")
    finally:
        say(redis_server, "CONFIG", "SET", "maxmemory", "0")

    def is_over() -> bool:
        heal(scene.service)  # a worker ends, sooner or later, when even its acknowledgement is refused
        return scene.is_over(opened)

    until(is_over, f"no end: {oracle.mailboxes(scene.service)}")
    scene.finish(opened)


def test_a_redis_that_locks_us_out_is_waited_for(scene: Scene, redis_server: Redis, way: Proxy) -> None:
    opened = scene.open()
    say(redis_server, "CONFIG", "SET", "requirepass", "another")
    way.reset_all()
    try:
        scene.deliver(opened, scene.spread())
        connections = way.connections
        until(lambda: way.connections > connections + 2, "nobody tries to connect again")
    finally:
        with socket.create_connection(("127.0.0.1", redis_server.port), timeout=5) as connection:
            connection.sendall(b'AUTH another\r\nCONFIG SET requirepass ""\r\n')
            until(lambda: connection.recv(64).count(b"+OK") > 0, "Redis stays locked")
    scene.finish(opened)


PUBLISH = """
import random, sys
import django; django.setup()
from seedtest.tasks import poll, tick, WORK
hints = [[int(pk)] for pk in sys.argv[1:]] * 3
hints += [sum(hints, [])]
dice = random.Random(11)
for _ in range(3):
    dice.shuffle(hints)
    for hint in hints:
        poll.apply_async(args=[dice.sample(hint, len(hint)), False], queue="poll")
        poll.apply_async(args=[hint, True], queue="poll-suspect")
    for name in dice.sample(sorted(WORK), len(WORK)):
        tick.apply_async(args=[name], queue="work")
"""


def publish(scene: Scene) -> None:
    """For this scene's own mailboxes only: the service has those of every other scene as well."""
    scene.service.python("-c", PUBLISH, *(str(seed["mailbox"]) for seed in scene.tenant.seeds))


def asleep(scene: Scene) -> bool:
    """Nothing is due for an hour, and no poll that is under way will say otherwise."""
    scene.service.change_mailboxes("next_poll_at = now() + interval '1 hour'", f"lease_until IS NULL AND {scene.own}")
    soon = f"next_poll_at < now() + interval '50 minutes' AND {scene.own}"
    return not scene.service.sql(f"SELECT 1 FROM seedtest_mailbox WHERE {soon}")


def epochs(scene: Scene) -> list[tuple[Any, ...]]:
    return scene.service.sql(f"SELECT id, lease_epoch FROM seedtest_mailbox WHERE {scene.own} ORDER BY id")


def test_messages_that_come_thrice_shuffled_and_late_change_nothing(scene: Scene, service: Service) -> None:
    opened = scene.open()
    scene.deliver(opened, scene.spread())
    publish(scene)
    scene.finish(opened)
    until(lambda: asleep(scene), "polls go on")
    before = epochs(scene)
    publish(scene)
    lines = "the hints were not worked off"
    give_up = time.monotonic() + PATIENCE
    while service.python("-c", QUEUES).strip() != "0":
        assert time.monotonic() < give_up, lines
    assert epochs(scene) == before, "a hint for a mailbox that is not due must not even claim it"
    oracle.assert_clean(service, scene.wanted)


QUEUES = """
import django; django.setup()
from seedtest.celery import app
with app.connection_for_read() as connection:
    client = connection.default_channel.client
    print(sum(client.llen(name) for name in ("poll", "poll-suspect")))
"""
