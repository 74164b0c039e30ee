"""Each named crash point, then a restart: the same end state as if nothing had happened (FAULTS 1 and 10)."""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedtest.crashing import EXIT_STATUS, Place
from tests.live import esp, oracle
from tests.live.scene import Scene, heal, is_dead, set_scene, until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.postfix import Postfix
from tests.live.service import Service, seed_orders
from tests.live.siege import Siege

pytestmark = pytest.mark.timeout(300)

#: Where the process of a poll ends: on the threads pool the whole worker goes.
POLLING = (Place.AFTER_CLAIM, Place.BEFORE_IMAP, Place.AFTER_IMAP, Place.BEFORE_COMMIT, Place.AFTER_COMMIT)
TICKING = (Place.BEFORE_PUBLISH, Place.BEFORE_COMPLETE, Place.BEFORE_TICK_END)
ANSWERING = (Place.OPENING, Place.BEFORE_ANSWER)
SENDING = (Place.AFTER_SEND_CLAIM, Place.BEFORE_DATA, Place.AFTER_DATA)


@pytest.fixture(scope="module")
def service(besieged: Siege) -> Service:
    return besieged.service


@pytest.fixture(scope="module")
def armoury(besieged: Siege) -> Path:
    return besieged.armoury


@pytest.fixture(scope="module")
def scene(service: Service, dovecot: Dovecot) -> Scene:
    return set_scene(service, dovecot, "crash", 3)


@pytest.fixture(autouse=True)
def _restarted(service: Service, armoury: Path) -> Iterator[None]:
    heal(service)
    yield
    for place in armoury.iterdir():
        place.unlink()


def crashes(armoury: Path, place: Place) -> None:
    """Arm the place and wait until somebody has died there."""
    until(lambda: not (armoury / place).exists(), f"nothing passed {place}")


def arm(armoury: Path, place: Place) -> None:
    (armoury / place).touch()


@pytest.mark.parametrize("place", POLLING)
def test_a_poll_worker_that_ends_there_loses_and_doubles_nothing(
    scene: Scene, service: Service, armoury: Path, place: Place
) -> None:
    opened = scene.open()
    arm(armoury, place)
    scene.deliver(opened, scene.spread())
    crashes(armoury, place)
    worker = service.processes["poll"]
    until(lambda: is_dead(worker), "the worker lives")
    assert worker._process is not None and worker._process.returncode == EXIT_STATUS
    worker.start()
    scene.finish(opened)


@pytest.mark.parametrize("place", TICKING)
def test_a_tick_that_ends_there_is_made_up_for_by_the_next(scene: Scene, armoury: Path, place: Place) -> None:
    opened = scene.open()
    arm(armoury, place)
    scene.deliver(opened, scene.spread())
    crashes(armoury, place)
    scene.finish(opened)


@pytest.mark.parametrize("place", ANSWERING)
def test_a_client_that_tries_again_with_its_key_gets_the_same_test(
    scene: Scene, service: Service, armoury: Path, place: Place
) -> None:
    key, name = uuid.uuid4().hex, f"Retried at {place}"
    arm(armoury, place)
    with pytest.raises((ConnectionError, OSError)):
        scene.tenant.call("POST", "/tests", {"name": name}, Idempotency_Key=key)
    crashes(armoury, place)
    until(service.processes["web"]._answers, "the web service is back")
    status, first = scene.tenant.call("POST", "/tests", {"name": name}, Idempotency_Key=key)
    again, second = scene.tenant.call("POST", "/tests", {"name": name}, Idempotency_Key=key)
    assert (status, again) == (201, 201), (first, second)
    assert first["id"] == second["id"]
    assert service.sql(f"SELECT count(*) FROM seedtest_seedtest WHERE name = '{name}'") == [(1,)]
    scene.deliver(first, scene.spread())
    scene.finish(first)


@pytest.mark.parametrize("place", SENDING)
def test_a_message_is_never_sent_twice_wherever_its_sender_ends(
    service: Service, dovecot: Dovecot, postfix: Postfix, armoury: Path, place: Place
) -> None:
    users = tuple(f"su-{place}{number}" for number in range(2))
    tenant = service.tenant(
        place, seeds=seed_orders(dovecot, users), ca_pem=dovecot.ca_file.read_text(), smtp_port=postfix.port
    )
    arm(armoury, place)
    raw = esp.campaign(None, subject=f"At {place}").as_bytes()
    opened = tenant.open(sending_profile=tenant.profile, message={"raw_base64": b64encode(raw).decode()})
    crashes(armoury, place)
    done = "SELECT 1 FROM seedtest_outbound WHERE status IN ('queued', 'inflight')"
    until(lambda: not service.sql(done), "envelopes are left")
    postfix.wait_until_empty()
    copies = {user: len(dovecot.uids(user)) for user in users}
    arrived = [f"{user}@seed.example" for user in users if copies[user]]
    waits = (
        "SELECT 1 FROM seedtest_seedresult r JOIN seedtest_mailbox m ON m.id = r.mailbox_id JOIN seedtest_seedtest t"
    )
    unseen = (
        f"{waits} ON t.id = r.test_id WHERE t.public_id = '{opened['id']}' AND placement = 'waiting' AND address IN"
    )
    until(lambda: not service.sql(f"{unseen} ('', {', '.join(map(repr, arrived))})"), "a message was not found")
    unknown = service.sql("SELECT count(*) FROM seedtest_outbound WHERE status = 'unknown'")[0][0]
    tenant.call("POST", f"/tests/{opened['id']}/cancel")
    service.sql("UPDATE seedtest_outbound SET status = 'failed' WHERE status = 'unknown'")
    assert max(copies.values()) == 1, copies
    assert (min(copies.values()), unknown) == EXPECTED[place]
    oracle.assert_clean(service, {opened["id"]: dict.fromkeys(arrived, "inbox")})


#: Copies that the unluckiest seed got, and envelopes of which nobody knows whether they went out.
EXPECTED = {Place.AFTER_SEND_CLAIM: (1, 0), Place.BEFORE_DATA: (0, 1), Place.AFTER_DATA: (1, 1)}
