"""What one run is made of: how many mailboxes, how often, at which round-trip times; and one contender's passes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from placement.marker import mint
from tests.bench.printing import Measured
from tests.bench.world import Contender, World

#: A machine with more than this share of its cores busy before we begin is not idle.
IDLE = 0.15


@dataclass(frozen=True, slots=True)
class Settings:
    mailboxes: tuple[int, ...]
    rtts: tuple[int, ...]
    runs: int
    threads: int
    missing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], missing: Mapping[str, str]) -> Settings:
        def numbers(name: str, default: str) -> tuple[int, ...]:
            return tuple(int(word) for word in environment.get(name, default).split(","))

        return cls(
            mailboxes=numbers("BENCH_MAILBOXES", "200,1000"),
            rtts=numbers("BENCH_RTT", "0,50"),
            runs=numbers("BENCH_RUNS", "3")[0],
            threads=numbers("BENCH_THREADS", "128")[0],
            missing=missing,
        )

    def heading(self) -> str:
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
        idle = "otherwise idle" if load < IDLE * cores else "NOT idle: other work ran beside this"
        runs = "each figure the median of" if self.runs > 1 else "each figure from"
        return (
            f"{cores} cores, Python {platform.python_version()}, load average {load:.1f} before: {idle}\n"
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
    new: bool = True, concurrency: int = 1, warm_up: bool = True,
) -> Passed:  # fmt: skip
    """`settings.runs` passes over `users`; before each, one new message a mailbox where `new`.

    Raises AssertionError when a contender does not see what was delivered: speed without finding is none.
    """
    results = []
    with Contender(method, port, world, users, concurrency=concurrency) as contender:
        if warm_up:
            contender.pass_over([mint()])
        for _ in range(settings.runs):
            tokens = [mint() for _ in range(tests)]
            if new:
                world.drop(users, tokens[0])
            result = contender.pass_over(tokens)
            assert result["found"] == (len(users) if new else 0), (method, result, len(users))
            results.append(result)
    count = len(users)
    return Passed(
        seconds=Measured(tuple(one["seconds"] for one in results)),
        cpu_ms=Measured(tuple(one["cpu"] * 1000 / count for one in results)),
        per_second=Measured(tuple(count / one["seconds"] for one in results)),
        session_kb=contender.ready["session_kb"],
    )
