"""Buries the servers of a test run that was itself killed: a process that waits for the end of a pipe.

Not PR_SET_PDEATHSIG: that fires when the thread that started the server ends, and PostgreSQL loses it with root's uid.
Run as `python undertaker.py`; it reads "+ pid directory" and "- pid" lines, and ends with its parent.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path


class Undertaker:
    """The parent's side. The pipe closes with this process, however that ends."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def watch(self, pid: int, directory: Path) -> None:
        self._say(f"+ {pid} {directory}")

    def forget(self, pid: int) -> None:
        self._say(f"- {pid}")

    def _say(self, line: str) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
                )
            assert self._process.stdin is not None
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def left_behind(leaders: Iterable[int], directories: Iterable[str]) -> Iterator[int]:
    """Processes of a leader's session, and those that work in a server's directory or were told of it."""
    sessions, places = {str(pid) for pid in leaders}, tuple(directories)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()) and _belongs(entry, sessions, places):
            yield int(entry.name)


def _belongs(entry: Path, sessions: set[str], places: tuple[str, ...]) -> bool:
    try:
        session = (entry / "stat").read_text().rpartition(")")[2].split()[3]
        words = (entry / "cmdline").read_bytes().decode(errors="replace")
        where = str((entry / "cwd").readlink())
    except (OSError, IndexError):
        return False
    return session in sessions or any(place in words or where.startswith(place) for place in places)


def bury(servers: dict[int, str]) -> None:
    """Kill until nobody is left: a master that is still alive may start another child meanwhile."""
    for _ in range(20):
        found = list(left_behind(servers, servers.values()))
        if not found:
            break
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for directory in servers.values():
        shutil.rmtree(directory, ignore_errors=True)


def main() -> None:
    servers: dict[int, str] = {}
    for line in sys.stdin:
        sign, _, rest = line.strip().partition(" ")
        pid, _, directory = rest.partition(" ")
        if sign == "+":
            servers[int(pid)] = directory
        else:
            servers.pop(int(pid), None)
    bury(servers)


if __name__ == "__main__":
    main()
