"""How long mailboxes that something waits for go without a good poll."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterable
from datetime import datetime

import psycopg

from tests.live.service import Service

EVERY = 0.25
MAILBOXES = """
    SELECT mailbox.id, now(), mailbox.last_good_poll_at, EXISTS (
        SELECT 1 FROM seedtest_seedresult result JOIN seedtest_seedtest test ON test.id = result.test_id
        WHERE result.mailbox_id = mailbox.id AND result.placement = 'waiting'
        AND test.status IN ('waiting', 'receiving', 'settled'))
    FROM seedtest_mailbox mailbox
    """


class PollGaps(threading.Thread):
    """Looks every quarter of a second, until `stop`. A gap begins with the wait, or with the last good poll in it."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self._service = service
        self._since: dict[int, datetime] = {}
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(EVERY):
            try:
                self.note(self._service.sql(MAILBOXES))
            except (psycopg.OperationalError, OSError):
                continue  # the database is down just now; the gaps go on

    def stop(self) -> None:
        self._over.set()
        self.join()

    def note(self, rows: Iterable[tuple[int, datetime, datetime | None, bool]]) -> None:
        for mailbox, now, polled, waits in rows:
            since = self._since.get(mailbox)
            if since is not None and polled is not None and polled > since:
                self.seconds.append((polled - since).total_seconds())
                self._since[mailbox] = polled
            if not waits:
                self._since.pop(mailbox, None)
            elif since is None:
                self._since[mailbox] = now

    def __str__(self) -> str:
        if len(self.seconds) < 2:
            return "poll gap: no mailbox was polled twice"
        cuts = statistics.quantiles(self.seconds, n=100)
        counted = f"longest {max(self.seconds):.1f} s, of {len(self.seconds)}"
        return f"poll gap: p50 {cuts[49]:.1f} s, p99 {cuts[98]:.1f} s, {counted}"
