"""A storm: random kills and freezes of every process there is, the same choice for the same seed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.live.servers.processes import Server

#: Seconds between two blows, and how long a process that was hit is left to do some work.
BETWEEN = (2.0, 4.0)
REST = 4.0
#: Seconds of a claim; a worker that is frozen longer has lost it.
LEASE = 4.0


def kill(server: Server, pause: float) -> None:
    server.kill()
    time.sleep(pause)
    server.start()


def freeze(server: Server, pause: float) -> None:
    server.freeze()
    try:
        time.sleep(pause)
    finally:
        server.thaw()


def stop_warmly(server: Server, pause: float) -> None:
    server.stop()
    time.sleep(pause)
    server.start()


@dataclass(frozen=True)
class Fault:
    name: str
    target: str
    do: Callable[[Server, float], None]
    longest: float
    shortest: float = 0.0
    weight: int = 1


FAULTS = (
    Fault("poll worker killed", "poll", kill, 2, weight=3),
    Fault("second poll worker killed", "poll2", kill, 2, weight=2),
    Fault("poll worker frozen past its lease", "poll", freeze, LEASE + 3, LEASE + 1),
    Fault("second poll worker frozen past its lease", "poll2", freeze, LEASE + 3, LEASE + 1),
    Fault("poll worker stopped warmly", "poll2", stop_warmly, 1),
    Fault("work worker killed", "work", kill, 2, weight=2),
    Fault("work worker frozen", "work", freeze, 5, 2),
    Fault("beat killed", "beat", kill, 3),
    Fault("web killed", "web", kill, 1, weight=2),
    Fault("Redis killed, data lost", "redis", kill, 2, weight=2),
    Fault("Redis frozen", "redis", freeze, 6, 1),
    Fault("PostgreSQL killed", "postgres", kill, 2, weight=2),
    Fault("Dovecot restarted", "dovecot", stop_warmly, 1, weight=2),
    Fault("Dovecot frozen", "dovecot", freeze, 5, 1),
)


@dataclass(frozen=True)
class Blow:
    at: float
    fault: Fault
    pause: float


def plan(seed: int, seconds: float) -> list[Blow]:
    """What breaks when, and for how long. Dealt like cards: a minute has every fault in it."""
    dice = random.Random(seed)
    blows: list[Blow] = []
    deck: list[Fault] = []
    at = dice.uniform(*BETWEEN)
    while at < seconds:
        deck = deck or dice.sample(FAULTS, len(FAULTS)) + _spare(dice)
        fault = deck.pop(0)
        blows.append(Blow(at, fault, dice.uniform(fault.shortest, fault.longest)))
        at += dice.uniform(*BETWEEN)
    return blows


def _spare(dice: random.Random) -> list[Fault]:
    """The second and third card of the faults that weigh more."""
    more = [fault for fault in FAULTS for _ in range(fault.weight - 1)]
    return dice.sample(more, len(more))


class Storm(threading.Thread):
    """Strikes as planned until `calm`; each blow in a thread of its own, never two at one process."""

    def __init__(self, blows: list[Blow], targets: Mapping[str, Server], calm: threading.Event) -> None:
        super().__init__()
        self.struck: Counter[str] = Counter()
        self.trouble: list[str] = []
        self._blows, self._targets, self._calm = blows, targets, calm
        self._busy = {name: threading.Lock() for name in targets}

    def run(self) -> None:
        start = time.monotonic()
        strikes = []
        for blow in self._blows:
            if self._calm.wait(max(0.0, start + blow.at - time.monotonic())):
                break
            strikes.append(threading.Thread(target=self._strike, args=(blow,)))
            strikes[-1].start()
        for strike in strikes:
            strike.join()
        for name, server in self._targets.items():
            try:
                server.revive()
            except (OSError, RuntimeError) as error:
                self.trouble.append(f"{name} is not back: {error}")

    def _strike(self, blow: Blow) -> None:
        """Waits for its turn at the target, which rests between two blows."""
        with self._busy[blow.fault.target]:
            if self._calm.is_set():
                return
            try:
                blow.fault.do(self._targets[blow.fault.target], blow.pause)
                self.struck[blow.fault.name] += 1
            except (OSError, RuntimeError) as error:
                self.trouble.append(f"{blow.fault.name}: {error}")
            self._calm.wait(REST)
