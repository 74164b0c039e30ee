"""The tick that keeps the health of every seed: gathers facts, has them judged, writes what changed, says so once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, When

from placement.errors import CatalogError
from placement.providers import Tabs
from seedtest.models import Arrival, Mailbox, OAuthCredential, SeedAccount, SeedHealth, SeedResult, SeedTest
from seedtest.models.mailboxes import MailboxState
from seedtest.models.seed_health import HealthState
from seedtest.models.seedtests import Kind
from seedtest.reports.seed_words import Weight, tell
from seedtest.services import exporting, publishing, seed_comparing
from seedtest.services.seed_health import Facts, Judgement, inactive_limit, judge, sign_in_words

logger = logging.getLogger(__name__)

#: Seeds judged in one tick, and how long a judgement stands unless its mailbox changes meanwhile.
BATCH, STANDS = 100, timedelta(minutes=10)
_OUT: Final = (HealthState.QUARANTINED, HealthState.NEEDS_SIGN_IN)
_ENTERED: Final = {HealthState.NEEDS_SIGN_IN: "seed.auth_failed", HealthState.QUARANTINED: "seed.quarantined"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the other rows say of a batch of seeds, by mailbox."""

    newest: Mapping[int, datetime]
    tests_today: Mapping[int, Mapping[int, int]]  # mailbox → workspace → tests
    token_errors: Mapping[int, str]  # the token endpoint's words


def watch(now: datetime) -> int:
    """The tick. Returns how many seeds were judged."""
    seed_comparing.compare_next(now)
    accounts = _due(now)
    around = _surroundings(accounts, now)
    with transaction.atomic():
        settled = [account.pk for account in accounts if _watch_one(account, around, now)]
        SeedHealth.objects.filter(seed_account__in=settled).update(checked_at=now)
    for workspace in {account.workspace_id: account.workspace for account in accounts}.values():
        exporting.refresh(workspace, now)
    return len(accounts)


def note_web_login(mailbox: Mailbox, *, now: datetime) -> None:
    """A person has used the web pages of the mailbox: its provider's clock begins anew."""
    Mailbox.objects.filter(pk=mailbox.pk).update(web_login_at=now)
    SeedHealth.objects.filter(seed_account__mailbox=mailbox).update(checked_at=now - STANDS)


def _due(now: datetime) -> list[SeedAccount]:
    """Those whose mailbox has failed or come back before all others; then those judged longest ago."""
    refused = Q(mailbox__state=MailboxState.NEEDS_SIGN_IN) & ~Q(health__state=HealthState.NEEDS_SIGN_IN)
    crashed = Q(mailbox__state=MailboxState.QUARANTINED) & ~Q(health__state=HealthState.QUARANTINED)
    back = Q(mailbox__state=MailboxState.HEALTHY, health__state__in=_OUT)
    at_once = Q(enabled=True) & (refused | crashed | back)
    due = Q(health=None) | Q(health__checked_at__lte=now - STANDS) | at_once
    rows = SeedAccount.objects.filter(due).select_related("mailbox", "workspace", "health")
    first = Case(When(at_once, then=0), default=1)
    chosen = list(rows.order_by(first, F("health__checked_at").asc(nulls_first=True), "pk")[:BATCH])
    return _with_health(chosen, now)


def _with_health(accounts: Sequence[SeedAccount], now: datetime) -> list[SeedAccount]:
    """A seed that nobody has judged gets its row first, so that every judgement is a compare-and-set."""
    new = [one for one in accounts if not hasattr(one, "health")]
    SeedHealth.objects.bulk_create(
        [SeedHealth(seed_account=one, since=now, checked_at=now - STANDS) for one in new], ignore_conflicts=True
    )
    rows = {row.seed_account_id: row for row in SeedHealth.objects.filter(seed_account__in=[one.pk for one in new])}
    for one in new:
        if one.pk in rows:
            one.health = rows[one.pk]
    return [one for one in accounts if hasattr(one, "health")]


def _watch_one(account: SeedAccount, around: Surroundings, now: datetime) -> bool:
    """True when nothing has changed, or nothing can be said; what has changed is written here."""
    try:
        facts = _facts(account, around)
    except CatalogError as error:
        logger.error("seed %s cannot be judged: %s", account.public_id, error)
        return True
    found = judge(facts, now=now, quarantine_after=timedelta(days=settings.QUARANTINE_AFTER_DAYS))
    values = _values(found, around.newest.get(account.mailbox_id))
    before: SeedHealth = account.health
    if all(getattr(before, name) == value for name, value in values.items()):
        return True
    if before.state != found.state:
        values["since"] = now
    mine = SeedHealth.objects.filter(pk=before.pk, checked_at=before.checked_at)
    if mine.update(**values, checked_at=now):
        _tell(account, before, found, now)
    return False


def _values(found: Judgement, newest: datetime | None) -> dict[str, object]:
    return {
        "state": found.state.value, "problems": found.stored(), "excluded": found.excluded, "full": found.full,
        "newest_message_at": newest,
    }  # fmt: skip


