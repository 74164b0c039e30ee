"""Sends a test's message to its seeds: one envelope a seed, every answer kept, none sent twice.

No transaction and no database connection is held while SMTP is spoken. What an answer means is decided by the kind of
`smtp.SmtpError`: about the recipient (refused, deferred), about our account (nothing of the test can go out), about
the connection (try again), or unknown (the message may be out: look for it, never send it again).
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min

from placement.vocabulary import MarkerKind
from seedtest import crashing
from seedtest.crypto import SecretUnreadable
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.models.seedtests import SeedTest, SentAtSource, Status
from seedtest.models.sending import Outbound, OutboundStatus, SendingProfile
from seedtest.services import closing, envelopes, outgoing, smtp, waking
from seedtest.services.envelopes import Envelope

logger = logging.getLogger(__name__)

#: Tests one tick hands out, envelopes of one session, sessions of one task.
TESTS, BATCH, SESSIONS = 50, 20, 10
_UNFINISHED = (OutboundStatus.QUEUED, OutboundStatus.INFLIGHT)


class Unsendable(Exception):
    """Something on our side is missing, so nothing of the test can be sent. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What all envelopes of a test have in common."""

    raw: bytes = field(repr=False)
    token: str
    in_body: bool
    from_address: str  # "" keeps the message's own
    return_path: str

    def for_seed(self, envelope: Envelope, message_id: str) -> bytes:
        return outgoing.compose(
            self.raw,
            token=self.token,
            seed_address=envelope.recipient,
            from_address=self.from_address,
            message_id=message_id,
            date=db_now(),
            in_body=self.in_body,
        )

    def message_id(self, envelope: Envelope) -> str:
        """The same at every attempt, so that two copies could be told for what they are."""
        digest = hashlib.sha256(f"{self.token}:{envelope.claim.outbound_id}".encode()).hexdigest()
        return f"<{digest[:32]}@{(self.from_address or self.return_path).rpartition('@')[2]}>"


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything one session needs, read before the first byte of SMTP."""

    letter: Letter
    account: smtp.Account
    envelopes: tuple[Envelope, ...]


# --- the tick


def pending(now: datetime) -> list[int]:
    """The tick: free what a dead process held, finish what is done, and name the tests with envelopes that are due.

    A test that is being sent right now is not named, so that one session at a time uses its account.
    """
    with transaction.atomic():
        claims.release_lost_outbound(now)
    sending = SeedTest.objects.filter(status=Status.SENDING).order_by("id")
    for test_id in sending.exclude(outbounds__status__in=_UNFINISHED).values_list("id", flat=True)[:TESTS]:
        finish_sending(test_id, now)
    due = Outbound.objects.filter(status=OutboundStatus.QUEUED, next_attempt_at__lte=now)
    idle = sending.filter(pk__in=due.values("test_id")).exclude(outbounds__status=OutboundStatus.INFLIGHT)
    return list(idle.values_list("id", flat=True)[:TESTS])


def finish_sending(test_id: int, now: datetime) -> bool:
    """Once no envelope is left to send: the test waits for what was sent. False when there is more to do."""
    with transaction.atomic():
        test = SeedTest.objects.select_for_update().filter(pk=test_id, status=Status.SENDING).first()
        if test is None or test.outbounds.filter(status__in=_UNFINISHED).exists():
            return False
        _mark_unknown(test)
        test.sent_at = test.outbounds.aggregate(first=Min("accepted_at"))["first"]
        test.sent_at_source = SentAtSource.SERVICE if test.sent_at else ""
        test.status = Status.RECEIVING if test.first_arrival_at else Status.WAITING
        test.save(update_fields=["sent_at", "sent_at_source", "status"])
        test.raise_version()
        closing.refresh_deadlines(test, now)
    return True


def _mark_unknown(test: SeedTest) -> None:
    """Nobody knows whether these went out: they are looked for, and the report says so."""
    for outbound in test.outbounds.filter(status=OutboundStatus.UNKNOWN):
        envelopes.mark_unknown(test.pk, outbound.account_id, outbound.smtp_reply)


# --- the task


def send_batch(test_id: int, *, owner: str) -> int:
    """Send what is due of a test, session after session. Returns how many messages were accepted."""
    accepted = 0
    for _ in range(SESSIONS):
        claimed = envelopes.claim(test_id, limit=BATCH)
        if not claimed:
            break
        crashing.here(crashing.Place.AFTER_SEND_CLAIM)
        accepted += _send_claimed(test_id, claimed)
    finish_sending(test_id, db_now())
    logger.info("test %s: %s messages accepted, sent by %s", test_id, accepted, owner)
    return accepted


