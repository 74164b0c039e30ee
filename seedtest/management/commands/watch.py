"""Hold IDLE on the mailboxes of open tests, so that their mail is found at once. Killing it costs latency only."""

from __future__ import annotations

import resource
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from seedtest.models.claims import WATCH_SESSIONS
from seedtest.services import ticking
from seedtest.services.watching import Watcher
from seedtest.tasks import WORK

#: Files a process needs beside its connections to mailboxes.
OTHER_FILES = 100


class Command(BaseCommand):
    # They would load the whole API and its document, for 10 MB.
    requires_system_checks: list[str] = []
    help = "Watch the mailboxes of open tests (IDLE on inbox and junk) and have them looked into when mail comes."

    def handle(self, *args: Any, **options: Any) -> None:
        self._raise_limit(settings.WATCH_MAILBOXES * WATCH_SESSIONS + OTHER_FILES)
        watcher = Watcher(owner=f"watch {ticking.owner_name()}"[:120], hand_out=WORK["dispatch"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: watcher.stop())
        watcher.run()

    def _raise_limit(self, wanted: int) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        if soft < wanted:
            room = max(1, (soft - OTHER_FILES) // WATCH_SESSIONS)
            settings.WATCH_MAILBOXES = room
            self.stderr.write(f"Only {soft} files may be open (ulimit -n), so at most {room} mailboxes are watched.")
