"""make chaos SEED=n [SECONDS=60]: the whole service under random kills and freezes, and an oracle at the end.

Not a test for pytest but a program: it prints what it broke, what the tables say of it, and exits 1 on any violation.
Several seeds share one world; each has its own storm, its own calm and its own verdict.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import random
import sys
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.live import esp, oracle, storm
from tests.live.poll_gaps import PollGaps
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.lmtp import Refused
from tests.live.servers.postgres import Postgres
from tests.live.servers.processes import Server
from tests.live.servers.redis import Redis
from tests.live.service import Service, Tenant, running, seed_orders

SEEDS, RESULTS = 40, 300
#: Between two campaigns.
PAUSE = 4.0
ENVIRONMENT = {
    "LEASE_SECONDS": str(storm.LEASE), "SESSION_DEADLINE": "3.5", "DISPATCH_SECONDS": "2",
    "PACE": "0.15", "ALLOWANCE_MINUTES": "0.3", "WATCH_HOURS": "0.01",
}  # fmt: skip
#: Where messages are put. What is missing or in a folder that polls do not watch is decided by full checks.
PLACES = ("inbox",) * 5 + ("junk",) * 3 + ("other", "missing")
#: How long the calm after the storm may take.
DRAIN = 180.0
UNREAD = "SELECT 1 FROM seedtest_mailbox WHERE last_good_poll_at IS NULL"
OPEN = "SELECT 1 FROM seedtest_seedtest WHERE status IN ('waiting', 'receiving', 'settled', 'sending')"
DECIDED = "SELECT count(*) FROM seedtest_seedresult WHERE placement <> 'waiting'"
DEADLINES = """
    SELECT test.public_id, min(result.deadline_at) FROM seedtest_seedtest test
    JOIN seedtest_seedresult result ON result.test_id = test.id GROUP BY 1
    """


@dataclass(frozen=True)
class World:
    service: Service
    dovecot: Dovecot
    tenant: Tenant
    targets: dict[str, Server]


@dataclass
class Campaigns:
    """The customer and their ESP, both of whom try again; and what they wanted."""

    world: World
    dice: random.Random
    wanted: dict[str, dict[str, str]] = field(default_factory=dict)
    delivered_at: dict[str, datetime] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return sum(len(places) for places in self.wanted.values())

    def go_on(self, seconds: float) -> None:
        """Until the time is over and enough results are asked for."""
        end = time.monotonic() + seconds
        for number in itertools.count(1):
            self._run_one(f"Storm {number}")
            left = end - time.monotonic()
            if (left <= 0 and self.asked >= RESULTS) or self.trouble:
                return
            time.sleep(max(0.0, min(PAUSE, left)))

    def _run_one(self, name: str) -> None:
        opened = self._open(name)
        if opened is None:
            return
        places = {seed["email"]: self.dice.choice(PLACES) for seed in opened["seeds"]}
        places[next(iter(places))] = "inbox"  # something has to arrive, or nothing says that it was ever sent
        message = esp.campaign(opened["marker"], subject=name)
        for place, addresses in _by_place(places).items():
            del message["X-Seed-Placement"]
            message["X-Seed-Placement"] = place
            raw = message.as_bytes().replace(b"\n", b"\r\n")
            self._insist(lambda to=addresses, raw=raw: self.world.dovecot.deliver(to, raw))
        self.delivered_at[opened["id"]] = datetime.now().astimezone()
        self.wanted[opened["id"]] = places

    def _open(self, name: str) -> dict[str, Any] | None:
        key = uuid.uuid4().hex

        def post() -> dict[str, Any]:
            status, body = self.world.tenant.call("POST", "/tests", {"name": name}, Idempotency_Key=key)
            if status != 201:
                raise Again(status)
            return dict(body)

        return self._insist(post)

    def _insist(self, act: Callable[[], Any], *, seconds: float = 60.0) -> Any:
        """Until it works; None when it did not within `seconds`."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            try:
                return act()
            except (OSError, http.client.HTTPException, Refused, Again):
                time.sleep(0.1)
        self.trouble.append(f"gave up after {seconds:.0f} s")
        return None

    def drop_what_was_late(self) -> int:
        """A message that our own delivery brought after the deadline may rightly be missing: judged by nobody."""
        rows = self.world.service.sql(DEADLINES)
        late = [test for test, deadline in rows if deadline and deadline <= self.delivered_at.get(test, deadline)]
        return len([test for test in late if self.wanted.pop(test, None)])


