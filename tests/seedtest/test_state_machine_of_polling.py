"""Workers, ticks, people and time in any order: whatever the interleaving, nothing is lost, doubled or unsaid.

One machine; tests/seedtest runs on SQLite, and tests/live/test_service_on_postgres.py runs it again on PostgreSQL.
"""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as live_settings
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from placement.errors import Disconnected
from placement.vocabulary import FolderRole, FullCheck, ScanResult, Sighting
from seedtest import models
from seedtest.models import claims, looks, warmth
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import POLLED_STATES
from seedtest.models.seedtests import ENDED_STATUSES, OPEN_STATUSES
from seedtest.services import closing, intake, polling, publishing, recording, waking
from seedtest.services.intake import NewTest
from seedtest.services.recording import Look
from tests.seedtest import scans

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]

LEASE = timedelta(seconds=60)
FOLDERS = {"inbox": scans.INBOX, "spam": scans.JUNK, "other": scans.RECEIPTS}
#: The receipts folder is looked into by full checks only.
UNWATCHED = "Receipts"
#: What can happen next; what is named twice happens twice as often.
ACTIONS = (
    "claim", "claim", "claim", "look", "look", "record", "record", "fail", "deliver", "deliver", "wait", "wait",
    "wait_long", "tick", "open", "cancel", "beat", "beat", "sign_off",
)  # fmt: skip
#: Processes that poll: one that keeps no sessions, and two that do.
KEEPERS = ("", "poll.a", "poll.b")
EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "30"))


@dataclass
class Worker:
    """One process in the middle of a poll: it has claimed, and perhaps it has seen."""

    look: Look
    seen: ScanResult | None = None
    keeper: str = ""


@dataclass
class Server:
    """What stands in a mailbox on its server: the truth that the service has to find."""

    seed: models.SeedAccount
    letters: list[Sighting] = field(default_factory=list)


