"""A server as a child of the test run: started in a directory of its own, ready when it answers, gone at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

from tests.live.servers.undertaker import Undertaker

START_SECONDS = 60.0
START_TRIES = 3
LOG_TAIL = 3000


class ServerDied(RuntimeError):
    """The server ended, or never answered; the message ends with its log."""


class Server:
    """Subclasses say what to prepare, what to run, and when it is ready."""

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]] = ("port",)
    running: ClassVar[dict[int, Server]] = {}
    undertaker: ClassVar[Undertaker] = Undertaker()

    def __init__(self) -> None:
        # 0755, because servers that drop root must still reach their files.
        self.directory = Path(tempfile.mkdtemp(prefix=f"seedtest-{self.name}-"))
        self.directory.chmod(0o755)
        self.log_path = self.directory / "output.log"
        self.ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Write the configuration. Called again with other ports when a port was lost to somebody else."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    @property
    def port(self) -> int:
        return self.ports[self.port_names[0]]

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerDied(f"{self.name} is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        try:
            self._start_on_free_ports()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _start_on_free_ports(self) -> None:
        for attempt in range(START_TRIES):
            self.ports = dict(zip(self.port_names, free_ports(len(self.port_names)), strict=True))
            self.prepare()
            try:
                return self.start()
            except ServerDied:
                # A port that was free a moment ago may be somebody's by now.
                if attempt == START_TRIES - 1:
                    raise

    def start(self) -> None:
        """Start on the same directory and ports, and return when the server answers."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        Server.running[id(self)] = self
        Server.undertaker.watch(self.pid, self.directory)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            if self._process is None or self._process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.01)
        self.kill()
        raise ServerDied(f"{self.name} did not start. Its log:\n{self.log_tail()}")

    def _answers(self) -> bool:
        try:
            return self.ready()
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9, the whole family at once, as an operator or the kernel would."""
        if self._process is None:
            return
        family = [self.pid, *descendants(self.pid)]
        self._signal(signal.SIGKILL)
        self._process.wait()
        wait_until_gone(family)
        Server.undertaker.forget(self.pid)
        self._process = None
        Server.running.pop(id(self), None)

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and wait for that."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self.kill()

    def restart(self) -> None:
        self.kill()
        self.start()

    def revive(self) -> None:
        """Undo what a test left behind: frozen or dead, it answers again."""
        if self._process is None or self._process.poll() is not None:
            return self.restart()
        self.thaw()

    def freeze(self) -> None:
        """SIGSTOP: the ports still accept, nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in (self.pid, *descendants(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def logs(self) -> list[Path]:
        """The files worth reading when a test fails."""
        return [self.log_path]

    def log_text(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self.logs() if path.exists())

    def log_tail(self) -> str:
        return self.log_text()[-LOG_TAIL:]


def descendants(pid: int) -> Iterator[int]:
    """Children, and theirs: PostgreSQL's have sessions of their own, out of reach for killpg."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = [int(child) for child in children.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in found:
        yield child
        yield from descendants(child)


def wait_until_gone(pids: list[int]) -> None:
    """A child that has not died yet still holds the listening socket of its dead parent."""
    give_up = time.monotonic() + START_SECONDS
    while any(_alive(pid) for pid in pids) and time.monotonic() < give_up:
        time.sleep(0.002)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def greeting(port: int, *, say: bytes = b"") -> bytes:
    """What a server on a loopback port says first, or in answer to `say`."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        if say:
            connection.sendall(say)
        return connection.recv(512)
