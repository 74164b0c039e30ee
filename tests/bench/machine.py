"""Was the machine idle? What all processes used of it, without ours: from /proc, while the run goes on."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

#: A core is busy with others' work beyond this share: figures suffer.
IDLE = 0.05
EVERY = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


class Used(NamedTuple):
    """CPU seconds, since the start of the machine."""

    by_all: float
    of_cores: float


class Others:
    """The share of all cores that processes used which are no children of ours, every few seconds."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self._over = threading.Event()
        self._ours: dict[int, float] = {}
        self._before = Used(0.0, 0.0)
        self._thread = threading.Thread(target=self._watch, name="others", daemon=True)

    def __enter__(self) -> Others:
        self._sample()
        self.shares.clear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self._sample()

    def _sample(self) -> None:
        used, ours = _used(), _used_by_us()
        spent_by_us = sum(seconds - self._ours.get(pid, 0.0) for pid, seconds in ours.items())
        before, self._before, self._ours = self._before, used, ours
        passed = used.of_cores - before.of_cores
        if passed:
            self.shares.append(max(0.0, used.by_all - before.by_all - spent_by_us) / passed)

    def line(self) -> str:
        if not self.shares:
            return "the run was too short to see whether others used the machine"
        mean, most = sum(self.shares) / len(self.shares), max(self.shares)
        idle = "otherwise idle" if mean < IDLE else "NOT idle: other work ran beside this"
        return f"others used {mean:.0%} of the cores during the run (at most {most:.0%} of {EVERY:.0f} s): {idle}"


def others_now(seconds: float = 2.0) -> float:
    """Their share before anything of ours runs."""
    others = Others()
    others._sample()
    others.shares.clear()
    threading.Event().wait(seconds)
    others._sample()
    return others.shares[-1]


def _used() -> Used:
    first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    user, nice, system, idle, wait, irq, soft, steal = (int(word) / TICKS for word in first.split()[1:9])
    busy = user + nice + system + irq + soft + steal
    return Used(busy, busy + idle + wait)


def _used_by_us() -> dict[int, float]:
    """CPU seconds of this process and of all that descend from it."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (told := _stat(folder)):
            parents[int(folder.name)], seconds[int(folder.name)] = told
    return {pid: spent for pid, spent in seconds.items() if _is_ours(pid, parents)}


def _stat(folder: Path) -> tuple[int, float] | None:
    """(parent, CPU seconds)."""
    try:
        words = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(words[1]), (int(words[11]) + int(words[12])) / TICKS


def _is_ours(pid: int, parents: dict[int, int]) -> bool:
    us = os.getpid()
    while pid > 1:
        if pid == us:
            return True
        pid = parents.get(pid, 0)
    return False
