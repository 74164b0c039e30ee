"""Child processes that do not outlive the demo: sessions of their own, noted on disk, stopped in reverse order."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")
STOP_SECONDS = 8.0
TAIL_LINES = 15
_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child may only make plain calls.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildFailed(Exception):
    """A child ended, or was not ready in time. The text ends with what its log says."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A process as we started it. The number alone may be somebody else's after a crash; `born` tells."""

    name: str
    pid: int
    born: str

    def has_ended(self) -> bool:
        return not self.born or born(self.pid) != self.born


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def born(pid: int) -> str:
    """When this process began, in whatever the system counts in; "" when there is none (or only its remains)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            # The name in brackets may hold anything, so the fields are counted from its end: state is 0, start is 19.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return "" if fields[0] == "Z" else f"{_boot()}:{fields[19]}"
        return ""
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _die_with(parent: int) -> Callable[[], None] | None:
    """For a child before its exec: SIGTERM when we are gone, even by kill -9. Linux only."""
    if _LIBC is None:
        return None

    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # we died before the line above
            os._exit(1)

    return tie


@dataclass(frozen=True, slots=True)
class Child:
    """One running child and its log."""

    mark: Mark
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def name(self) -> str:
        return self.mark.name

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def failure(self, words: str) -> ChildFailed:
        return ChildFailed(f"{self.name} {words}. The end of {self.log}:\n{tail(self.log)}")


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, indented; says so when there are none."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (empty)"


class Family:
    """Starts children and stops them; `folder` receives the list of them and their logs."""

    def __init__(self, folder: Path, environment: Mapping[str, str], directory: Path) -> None:
        self.environment = dict(environment)
        self._directory = directory
        self._ledger = folder / "children.json"
        self._logs = folder / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._generations: list[list[Child]] = [[]]

    def clear_stale(self) -> list[str]:
        """Stop what a crashed run left behind; returns the names. Nothing else is touched."""
        stale = [mark for mark in self._read_ledger() if not mark.has_ended()]
        for mark in reversed(stale):
            _stop(mark.pid, mark.has_ended)
        self._ledger.unlink(missing_ok=True)
        return [mark.name for mark in stale]

    def start(self, name: str, command: Sequence[str], *, pass_fds: Sequence[int] = (), **environment: str) -> Child:
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = self._spawn(command, output, output, environment, pass_fds=pass_fds)
        child = Child(Mark(name, process.pid, born(process.pid)), process, log)
        self._generations[-1].append(child)
        self._write_ledger()
        return child

    def run(self, name: str, command: Sequence[str], *, given: bytes = b"") -> bytes:
        """Run a child to its end; returns what it printed. Raises ChildFailed."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = self._spawn(command, subprocess.PIPE, output, {}, stdin=subprocess.PIPE)
        child = Child(Mark(name, process.pid, born(process.pid)), process, log)
        try:
            printed, _ = process.communicate(given)
        except BaseException:
            _stop(process.pid, child.has_ended)
            raise
        if process.returncode:
            raise child.failure(f"failed with status {process.returncode}")
        return printed

    def _spawn(
        self,
        command: Sequence[str],
        stdout: int | IO[bytes],
        stderr: IO[bytes],
        environment: Mapping[str, str],
        *,
        pass_fds: Sequence[int] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches only us, and we stop everything in order.
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=self._directory,
            env={**self.environment, **environment},
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=_die_with(os.getpid()),
        )

    def new_generation(self) -> None:
        """What starts from here on needs what runs already, so it is stopped before it."""
        self._generations.append([])

    @property
    def _children(self) -> list[Child]:
        return [child for generation in self._generations for child in generation]

    def check(self) -> None:
        """Raises ChildFailed when one has ended."""
        for child in self._children:
            if child.has_ended():
                raise child.failure(f"ended by itself with status {child.process.returncode}")

    def wait_for(self, child: Child, answer: Callable[[], T | None], *, seconds: float) -> T:
        """What `answer` returns once it is not None. Raises ChildFailed."""
        give_up = time.monotonic() + seconds
        while (value := answer()) is None:
            self.check()
            if time.monotonic() > give_up:
                raise child.failure(f"was not ready within {seconds:g} seconds")
            time.sleep(0.05)
        return value

    def stop(self) -> None:
        """Every child: the youngest generation first, each given time to end in order."""
        while self._generations:
            generation = self._generations.pop()
            for child in reversed(generation):
                _ask_to_end(child.process.pid, child.has_ended)
            for child in reversed(generation):
                _see_the_end(child.process.pid, child.has_ended)
        self._ledger.unlink(missing_ok=True)

    def _read_ledger(self) -> list[Mark]:
        try:
            return [Mark(**mark) for mark in json.loads(self._ledger.read_text())]
        except (OSError, ValueError, TypeError):
            return []

    def _write_ledger(self) -> None:
        aside = self._ledger.with_suffix(".tmp")
        aside.write_text(json.dumps([asdict(child.mark) for child in self._children]))
        aside.replace(self._ledger)


def _ask_to_end(pid: int, has_ended: Callable[[], bool]) -> None:
    if not has_ended():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _stop(pid: int, has_ended: Callable[[], bool]) -> None:
    _ask_to_end(pid, has_ended)
    _see_the_end(pid, has_ended)


def _see_the_end(pid: int, has_ended: Callable[[], bool]) -> None:
    """Time to end in order, then SIGKILL to all of the child's session."""
    give_up = time.monotonic() + STOP_SECONDS
    while not has_ended() and time.monotonic() < give_up:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    while not has_ended():
        time.sleep(0.02)
