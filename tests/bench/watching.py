"""`manage.py watch` on a real Dovecot: memory a mailbox, CPU a message, what is seen of bursts, and how soon.

Alone: python -m tests.bench.watching. BENCH_WATCHED mailboxes (1000) get BENCH_WATCH_MESSAGES (1000).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bench.printing import Goal, Table, say
from tests.bench.world import KEPT
from tests.live.scene import Scene, set_scene, until
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.dovecot_config import PASSWORD
from tests.live.servers.postgres import Postgres
from tests.live.servers.redis import Redis
from tests.live.service import Process, Service, running

#: Few enough that Dovecot hears of every delivery from the kernel (128 inotify instances a user), ours and the floor's.
TIMED, ROUNDS = 24, 4
#: Polls are so rare with this that nothing is found by chance.
RARE = "1000"
#: Beyond the kernel's limit Dovecot looks for new mail so often.
IDLE_CHECK = "mailbox_idle_check_interval = 1s\n"
SETTLE = 4.0
LETTER = b"From: Brand <news@brand.example>\r\nSubject: Offers\r\nX-Seed-Placement: %b\r\n\r\nHello.\r\n"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds after delivery, of many messages."""

    seconds: tuple[float, ...]

    def ms(self, share: float) -> float:
        return 1000 * sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    def text(self) -> str:
        return f"{self.ms(0.5):.0f} / {self.ms(0.95):.0f}"


def measure(count: int = 1000, messages: int = 1000) -> list[Table]:
    """`count` mailboxes watched, `messages` delivered to them in bursts; the latency on a few, against raw sockets."""
    with _service() as (service, dovecot):
        return [_latency(service, dovecot), _many(service, dovecot, count, messages)]


