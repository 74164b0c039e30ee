"""Runs a tick under its lease: one process at a time, and a trace of when it last finished."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from seedtest import crashing
from seedtest.models import claims
from seedtest.models.clock import db_now

logger = logging.getLogger(__name__)

#: A tick that was killed is taken over after this long.
LEASE = timedelta(seconds=15)


def owner_name() -> str:
    """This process and thread, for leases: host:pid:thread."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"[:120]


def run(name: str, work: Callable[[datetime], object]) -> bool:
    """Run `work(now)` unless another process is at it; False then. The lease ends whatever happens."""
    owner = owner_name()
    with transaction.atomic():
        now = db_now()
        if not claims.take_tick(name, now, owner=owner, lease=LEASE):
            return False
    error = "The tick did not finish; the log has the reason."
    try:
        work(now)
        error = ""
        crashing.here(crashing.Place.BEFORE_TICK_END)
    finally:
        with transaction.atomic():
            claims.end_tick(name, db_now(), owner=owner, error=error)
    return True
