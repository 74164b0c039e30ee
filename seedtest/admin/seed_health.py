"""How the seeds are: a badge in lists, and a page for each that says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.decorators import display

from seedtest.admin import tenancy, words
from seedtest.admin.badges import badge
from seedtest.admin.words import Badge
from seedtest.models import Mailbox, OAuthCredential, SeedAccount, SeedHealth, Workspace
from seedtest.models.clock import db_now
from seedtest.models.seed_health import HealthState
from seedtest.reports.seed_words import STATES, Told, Weight, tell
from seedtest.services import seed_watch
from seedtest.services.seed_health import inactive_limit

BADGES: Mapping[str, Badge] = {
    HealthState.NEW: Badge("Not checked yet", "quiet"),
    HealthState.HEALTHY: Badge("Healthy", "good"),
    HealthState.DEGRADED: Badge("Degraded", "warn"),
    HealthState.NEEDS_SIGN_IN: Badge("Needs sign-in", "bad"),
    HealthState.QUARANTINED: Badge("Quarantined", "bad"),
    HealthState.OFF: Badge("Switched off", "quiet"),
}
_TONES = {Weight.EXCLUDES: "high", Weight.DEGRADES: "medium", Weight.NOTE: "info"}


@dataclass(frozen=True, slots=True)
class Noticed:
    """One seed with something to do, for the home page."""

    seed: SeedAccount
    state: Badge
    told: Told
    more: int
    url: str


def noticed(workspace: Workspace, *, most: int = 10) -> list[Noticed]:
    """Seeds with a problem, the excluded ones first."""
    rows = SeedHealth.objects.filter(seed_account__workspace=workspace).exclude(problems=[])
    rows = rows.exclude(state=HealthState.OFF).select_related("seed_account__mailbox")
    found = [
        _noticed(row, told)
        for row in rows.order_by("-excluded", "state", "pk")[:most]
        if (told := tell(row.problems, lent=row.seed_account.is_lent))
    ]
    return found


def _noticed(row: SeedHealth, told: tuple[Told, ...]) -> Noticed:
    seed = row.seed_account
    return Noticed(seed, BADGES[row.state], told[0], len(told) - 1, health_url(seed))


def health_url(seed: SeedAccount) -> str:
    return reverse("admin:seedtest_seedaccount_health", args=[seed.public_id])


class HealthPages:
    """What the section of seed accounts shows of their health."""

    @display(description="Health", ordering="health__state")
    def how_it_is(self, row: SeedAccount) -> str:
        known = getattr(row, "health", None)
        shown = badge(BADGES[known.state]) if known else badge(words.MAILBOX_STATES[row.mailbox.state])
        told = tell(known.problems, lent=row.is_lent) if known else ()
        note = format_html("<small class='st-block st-quiet'>{}</small>", told[0].title) if told else ""
        return format_html('<a href="{}">{}{}</a>', health_url(row), shown, note)

    def health_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        return [
            path("<path:object_id>/health/", wrap(self.health_view), name="seedtest_seedaccount_health"),
            path("<path:object_id>/web-login/", wrap(self.web_login_view), name="seedtest_seedaccount_web_login"),
        ]

    def health_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        seed = self.get_object(request, object_id)  # type: ignore[attr-defined]
        known = getattr(seed, "health", None)
        told = tell(known.problems, lent=seed.is_lent) if known else ()
        return self.page(  # type: ignore[attr-defined, no-any-return]
            request, "seed_health.html", f"Health of {seed.mailbox.address}", seed=seed, health=known,
            state=BADGES[known.state] if known else words.MAILBOX_STATES[seed.mailbox.state],
            means=STATES[known.state] if known else STATES[HealthState.NEW],
            problems=[(one, _TONES[one.weight]) for one in told], facts=facts(seed, known),
            own=not seed.is_lent, limit=inactive_limit(seed.mailbox.catalog_entry)[0],
        )  # fmt: skip

    def web_login_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        seed = self.get_object(request, object_id)  # type: ignore[attr-defined]
        own = not seed.is_lent or tenancy.role(request) in tenancy.OPERATORS
        if request.method != "POST" or not own or not self.has_change_permission(request, seed):  # type: ignore[attr-defined]
            raise PermissionDenied
        seed_watch.note_web_login(seed.mailbox, now=db_now())
        messages.success(request, "Noted. We remind you before the provider's limit comes near again.")
        return HttpResponseRedirect(health_url(seed))


def facts(seed: SeedAccount, health: SeedHealth | None) -> list[tuple[str, Any]]:
    """(what, value) of everything that is known; moments stay moments for the template."""
    mailbox = seed.mailbox
    rows: list[tuple[str, Any]] = [
        ("Last read", mailbox.last_good_poll_at or "never"),
        ("Looks failed in a row", mailbox.fail_count + mailbox.auth_fail_count),
        ("Not tried again before", _later(mailbox.backoff_until, mailbox.auth_backoff_until)),
        ("Storage used", _share(mailbox.quota_used)),
        ("Of the messages that IMAP shows", _share(mailbox.window_used)),
    ]
    signed_in = [] if seed.is_lent else _signed_in(mailbox)
    return [(name, value) for name, value in [*rows, *signed_in, *_judged(health)] if value is not None]


def _signed_in(mailbox: Mailbox) -> list[tuple[str, Any]]:
    """Nobody's business but the owner's."""
    token = OAuthCredential.objects.filter(mailbox=mailbox).first()
    return [
        ("Last web login", mailbox.web_login_at or "not noted"),
        ("Connected by a person", token.connected_at if token else None),
        ("Its token ends (renewed by itself)", token.expires_at if token else None),
    ]


def _judged(health: SeedHealth | None) -> list[tuple[str, Any]]:
    if health is None:
        return []
    agreed = f"{health.agreement:.0%} of {health.agreement_n} tests" if health.agreement is not None else None
    return [
        ("Newest message", health.newest_message_at),
        ("Stands with most of its siblings in", agreed),
        ("Last control message", health.control_seen_at),
        ("The control went to", health.control_placement or None),
        ("In this state since", health.since),
        ("Judged", health.checked_at),
    ]


def _later(*moments: datetime | None) -> datetime | None:
    return max((one for one in moments if one), default=None)


def _share(used: float | None) -> str | None:
    return None if used is None else f"{used:.0%}"
