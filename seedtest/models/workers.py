"""Poll workers that are alive: whose own queue may be given hints for the sessions it keeps."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now


class WorkerHeartbeat(models.Model):
    """One poll worker process, named by the queue that it alone consumes."""

    queue = models.CharField(max_length=120, unique=True)
    beat_at = models.DateTimeField(db_index=True)
    sessions = models.PositiveIntegerField(default=0, help_text="IMAP sessions it keeps.")
    started_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return self.queue