class Polling(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._story = transaction.atomic()
        self._story.__enter__()
        self._clock = live_settings.CLOCK_OFFSET_SECONDS
        self.workers: list[Worker] = []
        self.tests: list[models.SeedTest] = []
        self.sent: dict[tuple[int, int], str] = {}  # (test, mailbox) → where its message stands
        self.known: set[tuple[int, int]] = set()  # … of those, what a committed look has read
        self.final: dict[int, tuple[str, dict[int, str]]] = {}  # ended test → its status and placements

    def teardown(self) -> None:
        live_settings.CLOCK_OFFSET_SECONDS = self._clock
        transaction.set_rollback(True)
        self._story.__exit__(None, None, None)

    @initialize()
    def two_seeds(self) -> None:
        self.workspace = models.Workspace.objects.create(name="Brand")
        self.servers = [Server(self._seed(number)) for number in range(2)]
        self.open(flag=True)

    def _seed(self, number: int) -> models.SeedAccount:
        address = f"seed{number}@generic.example"
        mailbox = models.Mailbox.objects.create(
            workspace=self.workspace, address=address, login=address, host="127.0.0.1", provider="generic",
            secret="mailbox password", state="healthy",
        )  # fmt: skip
        return models.SeedAccount.objects.create(workspace=self.workspace, mailbox=mailbox)

    @rule(
        action=st.sampled_from(ACTIONS),
        pick=st.integers(0, 5),
        server=st.integers(0, 1),
        flag=st.booleans(),
        where=st.sampled_from(sorted(FOLDERS)),
        seconds=st.sampled_from([1, 61, 61, 601, 1201]),
    )
    def step(self, action: str, **drawn: Any) -> None:
        """One rule for all: hypothesis leaves rules out of its examples, and a story without claims tells nothing."""
        chosen = getattr(self, action)
        names = inspect.signature(chosen).parameters
        chosen(**{name: value for name, value in drawn.items() if name in names})

    # --- people and their ESP

    def open(self, flag: bool) -> None:
        if len(self.tests) < 3:
            now = db_now()
            new = NewTest(name="Any", sent_at=now if flag else None)
            self.tests.append(intake.open_test(self.workspace, new, now=now))

    def deliver(self, pick: int, server: int, where: str) -> None:
        test, held = self.tests[pick % len(self.tests)], self.servers[server]
        key = (test.pk, held.seed.mailbox_id)
        if key in self.sent:
            return
        block = scans.block(message_id=f"<{test.pk}.{server}@brand.example>")
        held.letters.append(scans.seen(FOLDERS[where], test=test, headers=block, internaldate=db_now()))
        self.sent[key] = where

    def cancel(self, pick: int) -> None:
        intake.cancel(self.tests[pick % len(self.tests)], now=db_now())

    # --- time, and the ticks

    def wait(self, seconds: int) -> None:
        live_settings.CLOCK_OFFSET_SECONDS += seconds

    def wait_long(self) -> None:
        live_settings.CLOCK_OFFSET_SECONDS += 30 * 3600

    def tick(self) -> None:
        now = db_now()
        for offer in claims.offer_due(now, limit=10, hold=timedelta(seconds=30)):
            mailbox = models.Mailbox.objects.get(pk=offer.mailbox_id)
            assert offer.queue == ("" if offer.suspect else self._turn_of(mailbox, now))
        closing.close_due(now)
        waking.wake_forgotten(now)
        publishing.publish(now)

    # --- workers; one that nobody picks again was killed, one that is picked late was frozen

    def claim(self, server: int, pick: int, flag: bool) -> None:
        mailbox, now = self.servers[server].seed.mailbox, db_now()
        late = claims.TURN if flag else timedelta(0)
        models.Mailbox.objects.filter(pk=mailbox.pk).update(next_poll_at=now - late)
        mailbox.refresh_from_db()
        keeper = KEEPERS[pick % len(KEEPERS)]
        expected = self._is_free(mailbox, now) and self._turn_of(mailbox, now) in ("", keeper)
        given = claims.claim([mailbox.pk], now, owner="worker", lease=LEASE, suspect=mailbox.is_suspect, keeper=keeper)
        assert len(given) == expected, "who may claim"
        for claim in given:
            waits = looks.deadlines_of([mailbox.pk]).get(mailbox.pk, ())
            self.workers.append(Worker(Look(claim=claim, started_at=now, deadlines=waits), keeper=keeper))

    def _is_free(self, mailbox: models.Mailbox, now: datetime) -> bool:
        held = (mailbox.lease_until, mailbox.backoff_until, mailbox.auth_backoff_until)
        return mailbox.state in POLLED_STATES and all(until is None or until <= now for until in held)

    def _turn_of(self, mailbox: models.Mailbox, now: datetime) -> str:
        """Who alone may look now, by the rule in words: a short turn, and only of one that is alive."""
        if mailbox.session_until is None or mailbox.session_until <= now or now >= mailbox.next_poll_at + claims.TURN:
            return ""
        alive = models.WorkerHeartbeat.objects.filter(queue=mailbox.session_owner, beat_at__gt=now - claims.FRESH)
        return str(mailbox.session_owner) if alive else ""

    def beat(self, pick: int) -> None:
        warmth.beat(KEEPERS[1 + pick % 2], db_now(), sessions=1)

    def sign_off(self, pick: int) -> None:
        queue = KEEPERS[1 + pick % 2]
        warmth.sign_off(queue)
        assert not models.Mailbox.objects.filter(session_owner=queue).exists()

    def look(self, pick: int, flag: bool) -> None:
        """The scan: it sees what stands there now, and was planned from what stood in the tables at its claim."""
        if self.workers:
            self._scan(self.workers[pick % len(self.workers)], complete=flag)

    def _scan(self, worker: Worker, *, complete: bool) -> None:
        server = next(one for one in self.servers if one.seed.mailbox_id == worker.look.claim.mailbox_id)
        due = polling._full_check_since(worker.look, is_new=False)
        watched = [one for one in server.letters if due or one.place.folder != UNWATCHED]
        check = FullCheck(complete=complete, folders=4) if due else None
        worker.seen = scans.scanned(*watched, full_check=check)

    def record(self, pick: int) -> None:
        if not self.workers:
            return
        worker = self.workers.pop(pick % len(self.workers))
        if worker.seen is None:
            self._scan(worker, complete=True)
        assert worker.seen is not None
        mailbox = worker.look.claim.mailbox_id
        valid = self._epoch(mailbox) == worker.look.claim.epoch
        assert recording.record(worker.look, worker.seen) is valid, "fencing"
        if valid:
            self.known |= {(one.match.test, mailbox) for one in worker.seen.sightings if one.match}
        if worker.keeper:
            kept = warmth.keep([worker.look.claim], db_now(), owner=worker.keeper)
            assert valid or not kept, "a lost claim keeps no session"

    def fail(self, pick: int) -> None:
        if self.workers:
            worker = self.workers.pop(pick % len(self.workers))
            valid = self._epoch(worker.look.claim.mailbox_id) == worker.look.claim.epoch
            assert recording.fail(worker.look.claim, Disconnected("BYE")) is valid, "fencing"

    def _epoch(self, mailbox_id: int) -> int:
        return int(models.Mailbox.objects.values_list("lease_epoch", flat=True).get(pk=mailbox_id))

    # --- what holds at every moment

    @invariant()
    def one_valid_epoch(self) -> None:
        for server in getattr(self, "servers", ()):
            mailbox = server.seed.mailbox_id
            mine = [one for one in self.workers if one.look.claim.mailbox_id == mailbox]
            assert len([one for one in mine if one.look.claim.epoch == self._epoch(mailbox)]) <= 1

    @invariant()
    def no_session_is_kept_of_a_mailbox_that_is_read(self) -> None:
        assert not models.Mailbox.objects.exclude(lease_until=None).exclude(session_owner="").exists()

    @invariant()
    def missing_was_looked_for(self) -> None:
        for result in models.SeedResult.objects.filter(placement="missing"):
            assert result.full_check_started_at is not None and result.deadline_at is not None
            assert result.full_check_started_at >= result.deadline_at

    @invariant()
    def one_completion(self) -> None:
        for test in models.SeedTest.objects.all():
            told = models.Event.objects.filter(type="test.completed", data__test=test.public_id).count()
            assert told == (test.status in ENDED_STATUSES), test.status
            assert test.status in OPEN_STATUSES or not test.results.filter(placement="waiting").exists()

    @invariant()
    def placements_are_final(self) -> None:
        for test in models.SeedTest.objects.filter(status__in=ENDED_STATUSES):
            end = (test.status, dict(test.results.values_list("pk", "placement")))
            assert self.final.setdefault(test.pk, end) == end

    @invariant()
    def what_was_read_is_known(self) -> None:
        for test_id, mailbox_id in self.known:
            result = models.SeedResult.objects.get(test_id=test_id, mailbox_id=mailbox_id)
            assert result.messages.count() == 1
            assert result.current_placement == self.sent[test_id, mailbox_id]
            on_time = result.late_at is None
            assert result.placement == result.current_placement or not on_time
            assert FolderRole(result.messages.get().arrival.folder.role) is not FolderRole.TRASH


def test_no_interleaving_loses_doubles_or_leaves_unsaid(settings_of_polls: None) -> None:
    run_state_machine_as_test(
        Polling,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=50, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.fixture
def settings_of_polls(settings: object) -> None:
    """pytest-django gives back what the machine shifts."""
    settings.CLOCK_OFFSET_SECONDS = 0.0  # type: ignore[attr-defined]
    settings.ALLOWANCE_MINUTES = 20.0  # type: ignore[attr-defined]
