"""Celery's broker as folders on disk (the demo's last resort): kombu's own, without its half-written files.

kombu creates a file, then writes it; a reader that comes between finds nothing in it, and the worker ends on the
JSON error.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kombu.transport import filesystem
from kombu.utils.json import dumps

T = TypeVar("T")
TRIES, PAUSE_SECONDS = 50, 0.02


class Channel(filesystem.Channel):  # type: ignore[misc]
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:
        folder = Path(self.data_folder_out)
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        aside = folder / f".{name}.part"  # a name that no queue looks for
        aside.write_bytes(dumps(payload).encode())
        aside.rename(folder / name)

    def get_table(self, exchange: str) -> list[Any]:
        return _once_written(lambda: list(super(Channel, self).get_table(exchange)))

    def _queue_bind(self, *names: Any) -> None:
        return _once_written(lambda: super(Channel, self)._queue_bind(*names))


def _once_written(act: Callable[[], T]) -> T:
    """The table of an exchange is empty for the moment between its creation and its first lock."""
    for _attempt in range(TRIES):
        try:
            return act()
        except ValueError:
            time.sleep(PAUSE_SECONDS)
    return act()


class Transport(filesystem.Transport):  # type: ignore[misc]
    Channel = Channel