@contextlib.contextmanager
def _service() -> Iterator[tuple[Service, Dovecot]]:
    with contextlib.ExitStack() as stack:
        dovecot = stack.enter_context(Dovecot(extra=KEPT + IDLE_CHECK))
        postgres, broker = stack.enter_context(Postgres()), stack.enter_context(Redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = postgres.create_database(f"bench_{uuid.uuid4().hex[:8]}")
        environment = {"PACE": RARE, "LOG_LEVEL": "WARNING", "DB_POOL_SIZE": "8", "WATCH_MAILBOXES": "5000"}
        longer = {"LEASE_SECONDS": "150", "SESSION_DEADLINE": "90", "DISPATCH_SECONDS": "30", "KEEP_SESSIONS": "1000"}
        yield stack.enter_context(running(folder, database, broker.url, **environment, **longer)), dovecot


def _start_watch(service: Service) -> Process:
    if "watch" in service.processes:
        service.processes.pop("watch").__exit__()
    watch = Process("watch", service.environment | {"DB_POOL_SIZE": "2"}, "manage", "watch")
    return service.start("watch", watch)


def _wait_until_watched(scene: Scene) -> None:
    """Taken, logged in (two logins each), and its plan far away."""
    ids = _ids(scene)
    held = f"SELECT count(*) FROM seedtest_mailbox WHERE watch_until > now() AND id IN ({ids})"
    until(lambda: scene.service.sql(held)[0][0] == len(scene.users), "not all are taken", 300)
    until(lambda: _idling(scene.dovecot) >= 2 * len(scene.users), "not all are idling", 600)
    time.sleep(SETTLE)
    _put_off(scene)


def _idling(dovecot: Dovecot) -> int:
    return sum(int(line.split()[1]) for line in dovecot.doveadm("who").splitlines()[1:])


def _ids(scene: Scene) -> str:
    return ",".join(str(seed["mailbox"]) for seed in scene.tenant.seeds)


def _put_off(scene: Scene) -> None:
    scene.service.sql(
        f"UPDATE seedtest_mailbox SET next_poll_at = now() + interval '1 day' WHERE id IN ({_ids(scene)})"
    )


# --- how soon -------------------------------------------------------------------------------------------


def _latency(service: Service, dovecot: Dovecot) -> Table:
    scene = set_scene(service, dovecot, "timed", TIMED)
    _start_watch(service)
    scene.open(name="timed")
    _wait_until_watched(scene)
    with _RawIdle(dovecot, scene.users) as raw:
        service.processes["poll"].freeze()  # whoever is looked into has a new plan: then nobody could tell
        floor, due = _marked_due(scene, raw)
        service.processes["poll"].thaw()
        time.sleep(SETTLE)
        again, recorded = _recorded(scene, raw, 0.25)
    table = Table("How soon, ms after the LMTP 250", ("0 ms round trip, p50 / p95", "messages", "heard or known"))
    table.add("floor: a raw socket in IDLE", str(len(floor.seconds)), floor.text())
    table.add("watch: mailbox marked due", str(len(due.seconds)), due.text())
    table.add("floor, one message every 250 ms", str(len(again.seconds)), again.text())
    table.add("watch and poll: arrival committed", str(len(recorded.seconds)), recorded.text())
    above = recorded.ms(0.5) - again.ms(0.5)
    table.goals += [
        Goal("marked due above the floor, p50 ms", due.ms(0.5) - floor.ms(0.5), at_most=15),
        Goal("recorded above the floor, p50 ms", above, at_most=15),
    ]
    return table.show()


class _RawIdle:
    """The floor: plain sockets that idle on the inboxes and note when something is said."""

    def __init__(self, dovecot: Dovecot, users: Sequence[str]) -> None:
        self._selector = selectors.DefaultSelector()
        for user in users:
            sock = socket.create_connection(("127.0.0.1", dovecot.imap_port), 10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(b"a LOGIN %b %b\r\nb EXAMINE INBOX\r\nc IDLE\r\n" % (user.encode(), PASSWORD.encode()))
            heard = b""
            while b"+ idling" not in heard:
                heard += sock.recv(65536)
            self._selector.register(sock, selectors.EVENT_READ, user)

    def __enter__(self) -> _RawIdle:
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]

    def hear(self, seconds: float, count: int) -> dict[str, float]:
        """User → when its socket first spoke of EXISTS, until `count` did."""
        heard: dict[str, float] = {}
        give_up = time.monotonic() + seconds
        while len(heard) < count and time.monotonic() < give_up:
            for key, _ in self._selector.select(0.1):
                at, words = time.time(), key.fileobj.recv(65536)  # type: ignore[union-attr]
                if b"EXISTS" in words:
                    heard.setdefault(key.data, at)
        return heard


def _deliver_each(scene: Scene, apart: float = 0.01) -> dict[str, float]:
    """One message into every inbox, so many seconds apart from each other: user → when it was delivered."""
    sent = {}
    for user in scene.users:
        scene.dovecot.deliver(user, LETTER % b"inbox")
        sent[user] = time.time()
        time.sleep(apart)
    return sent


def _marked_due(scene: Scene, raw: _RawIdle) -> tuple[Spread, Spread]:
    floor: list[float] = []
    due: list[float] = []
    for _ in range(ROUNDS):
        _put_off(scene)
        sent = _deliver_each(scene)
        floor += _after(sent, raw.hear(10, len(sent)))
        time.sleep(1)
        due += _after(sent, _by_user(scene, "next_poll_at", "next_poll_at < now()"))
        time.sleep(SETTLE)
    return Spread(tuple(floor)), Spread(tuple(due))


def _recorded(scene: Scene, raw: _RawIdle, apart: float) -> tuple[Spread, Spread]:
    floor: list[float] = []
    recorded: list[float] = []
    for number in range(ROUNDS):
        _put_off(scene)
        with ThreadPoolExecutor(1) as ears:
            heard = ears.submit(raw.hear, 10 + apart * TIMED, TIMED)
            sent = _deliver_each(scene, apart)
            floor += _after(sent, heard.result())
        last = "(SELECT max(first_seen_at) FROM seedtest_arrival a WHERE a.mailbox_id = m.id)"
        count = "(SELECT count(*) FROM seedtest_arrival a WHERE a.mailbox_id = m.id)"
        done = f"{count} = {ROUNDS + number + 1}"
        until(lambda done=done: len(_by_user(scene, "now()", done)) == TIMED, "not all were recorded", 60)
        recorded += _after(sent, _by_user(scene, last, done))
        time.sleep(SETTLE)
    return Spread(tuple(floor)), Spread(tuple(recorded))


def _by_user(scene: Scene, column: str, condition: str) -> dict[str, float]:
    where = f"m.id IN ({_ids(scene)}) AND {condition}"
    rows = scene.service.sql(f"SELECT m.login, extract(epoch FROM {column}) FROM seedtest_mailbox m WHERE {where}")
    return {user: float(at) for user, at in rows}


def _after(sent: Mapping[str, float], known: Mapping[str, float]) -> list[float]:
    assert known.keys() >= sent.keys(), f"{len(sent.keys() - known.keys())} messages were not heard of"
    return [known[user] - at for user, at in sent.items()]


# --- how many -------------------------------------------------------------------------------------------


def _many(service: Service, dovecot: Dovecot, count: int, messages: int) -> Table:
    if "watch" in service.processes:
        service.processes.pop("watch").__exit__()
    service.sql("UPDATE seedtest_seedtest SET status = 'cancelled', completed_at = now()")
    scene = set_scene(service, dovecot, "many", count)
    watch = _start_watch(service)
    time.sleep(SETTLE)
    empty = _rss_mb(watch)
    scene.open(name="many")
    _wait_until_watched(scene)
    full, idle = _rss_mb(watch), _idle_cpu(watch)
    before, started = _cpu(watch), time.monotonic()
    _deliver_bursts(scene, messages)
    delivered = time.monotonic() - started
    seen = _seen(scene, messages)
    took = time.monotonic() - started
    cpu = _cpu(watch) - before - idle * took
    return _many_table(count, messages, seen, delivered, cpu, (empty, full, _rss_mb(watch)), idle)


def _many_table(
    count: int, messages: int, seen: int, seconds: float, cpu: float, rss: tuple[float, float, float], idle: float
) -> Table:
    empty, full, after = rss
    table = Table(f"{count} mailboxes watched, {2 * count} connections", ("one process", "measured"))
    table.add("memory without any mailbox, MB", f"{empty:.0f}")
    table.add("memory, MB", f"{full:.0f}, after the bursts {after:.0f}")
    table.add("memory a connection, kB", f"{1000 * (full - empty) / (2 * count):.0f}")
    table.add("CPU while nothing happens", f"{100 * idle:.2f} %")
    table.add("delivered in bursts", f"{messages} in {seconds:.1f} s")
    table.add("CPU a message, ms", f"{1000 * cpu / messages:.2f}")
    table.add("seen and recorded", f"{seen} of {messages}")
    table.goals += [
        Goal(f"{count} mailboxes, MB", max(full, after), at_most=150),
        Goal("CPU a message, ms", 1000 * cpu / messages, at_most=1),
        Goal("seen in bursts, share", seen / messages, at_least=1),
    ]
    return table.show()


def _deliver_bursts(scene: Scene, messages: int) -> None:
    """As a campaign comes: one message to many, now into the inbox, now into junk, the same mailboxes again soon."""
    left, number = messages, 0
    while left:
        size = min(50, left, len(scene.users))
        start = (number // 2 * size) % len(scene.users)
        users = [scene.users[(start + at) % len(scene.users)] for at in range(size)]
        scene.dovecot.deliver(users, LETTER % (b"junk" if number % 2 else b"inbox"))
        left, number = left - size, number + 1


def _seen(scene: Scene, messages: int) -> int:
    """Arrivals committed, until all are or nothing comes any more."""
    query = f"SELECT count(*) FROM seedtest_arrival WHERE mailbox_id IN ({_ids(scene)})"
    seen, since = 0, time.monotonic()
    while seen < messages and time.monotonic() < since + 60:
        now = scene.service.sql(query)[0][0]
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.1)
    return int(seen)


def _rss_mb(process: Process) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def _cpu(process: Process) -> float:
    """Seconds, user and system."""
    words = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS


def _idle_cpu(process: Process, seconds: float = 20.0) -> float:
    """The share of a core that it takes while nothing happens."""
    before = _cpu(process)
    time.sleep(seconds)
    return (_cpu(process) - before) / seconds


def main() -> None:
    load = os.getloadavg()[0]
    say(f"load average {load:.1f} before; server, database, broker, workers and watch share {os.cpu_count()} cores")
    count, messages = (int(os.environ.get(name, "1000")) for name in ("BENCH_WATCHED", "BENCH_WATCH_MESSAGES"))
    goals = [goal for table in measure(count, messages) for goal in table.goals]
    say("\nGoals")
    for goal in goals:
        say(goal.line())


if __name__ == "__main__":
    main()
