"""A relay in a process of its own that adds a round-trip time and counts what clients say: no root, no kernel module.

`python -m tests.bench.relay TARGET_PORT RTT_MS` prints its port; every line on stdin is answered with the counts since
the line before. Commands can be counted in plain text only.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import deque
from dataclasses import dataclass
from typing import cast

COMMAND = re.compile(rb"(?m)^[A-Za-z0-9]+ (?:UID )?[A-Z-]+")


@dataclass
class Counts:
    connections: int = 0
    commands: int = 0
    writes: int = 0
    bytes: int = 0


class Way(asyncio.Protocol):
    """One direction of a connection: what comes in here leaves through `other` half a round trip later."""

    def __init__(self, half: float, counts: Counts, *, client: bool) -> None:
        self.half = half
        self.counts = counts
        self.client = client
        self.other: Way | None = None
        self.opened = 0.0
        self.transport: asyncio.Transport | None = None
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._count(data)
        # connect() returned at once; over a real line it would have taken one round trip.
        due = max(self.loop.time(), self.opened) + self.half
        self.waiting.append((due, data))
        if len(self.waiting) == 1:
            self.loop.call_at(due, self.flush)

    def _count(self, data: bytes) -> None:
        self.counts.bytes += len(data)
        if self.client:
            self.counts.writes += 1
            self.counts.commands += len(COMMAND.findall(data))

    def flush(self) -> None:
        to = self.other.transport if self.other else None
        if to is None:
            return  # the server's side is not open yet, see _join
        now = self.loop.time() + 0.0005
        while self.waiting and self.waiting[0][0] <= now:
            _, data = self.waiting.popleft()
            if not to.is_closing():
                to.write(data)
        if self.waiting:
            self.loop.call_at(self.waiting[0][0], self.flush)

    def connection_lost(self, _: Exception | None) -> None:
        if self.other and self.other.transport:
            self.loop.call_later(self.half * 2, self.other.transport.close)


class Client(Way):
    """The side that connected to us; its server side is opened at once, and reading waits for it."""

    target = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.counts.connections += 1
        self.opened = self.loop.time() + self.half * 2
        assert self.transport is not None
        self.transport.pause_reading()
        self.task = self.loop.create_task(self._join())

    async def _join(self) -> None:
        server = Way(self.half, self.counts, client=False)
        server.opened = self.opened + self.half
        server.other, self.other = self, server
        await self.loop.create_connection(lambda: server, "127.0.0.1", self.target)
        assert self.transport is not None
        self.transport.resume_reading()
        self.flush()


async def serve(target: int, rtt: float) -> None:
    loop = asyncio.get_running_loop()
    counts = Counts()
    Client.target = target
    server = await loop.create_server(lambda: Client(rtt / 2, counts, client=True), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(vars(counts)), flush=True)
        counts.__init__()  # type: ignore[misc]


def run(target: int, rtt: float) -> None:
    """On uvloop where it is installed: a relay should cost as little as it can of the cores it shares."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        from asyncio import new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(target, rtt))


if __name__ == "__main__":
    run(int(sys.argv[1]), float(sys.argv[2]) / 1000)
