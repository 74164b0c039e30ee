"""Holds IDLE on the mailboxes of open tests and makes them due when mail comes: speed, and nothing else."""

from __future__ import annotations

from seedtest.services.watching.loop import Watcher

__all__ = ["Watcher"]
