"""The whole way: Celery, PostgreSQL, Redis and a real Dovecot. Mailboxes a second, and delivery → recorded."""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.bench.printing import Goal, Measured, Table, part
from tests.bench.runs import Passed, Settings, passes
from tests.bench.world import KEPT, Program, World, message
from tests.live.scene import until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.dovecot_config import PASSWORD
from tests.live.servers.postgres import Postgres
from tests.live.servers.redis import Redis
from tests.live.service import Service

#: More would only take longer: the rate is one of CPU.
MOST_MAILBOXES = 400
#: As the service comes: messages worked on at once, and IMAP sessions at once.
THREADS, SESSIONS = 16, 50
TOGETHER = {"grouped": 50, "one by one": 1}
COLUMNS = ("through Celery and PostgreSQL, 1 test", "new mail", "mailboxes/s", "of the engine's", "worker CPU ms")
#: Delivery → recorded: messages of a run, and the seconds between two.
MESSAGES, APART, LATEST = 100, 0.25, 120.0
TICKED = "SELECT 1 FROM seedtest_ticklease WHERE name = 'dispatch' AND finished_at IS NOT NULL"


def measure(settings: Settings) -> None:
    if "service" in settings.parts:
        with part("through Celery and the database"):
            _rates(settings)
    if "recorded" in settings.parts:
        with part("delivery → recorded"):
            _recorded(settings)


@dataclass
class Stack:
    """Everything that runs, filled with seeds."""

    world: World
    service: Service
    inside: Program
    keeps_sessions: bool

    def ask(self, do: str, **order: object) -> dict[str, object]:
        answer: dict[str, object] = self.inside.ask({"do": do} | order)
        return answer

    @property
    def worker_seconds(self) -> float:
        """CPU of the process that polls."""
        pid = self.service.processes["poll"].pid
        words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / 100


