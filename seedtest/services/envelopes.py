"""One row an envelope: claiming it, and what each answer of the SMTP server does to it and to its seed's result.

Every write is fenced by the claim: a process that was frozen longer than its lease changes nothing when it wakes.
Locks are taken in one order everywhere: the test, its envelopes, its results.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from placement.vocabulary import Placement, Reason
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.models.seedtests import Dispatch, SeedResult, SeedTest, Status
from seedtest.models.sending import Outbound, OutboundStatus
from seedtest.services import smtp

#: Waits after the first, second … temporary failure of an envelope; after the last one it is given up.
BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800))
#: Attempts that only lost claims can add up to: this envelope ends the process that sends it.
DEADLY_ATTEMPTS = len(BACK_OFF) + 4
DEADLY = "The sending process ended without an answer again and again, so this envelope is not tried any more."
WAITING = Placement.WAITING.value

Answer = smtp.Reply | smtp.SmtpError


@dataclass(frozen=True, slots=True)
class Envelope:
    """One claimed envelope."""

    test_id: int
    claim: claims.SendClaim
    account_id: int
    mailbox_id: int
    recipient: str
    attempts: int  # this one included

    @property
    def is_worn(self) -> bool:
        """It had its last try."""
        return self.attempts > len(BACK_OFF)


def claim(test_id: int, *, limit: int) -> list[Envelope]:
    """Lease envelopes of a test that are due. One that killed its process too often is given up here."""
    with transaction.atomic():
        lease = timedelta(seconds=settings.LEASE_SECONDS)
        taken = claims.claim_outbound(db_now(), test_id=test_id, limit=limit, lease=lease)
        by_id = {claim.outbound_id: claim for claim in taken}
        rows = Outbound.objects.filter(pk__in=by_id).select_related("account__mailbox").order_by("pk")
        envelopes = [_envelope(row, by_id[row.pk]) for row in rows]
    deadly = [envelope for envelope in envelopes if envelope.attempts > DEADLY_ATTEMPTS]
    give_up(deadly, DEADLY)
    return [envelope for envelope in envelopes if envelope not in deadly]


def _envelope(row: Outbound, claim: claims.SendClaim) -> Envelope:
    mailbox = row.account.mailbox
    return Envelope(row.test_id, claim, row.account_id, mailbox.pk, mailbox.address, row.attempts)


def begin_data(envelope: Envelope, message_id: str) -> bool:
    """Committed before DATA goes out: a process that dies after this leaves `unknown`, never a second copy.

    False when the claim was lost or the test was cancelled: nothing may be sent.
    """
    with transaction.atomic():
        if not claims.mark_data_started(envelope.claim, db_now()):
            return False
        Outbound.objects.filter(pk=envelope.claim.outbound_id).update(message_id=message_id[:250])
    return True


def accepted(envelope: Envelope, reply: smtp.Reply) -> bool:
    with transaction.atomic():
        now = db_now()
        done = _settle(envelope, OutboundStatus.SENT, reply, accepted_at=now)
        if done:
            # Whatever its placement: the message may have been seen in its folder before the answer came.
            _results(envelope.test_id, [envelope.account_id]).update(dispatch=Dispatch.CONFIRMED, dispatched_at=now)
    return done


def refused(envelope: Envelope, error: smtp.SmtpError) -> None:
    """A 5xx for this recipient: it counts against the sender."""
    with transaction.atomic():
        if _settle(envelope, OutboundStatus.FAILED, error):
            _decide(envelope.test_id, [envelope.account_id], Placement.REJECTED, Reason.REJECTED_AT_SMTP, str(error))


def answer_lost(envelope: Envelope, error: smtp.SmtpError) -> None:
    """The message may be out: the seed is still looked into, and nothing is sent again."""
    with transaction.atomic():
        if _settle(envelope, OutboundStatus.UNKNOWN, error):
            mark_unknown(envelope.test_id, envelope.account_id, str(error))


def mark_unknown(test_id: int, account_id: int, words: str) -> None:
    _results(test_id, [account_id]).filter(placement=WAITING).update(
        dispatch=Dispatch.UNKNOWN, reason=Reason.SMTP_UNKNOWN.value, detail=words
    )


def deferred(envelope: Envelope, error: smtp.SmtpError) -> None:
    """A temporary failure: again after a while, at last given up."""
    if envelope.is_worn:
        give_up([envelope], f"Given up after {envelope.attempts} attempts. {error}", error)
        return
    with transaction.atomic():
        again = db_now() + BACK_OFF[envelope.attempts - 1] * settings.PACE
        _settle(envelope, OutboundStatus.QUEUED, error, next_attempt_at=again)


def all_deferred(envelopes: Sequence[Envelope], error: smtp.SmtpError) -> None:
    """The session never came to work: as `deferred`, for whatever else of the test would have been next, too."""
    if any(envelope.is_worn for envelope in envelopes):
        words = f"Given up after {envelopes[0].attempts} attempts. {error}"
        give_up_test(envelopes[0].test_id, envelopes, words, error)
        return
    for envelope in envelopes:
        deferred(envelope, error)
    attempts = max(envelope.attempts for envelope in envelopes)
    with transaction.atomic():
        now = db_now()
        due = Outbound.objects.filter(test_id=envelopes[0].test_id, status=OutboundStatus.QUEUED)
        due.filter(next_attempt_at__lte=now).update(
            attempts=attempts, next_attempt_at=now + BACK_OFF[attempts - 1] * settings.PACE
        )


def release(envelopes: Iterable[Envelope]) -> None:
    """Their turn did not come: queued again without counting an attempt."""
    for envelope in envelopes:
        with transaction.atomic():
            now = db_now()
            if _lock(envelope.test_id).status != Status.SENDING:
                words = "The test was cancelled before sending."
                _ours(envelope).update(status=OutboundStatus.FAILED, smtp_stage="cancelled", smtp_reply=words)
            _ours(envelope).update(
                status=OutboundStatus.QUEUED, attempts=F("attempts") - 1, next_attempt_at=now, inflight_until=None
            )


def give_up(envelopes: Sequence[Envelope], words: str, error: smtp.SmtpError | None = None) -> None:
    """These are not sent, and their seeds say so."""
    for envelope in envelopes:
        with transaction.atomic():
            if _settle(envelope, OutboundStatus.FAILED, error, words=words):
                _decide(envelope.test_id, [envelope.account_id], Placement.NOT_SENT, Reason.SMTP_GAVE_UP, words)


def give_up_test(test_id: int, envelopes: Sequence[Envelope], words: str, error: smtp.SmtpError | None = None) -> None:
    """It is our account that does not work: nothing more of the test is sent, nothing counts against the sender."""
    give_up(envelopes, words, error)
    with transaction.atomic():
        _lock(test_id)
        queued = Outbound.objects.filter(test_id=test_id, status=OutboundStatus.QUEUED)
        accounts = list(queued.values_list("account_id", flat=True))
        queued.update(status=OutboundStatus.FAILED, **_columns(error, words))
        _decide(test_id, accounts, Placement.NOT_SENT, Reason.SMTP_GAVE_UP, words)


def _settle(
    envelope: Envelope, status: OutboundStatus, answer: Answer | None, *, words: str = "", **values: Any
) -> bool:
    """Compare-and-set; False when the claim is not ours any more."""
    test = _lock(envelope.test_id)
    changed = _ours(envelope).update(status=status, inflight_until=None, **_columns(answer, words), **values)
    test.raise_version()
    return bool(changed)


def _lock(test_id: int) -> SeedTest:
    return SeedTest.objects.select_for_update().get(pk=test_id)


def _ours(envelope: Envelope) -> QuerySet[Outbound]:
    claim = envelope.claim
    return Outbound.objects.filter(pk=claim.outbound_id, claim_epoch=claim.epoch, status=OutboundStatus.INFLIGHT)


def _columns(answer: Answer | None, words: str) -> dict[str, Any]:
    """The answer as it is kept. Without one the words stand for it."""
    if answer is None:
        return {"smtp_stage": "", "smtp_code": None, "smtp_reply": words}
    if isinstance(answer, smtp.Reply):
        return {"smtp_stage": smtp.Stage.DATA.value, "smtp_code": answer.code, "smtp_reply": answer.text}
    reply = answer.reply
    text = reply.text if reply else str(answer)
    return {"smtp_stage": answer.stage.value, "smtp_code": _code(reply), "smtp_reply": text}


def _code(reply: smtp.Reply | None) -> int | None:
    return reply.code if reply and reply.code > 0 else None


def _results(test_id: int, account_ids: Sequence[int]) -> QuerySet[SeedResult]:
    return SeedResult.objects.filter(test_id=test_id, seed_account_id__in=account_ids)


def _decide(test_id: int, account_ids: Sequence[int], placement: Placement, reason: Reason, words: str) -> None:
    _results(test_id, account_ids).filter(placement=WAITING).update(
        placement=placement.value, reason=reason.value, detail=words, decided_at=db_now()
    )
