"""The database dies, and connections to it break exactly at COMMIT: no partial rows, no duplicates (FAULTS 8 and 9)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.live.scene import Scene, heal, set_scene, until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.postgres import Postgres
from tests.live.servers.proxy import Cut, Proxy
from tests.live.service import Service
from tests.live.siege import Siege

pytestmark = pytest.mark.timeout(300)

#: How a COMMIT looks on the wire: the text of a query, ended by a zero.
COMMIT = b"COMMIT\x00"


@pytest.fixture(scope="module")
def service(besieged: Siege) -> Service:
    return besieged.service


@pytest.fixture(scope="module")
def way(besieged: Siege) -> Proxy:
    """The wire between the service and its database; the tests themselves ask the database directly."""
    return besieged.database_way


@pytest.fixture(scope="module")
def scene(service: Service, dovecot: Dovecot) -> Scene:
    return set_scene(service, dovecot, "commit", 4)


@pytest.fixture(autouse=True)
def _healed(service: Service) -> None:
    heal(service)


def test_a_database_killed_under_polls_leaves_no_half_of_anything(
    scene: Scene, service: Service, dovecot: Dovecot, postgres: Postgres
) -> None:
    opened = scene.open()
    dovecot.freeze()
    try:
        until(lambda: scene.leased() > 0, "no poll is under way")
        postgres.kill()
    finally:
        dovecot.thaw()
    scene.deliver(opened, scene.spread())
    postgres.start()
    until(service.processes["web"]._answers, "the web service is back")
    scene.finish(opened)


@pytest.mark.parametrize("heard", [True, False], ids=["after the server did it", "before the server heard it"])
def test_polls_whose_commit_is_cut_off_count_nothing_twice(
    scene: Scene, service: Service, way: Proxy, heard: bool
) -> None:
    opened = scene.open()
    service.processes["work"].freeze()  # so that the commits that break are those of polls
    service.processes["beat"].freeze()
    way.reset_all()
    scene.deliver(opened, scene.spread())
    service.change_mailboxes("next_poll_at = now(), backoff_until = NULL, lease_until = NULL", scene.own)
    way.rules.cut = Cut(COMMIT, heard, left=8)
    cuts = way.cuts
    service.python("-c", HINT, *(str(seed["mailbox"]) for seed in scene.tenant.seeds))
    until(lambda: way.cuts >= cuts + 4, "no commit was cut off")
    way.rules.cut = None
    service.processes["work"].thaw()
    service.processes["beat"].thaw()
    scene.finish(opened)


HINT = """
import sys
import django; django.setup()
from seedtest.tasks import poll
for pk in sys.argv[1:]:
    poll.apply_async(args=[[int(pk)], False], queue="poll")
"""


@pytest.mark.parametrize("heard", [True, False], ids=["after the server did it", "before the server heard it"])
def test_a_request_whose_commit_is_cut_off_may_be_repeated_with_its_key(
    scene: Scene, service: Service, way: Proxy, heard: bool
) -> None:
    key, name = uuid.uuid4().hex, f"Cut off {heard}"
    way.rules.cut = Cut(COMMIT, heard, after=name.encode())  # the workers' commits pass
    status, _ = scene.tenant.call("POST", "/tests", {"name": name}, Idempotency_Key=key)
    assert status >= 500
    opened = repeat(scene, name, key)
    assert service.sql(f"SELECT count(*) FROM seedtest_seedtest WHERE name = '{name}'") == [(1,)]
    scene.deliver(opened, scene.spread())
    scene.finish(opened)


def repeat(scene: Scene, name: str, key: str) -> dict[str, Any]:
    """As a client does: the same request with the same key, until it is answered."""
    answers: list[tuple[int, Any]] = []

    def answered() -> bool:
        answers.append(scene.tenant.call("POST", "/tests", {"name": name}, Idempotency_Key=key))
        return answers[-1][0] == 201

    until(answered, f"{answers[-1:]}")
    return dict(answers[-1][1])
