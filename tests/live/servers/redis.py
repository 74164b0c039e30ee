"""A real Redis that keeps nothing on disk: killed, it comes back empty."""

from __future__ import annotations

from tests.live.servers.presence import need
from tests.live.servers.processes import Server, greeting


class Redis(Server):
    name = "redis"

    def command(self) -> list[str]:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
        }
        return [
            str(need("redis-server")),
            *(word for key, value in options.items() for word in (f"--{key}", value)),
        ]

    def ready(self) -> bool:
        return greeting(self.port, say=b"PING\r\n").startswith(b"+PONG")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