class Again(Exception):
    """The service asked to come again."""


def _by_place(places: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for address, place in places.items():
        if place != "missing":
            found[place].append(address)
    return found


@contextmanager
def new_world() -> Iterator[World]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seedtest-chaos-")))
        dovecot, redis, postgres = (stack.enter_context(server) for server in (Dovecot(), Redis(), Postgres()))
        database = postgres.create_database("chaos")
        service = stack.enter_context(running(folder, database, redis.url, **ENVIRONMENT))
        service.start("poll2", service.worker("poll", "threads", 16))
        orders = seed_orders(dovecot, [f"su-chaos{number:02}" for number in range(SEEDS)])
        tenant = service.tenant("Chaos", seeds=orders, ca_pem=dovecot.ca_file.read_text())
        servers: dict[str, Server] = {"redis": redis, "postgres": postgres, "dovecot": dovecot}
        yield World(service, dovecot, tenant, servers | service.processes)


def wait_until_none(service: Service, query: str) -> bool:
    give_up = time.monotonic() + DRAIN
    while service.sql(query):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.25)
    return True


def run(world: World, seed: int, seconds: float) -> bool:
    """One storm and the calm after it; True when nothing was lost, doubled or judged wrongly."""
    calm, gaps = threading.Event(), PollGaps(world.service)
    campaigns = Campaigns(world, random.Random(f"campaigns of {seed}"))
    blowing = storm.Storm(storm.plan(seed, seconds), world.targets, calm)
    before, start = world.service.sql(DECIDED)[0][0], time.monotonic()
    gaps.start()
    blowing.start()
    try:
        campaigns.go_on(seconds)
    finally:
        calm.set()
        blowing.join()
    stormed = time.monotonic() - start
    decided = world.service.sql(DECIDED)[0][0] - before
    wait_until_none(world.service, OPEN)
    gaps.stop()
    print(
        f"chaos SEED={seed}: {stormed:.0f} s of storm, {time.monotonic() - start - stormed:.0f} s until all was decided"
    )
    print(f"faults: {blowing.struck.total()}")
    for name, count in sorted(blowing.struck.items()):
        print(f"  {count:3} {name}")
    print(f"{campaigns.asked} results asked for, {decided} decided in mid-storm\n{gaps}")
    return verdict(world, campaigns, [*blowing.trouble, *campaigns.trouble])


def verdict(world: World, campaigns: Campaigns, trouble: list[str]) -> bool:
    asked, late = campaigns.asked, campaigns.drop_what_was_late()
    if late:
        print(f"{late} tests are left out: their mail was delivered after their deadline")
    judgement = oracle.judge(world.service, campaigns.wanted)
    if not judgement.clean or trouble:
        print(oracle.mailboxes(world.service), world.service.logs(), sep="\n")
    print(judgement, *(f"trouble: {words}" for words in trouble), sep="\n")
    return judgement.clean and asked >= RESULTS and judgement.results > 0 and not trouble


def run_all(seeds: list[int], seconds: float) -> bool:
    start = time.monotonic()
    with new_world() as world:
        if not wait_until_none(world.service, UNREAD):
            print(f"The service does not come to work.\n{world.service.logs()}")
            return False
        print(
            f"{len(world.targets)} servers and processes, {SEEDS} mailboxes: {time.monotonic() - start:.0f} s to begin"
        )
        clean = [run(world, seed, seconds) for seed in seeds]
    print(f"{sum(clean)} of {len(seeds)} storms left no trace. {time.monotonic() - start:.0f} s in all.", flush=True)
    return all(clean)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, nargs="+", required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    order = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        return 0 if run_all(order.seed, order.seconds) else 1
    except pytest.skip.Exception as absent:
        print(f"skipped: {absent}")
        return 0
    except pytest.fail.Exception as absent:
        print(absent)
        return 1


if __name__ == "__main__":
    sys.exit(main())