@contextmanager
def _running(users: list[str], **environment: str) -> Iterator[Stack]:
    """No beat and no web yet: who needs them starts them."""
    with ExitStack() as stack:
        dovecot = stack.enter_context(Dovecot(extra=KEPT))
        world = World(dovecot, users)
        database = stack.enter_context(Postgres(max_connections=200)).create_database("bench")
        redis = stack.enter_context(Redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seedtest-bench-")))
        words = {"LEASE_SECONDS": "150", "SESSION_DEADLINE": "90", "DISPATCH_SECONDS": "30", "LOG_LEVEL": "WARNING"}
        words |= {"POLL_SESSIONS": str(SESSIONS), "KEEP_SESSIONS": str(len(users))}
        service = Service(folder, database, redis.url, **words, **environment)
        stack.callback(service.__exit__)
        service.manage("migrate", "--verbosity=0")
        command = (sys.executable, "-m", "tests.bench.inside")
        inside = stack.enter_context(Program(*command, environment=service.environment))
        order = {"port": dovecot.imaps_port, "ca_pem": dovecot.ca_file.read_text(), "password": PASSWORD}
        told = inside.ask({"do": "add_seeds", "users": users} | order)
        service.start("poll", service.worker("poll", "threads", THREADS))
        yield Stack(world, service, inside, told["keeps_sessions"])


# --- mailboxes a second ---------------------------------------------------------------------------------


def _rates(settings: Settings) -> None:
    users = [f"su-s{number:04}" for number in range(min(MOST_MAILBOXES, max(settings.mailboxes)))]
    # So slow that within a round no mailbox is due again, and not so slow that sessions are given up.
    with _running(users, PACE="10") as stack:
        table = Table(f"The service, 0 ms, {len(users)} mailboxes, {_sessions(stack)}", COLUMNS)
        port = stack.world.dovecot.imaps_port
        engine = passes(
            stack.world, "ours warm", port, users, settings, news=(True, False), concurrency=SESSIONS
        )  # fmt: skip
        for new, one in engine.items():
            table.add("(the engine alone, warm)", "1" if new else "0", one.per_second.text(0), "1.00", "")
        stack.ask("look", together=TOGETHER["grouped"])
        for name, together in TOGETHER.items():
            for new in (True, False):
                one = _rounds(stack, settings, together, new)
                share = one.per_second.median / engine[new].per_second.median
                table.add(name, "1" if new else "0", one.per_second.text(0), f"{share:.2f}", one.cpu_ms.text(1))
                if name == "grouped":
                    words = f"the service ÷ the engine, warm, {'1 new mail' if new else 'unchanged'}"
                    table.goals.append(Goal(f"{words} ({_sessions(stack)})", share, at_least=0.6))
    table.show()


def _sessions(stack: Stack) -> str:
    return "sessions kept" if stack.keeps_sessions else "a login a look"


def _rounds(stack: Stack, settings: Settings, together: int, new: bool) -> Passed:
    """A test is opened and every mailbox looked into before it counts: from then on sessions are kept."""
    seconds, cpu = [], []
    test = _opened(stack, together)
    for _ in range(settings.runs):
        if new:
            test = _opened(stack, together)
            stack.world.drop(stack.world.users, str(test["token"]))
        before = stack.worker_seconds
        seconds.append(float(str(stack.ask("look", together=together)["seconds"])))
        cpu.append(stack.worker_seconds - before)
        found = stack.ask("found", test=test["test"])["found"]
        assert found == (len(stack.world.users) if new else 0), found
    count = len(stack.world.users)
    return Passed(
        seconds=Measured(tuple(seconds)),
        cpu_ms=Measured(tuple(one * 1000 / count for one in cpu)),
        per_second=Measured(tuple(count / one for one in seconds)),
        session_kb=0.0,
    )


def _opened(stack: Stack, together: int) -> dict[str, object]:
    test = stack.ask("open_test")
    stack.ask("look", together=together)
    return test


# --- delivery → recorded --------------------------------------------------------------------------------


def _recorded(settings: Settings) -> None:
    users = [f"su-r{number:03}" for number in range(min(MESSAGES, max(settings.mailboxes)))]
    columns = ("delivery → recorded, 0 ms", "messages", "p50 ms", "p95 ms", "latest ms")
    with _running(users, PACE="1") as stack:
        table = Table(f"A look every 5 s, {_sessions(stack)}, one message every {APART * 1000:.0f} ms", columns)
        stack.ask("look", together=TOGETHER["grouped"])
        stack.service.start("work", stack.service.worker("work,poll-suspect", "prefork", 2))
        stack.service.start("beat", stack.service.beat())
        until(lambda: stack.service.sql(TICKED), "beat and its worker do not tick")
        runs = [_delays(stack) for _ in range(settings.runs)]
    points = [[statistics.quantiles(run, n=20, method="inclusive")[at] for run in runs] for at in (9, 18)]
    texts = [Measured(tuple(point)).text(0) for point in (*points, [max(run) for run in runs])]
    table.add("the service without watch", str(len(users)), *texts)
    table.show()


def _delays(stack: Stack) -> list[float]:
    """Milliseconds from the server's 250 until the placement can be read in the database; one a mailbox."""
    test = stack.ask("open_test")
    delivered: dict[str, float] = {}
    recorded: dict[str, float] = {}
    users = stack.world.users
    reader = threading.Thread(target=_note_recorded, args=(stack, test["test"], len(users), recorded))
    reader.start()
    for user in users:
        stack.world.dovecot.deliver(user, message(str(test["token"])))
        delivered[user] = time.perf_counter()
        time.sleep(APART)
    reader.join()
    lost = delivered.keys() - recorded.keys()
    assert not lost, f"not recorded within {LATEST:.0f} s: {sorted(lost)[:5]} of {len(lost)}"
    return [1000 * (recorded[user] - delivered[user]) for user in users]


def _note_recorded(stack: Stack, test: object, count: int, recorded: dict[str, float]) -> None:
    """Reads what was committed, fifty times a second."""
    query = (
        "SELECT m.login FROM seedtest_seedresult r JOIN seedtest_mailbox m ON m.id = r.mailbox_id "
        "WHERE r.test_id = %s AND r.placement <> 'waiting' AND NOT m.login = ANY(%s)"
    )
    give_up = time.perf_counter() + count * APART + LATEST
    with psycopg.connect(stack.service.database_url, autocommit=True) as connection:
        while len(recorded) < count and time.perf_counter() < give_up:
            rows = connection.execute(query, [test, list(recorded)]).fetchall()
            recorded.update({login: time.perf_counter() for (login,) in rows})
            time.sleep(0.02)