def _tell(account: SeedAccount, before: SeedHealth, found: Judgement, now: datetime) -> None:
    """One event a change, for alerts. Its key is of what it changes: two ticks that saw the same tell it once."""
    state = found.state
    kind = _ENTERED.get(state)
    if kind is None and before.state in _OUT and state in (HealthState.HEALTHY, HealthState.DEGRADED):
        kind = "seed.recovered"
    if kind and before.state != state:
        codes = [problem.value for problem, _ in found.problems]
        body = {"state": state.value, "was": before.state, "problems": codes}
        _emit(account, kind, before.since, body, now)
    if state != HealthState.OFF:
        _tell_warnings(account, before, found, now)


def _tell_warnings(account: SeedAccount, before: SeedHealth, found: Judgement, now: datetime) -> None:
    """Whatever excludes no seed: it fills up, a web login is due, it is biased, it is not on the list …"""
    was = {one[0]: one for one in before.problems}
    found_now = {one[0]: one for one in found.stored()}
    for code in sorted(was.keys() ^ found_now.keys()):
        for told in tell([found_now.get(code) or was[code]], lent=account.is_lent):
            if told.weight is not Weight.EXCLUDES:
                body = {
                    "problem": code, "appeared": code in found_now, "title": told.title, "next_step": told.next_step,
                    "state": found.state.value,
                }  # fmt: skip
                _emit(account, "seed.warning", before.checked_at, body, now, code)


def _emit(
    account: SeedAccount, kind: str, since: datetime, body: Mapping[str, object], now: datetime, about: str = ""
) -> None:
    key = ":".join(filter(None, (kind, account.public_id, about, since.isoformat())))
    named = {
        "seed": account.public_id, "email": account.mailbox.address, "provider": account.mailbox.provider,
    }  # fmt: skip
    publishing.emit(account.workspace, kind, key, named | dict(body), now=now)


def _facts(account: SeedAccount, around: Surroundings) -> Facts:
    """Of a mailbox that is lent to us we know our own tests, and whether it can be used."""
    mailbox, health, lent = account.mailbox, account.health, account.is_lent
    tests = around.tests_today.get(mailbox.pk, {})
    limit, guessed = inactive_limit(mailbox.catalog_entry)
    return Facts(
        mailbox_state=mailbox.state,
        enabled=account.enabled,
        sign_in=sign_in_words(account),
        state_reason=mailbox.state_reason,
        known_since=mailbox.created_at,
        last_good_poll_at=mailbox.last_good_poll_at,
        last_failed_poll_at=mailbox.last_failed_poll_at,
        failures=mailbox.fail_count + mailbox.auth_fail_count,
        quota_used=mailbox.quota_used,
        window_used=mailbox.window_used,
        token_error="" if lent else around.token_errors.get(mailbox.pk, ""),
        web_login_at=mailbox.web_login_at,
        inactive_days=None if lent else limit,
        inactive_guessed=guessed,
        archives=mailbox.catalog_entry.tabs is Tabs.GMAIL,
        tests_today=tests.get(account.workspace_id, 0) if lent else sum(tests.values()),
        odd_folders=("another folder",) * bool(health.odd_folders) if lent else tuple(health.odd_folders),
        vanished=(health.vanished[0], health.vanished[1]) if health.vanished else (0, 0),
        agreement=health.agreement,
        agreement_n=health.agreement_n,
        biased=health.biased,
        control_misses=health.control_misses,
        not_on_list=tuple(health.not_on_list),
    )


def _surroundings(accounts: Sequence[SeedAccount], now: datetime) -> Surroundings:
    mailboxes = [account.mailbox_id for account in accounts]
    errors = OAuthCredential.objects.filter(mailbox__in=mailboxes).exclude(last_error="")
    return Surroundings(
        newest=_newest(mailboxes),
        tests_today=_tests_today(mailboxes, now),
        token_errors=dict(errors.values_list("mailbox_id", "last_error")),
    )


def _newest(mailboxes: Sequence[int]) -> dict[int, datetime]:
    """Not of mailboxes lent to others: when their mail comes is nobody else's business."""
    own = Mailbox.objects.filter(pk__in=mailboxes).annotate(lent=Count("seed_accounts__workspace", distinct=True))
    newest = Arrival.objects.filter(mailbox=OuterRef("pk"), gone_at=None).order_by("-id").values("internaldate")[:1]
    rows = own.filter(lent=1).order_by().values_list("pk").annotate(at=Subquery(newest))
    return {mailbox: at for mailbox, at in rows if at is not None}


def _tests_today(mailboxes: Sequence[int], now: datetime) -> dict[int, dict[int, int]]:
    today = SeedTest.objects.filter(created_at__gt=now - timedelta(days=1), kind=Kind.PLACEMENT)
    rows = SeedResult.objects.filter(mailbox__in=mailboxes, test__in=today.values("pk")).order_by()
    counts: dict[int, dict[int, int]] = {}
    for mailbox, workspace, count in rows.values_list("mailbox_id", "test__workspace_id").annotate(count=Count("pk")):
        counts.setdefault(mailbox, {})[workspace] = count
    return counts
