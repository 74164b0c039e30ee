"""The Celery app: queues, ticks, and the settings that make losing any message harmless."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "seedtest.settings")

#: Queues: polls on a threads pool; suspects and everything else on prefork.
POLL, SUSPECT, WORK = "poll", "poll-suspect", "work"

TRANSPORT_ALIASES["filesystem"] = "seedtest.folder_transport:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "seedtest.redis_transport:Transport"

#: tick → seconds between two. A tick's message expires after its interval: late ticks are not caught up.
TICKS: dict[str, float] = {
    "dispatch": 1.0,
    "sending": 1.0,
    "closing": 1.0,
    "publishing": 1.0,
    "scheduling": 5.0,
    "verifying": 5.0,
    "seeds": 10.0,
    "housekeeping": 60.0,
}


def transport_options(broker_url: str, folder: str) -> dict[str, Any]:
    """kombu's options. Without socket_timeout a publish to a frozen Redis blocks for ever."""
    if broker_url.startswith("filesystem"):
        for name in ("messages", "processed", "control"):
            (Path(folder) / name).mkdir(parents=True, exist_ok=True)
        messages = str(Path(folder) / "messages")
        return {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": str(Path(folder) / "control"),
            "polling_interval": 0.2,  # kombu's own second a look would add up over the ticks
        }
    return {
        "visibility_timeout": 3600,
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "retry_on_timeout": False,
    }


def configure(app: Celery) -> None:
    from django.conf import settings

    app.conf.update(
        broker_url=settings.BROKER_URL,
        broker_transport_options=transport_options(settings.BROKER_URL, settings.BROKER_FOLDER),
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=5,
        task_publish_retry=False,
        task_ignore_result=True,
        result_backend=None,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=WORK,
        task_routes={"seedtest.tasks.poll": {"queue": POLL}},
        worker_prefetch_multiplier=1,
        task_acks_late=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        timezone="UTC",
        imports=["seedtest.tasks"],
        beat_schedule={
            f"tick-{name}": {
                "task": "seedtest.tasks.tick",
                "args": [name],
                "schedule": every,
                "options": {"expires": max(every, 2.0), "queue": WORK},
            }
            for name, every in TICKS.items()
        },
    )


app = Celery("seedtest")
app.on_configure.connect(lambda sender, **_: configure(sender), weak=False)
