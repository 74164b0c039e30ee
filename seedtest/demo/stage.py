"""Starts what the demo is made of, in order: mail world and broker, rows, workers and beat, web."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from seedtest.demo import processes, world
from seedtest.demo.cast import Cast, Order
from seedtest.demo.state import POLL_SESSIONS, State, environment

ROOT = Path(__file__).resolve().parents[2]
WEB_PORT = 8000  # the one people try first; any free one when it is taken
READY_SECONDS = 60.0
Say = Callable[[str], None]

_WORKER = (sys.executable, "-m", "celery", "-A", "seedtest", "worker", "--loglevel", "INFO")
_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")
#: No proxy of the surroundings may stand between us and loopback.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything runs."""

    url: str
    world: world.World
    cast: Cast
    password: str
    family: processes.Family


@contextmanager
def running(state: State, say: Say, *, folders: bool) -> Iterator[Stage]:
    """The whole service around the mail world, for as long as the block runs. Raises ChildFailed."""
    with closing(_listener()) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        family = processes.Family(state.folder, os.environ, ROOT)
        for name in family.clear_stale():
            say(f"Stopped {name}, left over from a run that crashed")
        try:
            yield _start(state, family, listener, url, say, folders=folders)
        finally:
            family.stop()


def _start(
    state: State, family: processes.Family, listener: socket.socket, url: str, say: Say, *, folders: bool
) -> Stage:
    mail, broker_url = _start_ground(state, family, folders=folders)
    say(f"Mail world: {len({login.provider for login in mail.mailboxes})} providers, {len(mail.mailboxes)} mailboxes")
    say(f"Broker: {'folders on disk' if broker_url.startswith('filesystem') else 'embedded Valkey'}")
    family.environment = environment(state, base=os.environ, broker_url=broker_url, public_url=url)
    cast = _make_rows(state, family)
    say("Database: SQLite, brought up to date")
    family.new_generation()
    web = _start_service(state, family, listener)
    family.wait_for(web, lambda: _answers(url), seconds=READY_SECONDS)
    say(f"Service: two Celery workers, beat and the web server at {url}")
    return Stage(url, mail, cast, state.password, family)


def _start_ground(state: State, family: processes.Family, *, folders: bool) -> tuple[world.World, str]:
    ports, url_file = state.ports_file, state.broker_url_file
    mail = family.start("world", [sys.executable, "-m", "seedtest.demo.world", "--ports-file", str(ports)])
    words = ["--folders"] if folders else []
    command = [sys.executable, "-m", "seedtest.demo.broker_process", str(state.broker_folder), str(url_file), *words]
    broker = family.start("broker", command)
    family.wait_for(mail, lambda: ports.exists() or None, seconds=READY_SECONDS)
    family.wait_for(broker, lambda: url_file.exists() or None, seconds=READY_SECONDS)
    return world.read(ports), url_file.read_text()


def _make_rows(state: State, family: processes.Family) -> Cast:
    order = json.dumps(asdict(Order(str(state.ports_file), state.password))).encode()
    try:
        answer = family.run("rows", [sys.executable, "-m", "seedtest.demo.rows"], given=order)
    except processes.ChildFailed as error:
        hint = f"If the demo was last run with an older version of the code, delete {state.folder} and start again."
        raise processes.ChildFailed(f"{error}\n{hint}") from error
    return Cast(**json.loads(answer))


def _start_service(state: State, family: processes.Family, listener: socket.socket) -> processes.Child:
    poll = ("--pool", "threads", "--queues", "poll", "--concurrency", str(POLL_SESSIONS), "--hostname", "poll@demo")
    work = ("--pool", "prefork", "--queues", "work,poll-suspect", "--concurrency", "1", "--hostname", "work@demo")
    beat = ("beat", "--loglevel", "INFO", "--schedule", str(state.beat_schedule), "--pidfile", "")
    family.start("worker-poll", [*_WORKER, *poll, *_QUIET])
    family.start("worker", [*_WORKER, *work, *_QUIET])
    family.start("beat", [sys.executable, "-m", "celery", "-A", "seedtest", *beat], LOG_LEVEL="WARNING")
    # The server gets the open socket itself: no port is lost between choosing and listening.
    return family.start("web", _web(listener.fileno()), pass_fds=[listener.fileno()])


def _web(descriptor: int) -> list[str]:
    options = ("--worker-class", "gthread", "--workers", "1", "--threads", "8", "--no-control-socket")
    return [sys.executable, "-m", "gunicorn", "seedtest.wsgi", *options, "--bind", f"fd://{descriptor}"]


def _listener() -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", WEB_PORT))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


def _answers(url: str) -> bool | None:
    try:
        DIRECT.open(f"{url}/admin/login/", timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500 or None
    except OSError:
        return None
    return True
