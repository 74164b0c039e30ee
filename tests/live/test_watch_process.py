"""`manage.py watch` beside the whole service: results at once, and killing it costs time and nothing else."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.live import oracle
from tests.live.scene import Scene, set_scene, until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.postgres import Postgres
from tests.live.service import Process, Service, running

pytestmark = pytest.mark.timeout(300)

#: Polls are so rare with this that whatever is found soon was found because of the watch.
RARE = "100"


@pytest.fixture(scope="module")
def service(postgres: Postgres, redis_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    database = postgres.create_database(f"watch_{uuid.uuid4().hex[:8]}")
    with running(tmp_path_factory.mktemp("watch"), database, redis_server.url, PACE=RARE) as service:
        yield service


@pytest.fixture
def watch(service: Service) -> Process:
    """The process, started anew."""
    if "watch" in service.processes:
        service.processes.pop("watch").__exit__()
    environment = service.environment | {"DB_POOL_SIZE": "2", "LOG_LEVEL": "INFO"}
    return service.start("watch", Process("watch", environment, "manage", "watch"))


@pytest.fixture
def scene(service: Service, dovecot: Dovecot) -> Scene:
    return set_scene(service, dovecot, uuid.uuid4().hex[:6], 6)


def wait_until_watched(scene: Scene) -> None:
    """Every inbox and every junk folder idles, and no look is due soon."""
    asleep = f"login LIKE '{scene.users[0][:-1]}%' AND watch_until > now() AND next_poll_at > now() + interval '60 s'"
    rows = f"SELECT count(*) FROM seedtest_mailbox WHERE {asleep}"
    until(lambda: scene.service.sql(rows)[0][0] == len(scene.users), oracle.mailboxes(scene.service))
    until(lambda: idling(scene) == 2 * len(scene.users), f"{idling(scene)} folders idle\n{scene.service.logs()}")


def idling(scene: Scene) -> int:
    """What the server heard: sessions whose last word is IDLE."""
    logs = [log for user in scene.users for log in (scene.dovecot.directory / "wire" / user).glob("*.in")]
    return sum(log.read_bytes().rstrip().endswith(b" IDLE") for log in logs)


def found(scene: Scene, opened: dict[str, Any]) -> bool:
    rows = scene.tenant.results(opened["id"])
    return len(rows) == len(scene.users) and all(row["placement"] in ("inbox", "spam") for row in rows)


def wait_until_found(scene: Scene, opened: dict[str, Any]) -> None:
    until(lambda: found(scene, opened), f"not found: {oracle.mailboxes(scene.service)}\n{scene.service.logs()}", 60)


def begin(scene: Scene) -> dict[str, Any]:
    scene.dovecot.record_wire(*scene.users)
    opened = scene.open()
    wait_until_watched(scene)
    return opened


def test_a_campaign_is_found_at_once_although_no_poll_was_due(scene: Scene, watch: Process):
    opened = begin(scene)
    scene.deliver(opened, scene.spread())
    wait_until_found(scene, opened)
    held = "SELECT 1 FROM seedtest_mailbox WHERE lease_until IS NOT NULL"  # woken twice, it may be looked into again
    until(lambda: not scene.service.sql(held), f"held on to: {oracle.mailboxes(scene.service)}", 30)


def test_mail_that_came_while_it_was_killed_is_found_by_the_next_one(scene: Scene, watch: Process):
    opened = begin(scene)
    watch.kill()
    scene.deliver(opened, scene.spread())
    scene.service.sql("UPDATE seedtest_mailbox SET watch_until = now()")  # as time would do
    watch.start()
    wait_until_found(scene, opened)


def test_killed_for_good_it_leaves_the_polls_all_their_work(scene: Scene, watch: Process):
    opened = begin(scene)
    watch.kill()
    scene.deliver(opened, scene.spread())
    scene.service.sql("UPDATE seedtest_mailbox SET next_poll_at = now() WHERE next_poll_at > now()")  # as time would do
    wait_until_found(scene, opened)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_says_goodbye_everywhere_and_lets_go(scene: Scene, watch: Process, number: signal.Signals):
    begin(scene)
    assert watch._process is not None
    os.kill(watch.pid, number)
    assert watch._process.wait(timeout=20) == 0
    for user in scene.users:
        commands = [line.split(b" ", 1)[1] for line in scene.dovecot.wire_log(user)]
        assert [after for command, after in pairwise(commands) if command == b"IDLE"] == [b"LOGOUT"] * 2
    held = f"login LIKE '{scene.users[0][:-1]}%' AND (watch_until IS NOT NULL OR watch_owner <> '')"
    assert scene.service.sql(f"SELECT 1 FROM seedtest_mailbox WHERE {held}") == []
    assert "Traceback" not in watch.log_text()


def test_its_log_holds_no_secret_and_no_traceback(scene: Scene, watch: Process):
    begin(scene)
    scene.dovecot.doveadm("kick", scene.users[0])
    until(lambda: "is not watched for" in watch.log_text(), "the log says nothing", 30)
    assert scene.dovecot.password not in watch.log_text()
    assert "Traceback" not in watch.log_text()
    assert Path("/proc", str(watch.pid)).exists()
