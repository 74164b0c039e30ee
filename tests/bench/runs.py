"""What one run is made of: how many mailboxes, how often, at which round-trip times; and one contender's passes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from placement.marker import mint
from tests.bench.machine import IDLE, others_now
from tests.bench.printing import Measured, say
from tests.bench.world import Contender, World

PARTS = ("wire", "sequential", "at_once", "default", "service", "recorded", "watch")


@dataclass(frozen=True, slots=True)
class Settings:
    mailboxes: tuple[int, ...]
    rtts: tuple[int, ...]
    runs: int
    threads: int
    wide: int  # kept sessions looked into at once, beside `threads`
    parts: tuple[str, ...] = PARTS
    missing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], missing: Mapping[str, str]) -> Settings:
        def words(name: str, default: str) -> tuple[str, ...]:
            return tuple(environment.get(name, default).split(","))

        def numbers(name: str, default: str) -> tuple[int, ...]:
            return tuple(map(int, words(name, default)))

        return cls(
            mailboxes=numbers("BENCH_MAILBOXES", "200,1000"),
            rtts=numbers("BENCH_RTT", "0,50"),
            runs=numbers("BENCH_RUNS", "3")[0],
            threads=numbers("BENCH_THREADS", "128")[0],
            wide=numbers("BENCH_WIDE", "400")[0],
            parts=words("BENCH_PARTS", ",".join(PARTS)),
            missing=missing,
        )

    def heading(self) -> str:
        cores, load, others = os.cpu_count() or 1, os.getloadavg()[0], others_now()
        idle = "idle" if others < IDLE else "NOT idle"
        runs = "each figure the median of" if self.runs > 1 else "each figure from"
        return (
            f"{cores} cores, Python {platform.python_version()}; before: load average {load:.1f}, "
            f"others used {others:.0%} of the cores ({idle})\n"
            f"server, relay and clients share these cores; {runs} {self.runs} run(s), [lowest-highest]\n"
            "round-trip time by a relay in user space (0 ms: straight to the server); TLS 1.3"
        )


@dataclass(frozen=True, slots=True)
class Passed:
    """Passes of one contender over some mailboxes."""

    seconds: Measured
    cpu_ms: Measured  # a mailbox
    per_second: Measured
    session_kb: float

    @property
    def ms(self) -> Measured:
        """Milliseconds a mailbox, where they are looked into one after another."""
        return Measured(tuple(1000.0 / one for one in self.per_second.runs))


def passes(
    world: World, method: str, port: int, users: Sequence[str], settings: Settings, *, tests: int = 1,
    news: Sequence[bool] = (True,), concurrency: int = 1, warm_up: bool = True,
) -> dict[bool, Passed]:  # fmt: skip
    """`settings.runs` passes over `users` for each of `news`: with one new message a mailbox before each, or none."""
    with Contender(method, port, world, users, concurrency=concurrency) as contender:
        if warm_up:
            contender.pass_over([mint()])
        return {new: _passed(world, contender, users, settings, tests, new) for new in news}


def _passed(
    world: World, contender: Contender, users: Sequence[str], settings: Settings, tests: int, new: bool
) -> Passed:
    results = [_pass_over(world, contender, users, tests, new) for _ in range(settings.runs)]
    count = len(users)
    return Passed(
        seconds=Measured(tuple(one["seconds"] for one in results)),
        cpu_ms=Measured(tuple(one["cpu"] * 1000 / count for one in results)),
        per_second=Measured(tuple(count / one["seconds"] for one in results)),
        session_kb=contender.ready["session_kb"],
    )


def _pass_over(world: World, contender: Contender, users: Sequence[str], tests: int, new: bool) -> dict[str, Any]:
    """Raises AssertionError when a contender does not see what was delivered: speed without finding is none."""
    tokens = [mint() for _ in range(tests)]
    if new:
        world.drop(users, tokens[0])
    result = contender.pass_over(tokens)
    if broken := result.get("broken"):
        say(f"({contender.order['method']}: {len(broken)} connections broke and were opened again, {broken[0]})")
    assert result["found"] == (len(users) if new else 0), (contender.order["method"], result, len(users))
    return result
