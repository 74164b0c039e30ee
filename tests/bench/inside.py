"""Inside the service's own environment: seeds, tests and rounds of looks, one JSON order a line, one answer each.

It plays beat: only it makes mailboxes due and hands them out, so a round begins when it says so.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from seedtest import models, tasks  # noqa: E402
from seedtest.models.clock import db_now  # noqa: E402
from seedtest.models.seedtests import OPEN_STATUSES  # noqa: E402
from seedtest.services import intake, polling, seeding  # noqa: E402

#: A round that takes longer has failed.
PATIENCE = 300.0
NEVER = timedelta(days=1)
#: As often as beat does.
TICK = 1.0


def add_seeds(order: dict[str, Any]) -> dict[str, Any]:
    workspace = models.Workspace.objects.create(name="Bench")
    with transaction.atomic():
        for user in order["users"]:
            server = {"host": "127.0.0.1", "port": order["port"], "login": user, "tls": "ssl"}
            seeding.add_seed(workspace, f"{user}@seed.example", order["password"], provider="generic", overrides=server)
        models.Mailbox.objects.update(ca_pem=order["ca_pem"], next_poll_at=db_now() + NEVER)
    return {"keeps_sessions": bool(getattr(settings, "KEEP_SESSIONS", False))}


def open_test(order: dict[str, Any]) -> dict[str, Any]:
    """One test over all seeds, sent just now; the one before it has ended. Answers with its token."""
    workspace = models.Workspace.objects.get()
    for test in models.SeedTest.objects.filter(status__in=OPEN_STATUSES):
        intake.cancel(test, now=db_now())
    models.SeedTest.objects.update(watch_until=None)
    now = db_now()
    test = intake.open_test(workspace, intake.NewTest(name="Bench", sent_at=now), now=now)
    return {"test": test.pk, "token": test.markers.get(kind="token").value}


def look(order: dict[str, Any]) -> dict[str, Any]:
    """Everything is due now: how long until every mailbox was looked into, and all of it committed."""
    polling.HINT_LIMIT = order["together"]
    now = db_now()
    models.Mailbox.objects.update(next_poll_at=now, dispatched_until=None)
    began = ticked = time.perf_counter()
    tasks.WORK["dispatch"](db_now())
    while left := models.Mailbox.objects.exclude(last_good_poll_at__gt=now, lease_until=None).count():
        passed = time.perf_counter()
        if passed - began > PATIENCE:
            raise TimeoutError(f"{left} mailboxes were not looked into")
        if passed - ticked > TICK:
            ticked = passed
            tasks.WORK["dispatch"](db_now())
        time.sleep(0.02)
    return {"seconds": time.perf_counter() - began}


def found(order: dict[str, Any]) -> dict[str, Any]:
    """Results of a test that have their message."""
    results = models.SeedResult.objects.filter(test_id=order["test"])
    return {"found": results.filter(placement="inbox").count(), "of": results.count()}


ORDERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "add_seeds": add_seeds,
    "open_test": open_test,
    "look": look,
    "found": found,
}


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(ORDERS[order.pop("do")](order)), flush=True)
        connection.close()


if __name__ == "__main__":
    main()