def _send_claimed(test_id: int, claimed: Sequence[Envelope]) -> int:
    try:
        batch = _prepare(test_id, claimed)
    except (Unsendable, SecretUnreadable, outgoing.MessageError) as error:
        envelopes.give_up_test(test_id, claimed, str(error))
        return 0
    sent = _run(batch)
    if sent:
        waking.wake([envelope.mailbox_id for envelope in sent], db_now())
    return len(sent)


def _prepare(test_id: int, claimed: Sequence[Envelope]) -> Batch:
    test = SeedTest.objects.select_related("sending_profile", "message").get(pk=test_id)
    marker = test.markers.filter(kind=MarkerKind.TOKEN.value).first()
    if test.sending_profile is None:
        raise Unsendable("The sending profile of this test was deleted. Open a new test with another one.")
    if test.message is None or marker is None:
        raise Unsendable("The message of this test was deleted. Open a new test with a message.")
    profile, raw = test.sending_profile, test.message.raw
    own_from = outgoing.address(profile.from_address) if profile.from_address else ""
    return_path = outgoing.address(profile.envelope_from or own_from or outgoing.sender_address(raw))
    letter = Letter(raw, marker.value, marker.in_body, own_from, return_path)
    return Batch(letter, _account(profile), tuple(claimed))


def _account(profile: SendingProfile) -> smtp.Account:
    return smtp.Account(
        host=profile.host,
        port=profile.port,
        tls=profile.tls,
        username=profile.username,
        password=profile.password.reveal(),
        ca_pem=profile.ca_pem,
    )


def _run(batch: Batch) -> list[Envelope]:
    """One session. Every envelope leaves it decided or queued again. Returns the accepted ones."""
    waiting, accepted = deque(batch.envelopes), list[Envelope]()
    connection.close()
    try:
        with smtp.Session(batch.account, seconds=settings.SESSION_DEADLINE) as session:
            while waiting and _may_go_on(session, first=len(waiting) == len(batch.envelopes)):
                if _send_one(session, batch.letter, waiting[0]):
                    accepted.append(waiting[0])
                waiting.popleft()
    except smtp.AccountRefused as error:
        envelopes.give_up_test(waiting[0].test_id, waiting, str(error), error)
    except smtp.SessionLost as error:
        _lost(batch, waiting, error)
    else:
        envelopes.release(waiting)
    return accepted


def _may_go_on(session: smtp.Session, *, first: bool) -> bool:
    """A message is not begun when there may be no time left for its answer; but one a session is."""
    return session.usable and (first or session.remaining() > settings.SESSION_DEADLINE / 3)


def _lost(batch: Batch, waiting: Sequence[Envelope], error: smtp.SessionLost) -> None:
    """A session that got something done may be opened again at once; one that did not has to wait."""
    if len(waiting) == len(batch.envelopes):
        envelopes.all_deferred(waiting, error)
        return
    envelopes.deferred(waiting[0], error)
    envelopes.release(list(waiting)[1:])


def _send_one(session: smtp.Session, letter: Letter, envelope: Envelope) -> bool:
    """True when the server took the message. Raises what ends the session."""
    message_id = letter.message_id(envelope)
    try:
        message = letter.for_seed(envelope, message_id)
        connection.close()
        reply = session.send(
            letter.return_path, envelope.recipient, message, before_data=lambda: _begin(envelope, message_id)
        )
    except outgoing.MessageError as error:
        envelopes.give_up([envelope], str(error))
    except (smtp.Deferred, smtp.Refused, smtp.AnswerLost) as error:
        _RECORD[type(error)](envelope, error)
    else:
        if reply is not None:
            crashing.here(crashing.Place.AFTER_DATA)
            return envelopes.accepted(envelope, reply)
        envelopes.release([envelope])
    return False


_RECORD: dict[type[smtp.SmtpError], Callable[[Envelope, smtp.SmtpError], None]] = {
    smtp.Deferred: envelopes.deferred,
    smtp.Refused: envelopes.refused,
    smtp.AnswerLost: envelopes.answer_lost,
}


def _begin(envelope: Envelope, message_id: str) -> bool:
    may_send = envelopes.begin_data(envelope, message_id)
    connection.close()
    crashing.here(crashing.Place.BEFORE_DATA)
    return may_send
