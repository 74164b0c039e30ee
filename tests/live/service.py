"""The whole service as processes: web, poll workers, worker and beat, on any database and broker; driven by its API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from tests.live.servers.dovecot import Dovecot
from tests.live.servers.dovecot_config import PASSWORD
from tests.live.servers.processes import Server

ROOT = Path(__file__).resolve().parents[2]
#: A poll loop that finds nothing to do gives up after this long; a time-out, not a measurement.
PATIENCE = 120.0


class Process(Server):
    """One process of the service."""

    def __init__(self, name: str, environment: dict[str, str], *words: str) -> None:
        self.name = name  # type: ignore[misc]
        super().__init__()
        self._environment = environment
        self._words = words

    def command(self) -> list[str]:
        settings = [f"{key}={value}" for key, value in self._environment.items()]
        return ["env", f"--chdir={ROOT}", *settings, sys.executable, "-m", *self._words]

    def ready(self) -> bool:
        return True


class Web(Process):
    def command(self) -> list[str]:
        return [*super().command(), "--bind", f"127.0.0.1:{self.port}"]

    def ready(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/tests", timeout=5)
        except urllib.error.HTTPError as answer:
            answer.close()
            return answer.code == 401
        return True


@dataclass
class Tenant:
    """A workspace with its key to the API."""

    service: Service
    key: str
    seeds: list[dict[str, Any]]
    profile: str = ""

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        return self.service.call(method, path, body, key=self.key, **headers)

    def get(self, path: str) -> Any:
        status, body = self.call("GET", path)
        assert status == 200, (status, body)
        return body

    def open(self, **fields: Any) -> dict[str, Any]:
        status, body = self.call("POST", "/tests", {"name": "Live"} | fields)
        assert status == 201, (status, body)
        return dict(body)

    def results(self, test: str) -> list[dict[str, Any]]:
        return list(self.get(f"/tests/{test}/results?limit=200")["data"])

    def wait_for(self, test: str, statuses: Iterable[str] = ("complete", "inconclusive")) -> dict[str, Any]:
        return dict(self.wait_until(test, lambda body: body["status"] in statuses))

    def wait_until(self, test: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        give_up = time.monotonic() + PATIENCE
        while True:
            body = dict(self.get(f"/tests/{test}"))
            if true(body):
                return body
            assert time.monotonic() < give_up, f"still {body['status']}: {body}\n{self.service.logs()}"
            time.sleep(0.1)


class Service:
    """Start it, ask it through HTTP, look into its tables with SQL, kill parts of it."""

    def __init__(self, folder: Path, database_url: str, broker_url: str, **environment: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "seedtest.settings",
            "SECRET_KEY": "live",
            "SEEDTEST_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "DATABASE_URL": database_url,
            "BROKER_URL": broker_url,
            "NETGUARD_ALLOW": "127.0.0.0/8",
            "PACE": "0.02",
            "ALLOWANCE_MINUTES": "30",
            "LEASE_SECONDS": "6",
            "SESSION_DEADLINE": "5",
            "DISPATCH_SECONDS": "2",
            "PYTHONWARNINGS": "default",
        } | environment
        self.processes: dict[str, Process] = {}

    def __enter__(self) -> Service:
        self.manage("migrate", "--verbosity=0")
        self.start("web", self.web())
        self.start("poll", self.worker("poll", "threads", 16))
        self.start("work", self.worker("work,poll-suspect", "prefork", 2))
        self.start("beat", self.beat())
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.processes.pop(name).__exit__()

    def web(self) -> Process:
        words = ("gunicorn", "seedtest.wsgi", "--worker-class=gthread", "--threads=8", "--log-level=warning")
        return Web("web", self.environment | {"DB_POOL_SIZE": "8"}, *words)

    def worker(self, queues: str, pool: str, size: int, **environment: str) -> Process:
        words = ("celery", "-A", "seedtest", "worker", "-Q", queues, "-P", pool, "-c", str(size), "-l", "INFO")
        name = f"{queues.partition(',')[0]}{len(self.processes)}@test"
        pool_size = {"DB_POOL_SIZE": "8"} if pool == "threads" else {}
        quiet = ("--without-gossip", "--without-mingle", "-n", name)
        return Process(f"worker-{queues}", self.environment | pool_size | environment, *words, *quiet)

    def beat(self) -> Process:
        schedule = self.folder / "beat-schedule"
        return Process(
            "beat", self.environment, "celery", "-A", "seedtest", "beat", "-s", str(schedule), "-l", "WARNING"
        )

    def start(self, name: str, process: Process) -> Process:
        self.processes[name] = process
        return process.__enter__()

    def manage(self, *words: str, stdin: str = "") -> str:
        return self.python(str(ROOT / "manage.py"), *words, stdin=stdin)

    def python(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *words], input=stdin, capture_output=True, text=True, cwd=ROOT,
            env=dict(os.environ) | self.environment, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tenant(self, name: str, **order: Any) -> Tenant:
        """A new workspace; `seeds`, `ca_pem`, `smtp_port`, `lend` as tests/live/stage.py reads them."""
        text = self.python("-m", "tests.live.stage", stdin=json.dumps({"workspace": name, "ca_pem": ""} | order))
        answer = json.loads(text.splitlines()[-1])
        return Tenant(self, answer["key"], answer["seeds"], answer.get("profile", ""))

    def call(self, method: str, path: str, body: object = None, *, key: str = "", **headers: str) -> tuple[int, Any]:
        """An HTTP request to the API: (status, JSON body)."""
        port = self.processes["web"].port
        url = f"http://127.0.0.1:{port}/api/v1{path}"
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the tables themselves, for oracles."""
        if self.database_url.startswith("sqlite"):
            import sqlite3

            connection = sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=20)
            try:
                with connection:
                    return connection.execute(query).fetchall()
            finally:
                connection.close()
        import psycopg

        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def change_mailboxes(self, change: str, where: str) -> None:
        """Behind its back. Locks in id order, as the service does everywhere: else the two could deadlock."""
        rows = f"SELECT id FROM seedtest_mailbox WHERE {where} ORDER BY id FOR UPDATE"
        self.sql(f"UPDATE seedtest_mailbox SET {change} WHERE id IN ({rows})")

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{process.log_tail()}" for name, process in self.processes.items())


def seed_orders(dovecot: Dovecot, users: Sequence[str], *, domain: str = "seed.example") -> list[dict[str, Any]]:
    """Seeds on the real Dovecot: one a user."""
    return [
        {
            "address": f"{user}@{domain}",
            "login": user.removeprefix("rcpt550-"),
            "password": PASSWORD,
            "port": dovecot.imaps_port,
        }
        for user in users
    ]


@contextmanager
def running(folder: Path, database_url: str, broker_url: str, **environment: str) -> Iterator[Service]:
    service = Service(folder, database_url, broker_url, **environment)
    try:
        with service:
            yield service
    finally:
        service.__exit__()
