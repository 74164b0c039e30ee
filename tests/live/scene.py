"""What every test of a fault begins with: seeds on the real Dovecot, a test, its mail; and the oracle at its end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.live import esp, oracle
from tests.live.servers.dovecot import Dovecot
from tests.live.service import PATIENCE, Process, Service, Tenant, seed_orders

PLACES = ("inbox", "junk", "inbox")  # folders that every look reads; the rest is found at the deadline


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


@dataclass
class Scene:
    """One tenant with its seeds, and what was sent to them."""

    service: Service
    dovecot: Dovecot
    tenant: Tenant
    users: tuple[str, ...]
    wanted: dict[str, dict[str, str]] = field(default_factory=dict)

    def open(self, **fields: Any) -> dict[str, Any]:
        return self.tenant.open(**fields)

    def deliver(self, opened: Mapping[str, Any], places: Mapping[str, str]) -> None:
        """One message to each user, filed by its server where `places` says; "missing" gets none."""
        subject = f"Offers {uuid.uuid4().hex[:6]}"
        for user, place in places.items():
            if place != "missing":
                message = esp.campaign(opened["marker"], subject=subject, X_Seed_Placement=place)
                self.dovecot.deliver(user, message.as_bytes().replace(b"\n", b"\r\n"))
        self.wanted[opened["id"]] = {f"{user}@seed.example": place for user, place in places.items()}

    def spread(self) -> dict[str, str]:
        """Every user, and a place for each."""
        return {user: PLACES[number % len(PLACES)] for number, user in enumerate(self.users)}

    def finish(self, opened: Mapping[str, Any]) -> None:
        """The test ends complete, and the oracle finds nothing lost, doubled or wrong."""
        give_up = time.monotonic() + PATIENCE
        while not self.is_over(opened):
            if time.monotonic() > give_up:
                break
            time.sleep(0.2)
        oracle.assert_clean(self.service, self.wanted)

    def is_over(self, opened: Mapping[str, Any]) -> bool:
        return self.tenant.get(f"/tests/{opened['id']}")["status"] in ("complete", "inconclusive")

    def leased(self) -> int:
        """Polls of this scene's mailboxes that are under way."""
        return int(
            self.service.sql(f"SELECT count(*) FROM seedtest_mailbox WHERE lease_until > now() AND {self.own}")[0][0]
        )

    @property
    def own(self) -> str:
        """SQL: the mailbox is one of ours."""
        return f"seedtest_mailbox.id IN ({', '.join(str(seed['mailbox']) for seed in self.tenant.seeds)})"


def set_scene(service: Service, dovecot: Dovecot, name: str, count: int, *, tls: str = "ssl") -> Scene:
    """A tenant whose seeds have all been looked into once, so that their cursors stand."""
    users = tuple(f"su-{name}{number}" for number in range(count))
    port = dovecot.imaps_port if tls == "ssl" else dovecot.imap_port
    orders = [order | {"tls": tls, "port": port} for order in seed_orders(dovecot, users)]
    tenant = service.tenant(name, seeds=orders, ca_pem=dovecot.ca_file.read_text())
    scene = Scene(service, dovecot, tenant, users)
    unseen = f"SELECT 1 FROM seedtest_mailbox WHERE last_good_poll_at IS NULL AND login LIKE 'su-{name}%'"
    until(lambda: not service.sql(unseen), f"first polls: {oracle.mailboxes(service)}")
    return scene


def heal(service: Service, usual: Sequence[str] = ("web", "poll", "work", "beat")) -> None:
    """Undo what a test before did: extra processes are gone, the usual ones run and answer."""
    for name in [name for name in service.processes if name not in usual]:
        service.processes.pop(name).__exit__()
    for name in usual:
        service.processes[name].revive()
    until(service.processes["web"]._answers, "the web service does not answer")


def is_dead(process: Process) -> bool:
    return process._process is None or process._process.poll() is not None
