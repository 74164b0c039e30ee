"""The home page: what runs, what came out last, which mailboxes need a person, and what to do first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from placement.diagnosis import REASONS
from placement.vocabulary import Reason
from seedtest.admin import tenancy, words
from seedtest.admin.seed_health import Noticed, noticed
from seedtest.admin.seedtests import test_url, with_counts
from seedtest.models import Mailbox, SeedAccount, SeedList, SeedTest, Workspace
from seedtest.models.clock import db_now
from seedtest.models.seedtests import ENDED_STATUSES
from seedtest.services import tray


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first things to do."""

    done: bool
    title: str
    text: str
    url: str
    button: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    workspace = tenancy.current(request)
    context |= {"title": "Home", "workspace": workspace, "role": tenancy.role(request)}
    if workspace is None:
        return context
    tests = with_counts(SeedTest.objects.measured().filter(workspace=workspace)).select_related("workspace")
    ended = tests.filter(status__in=ENDED_STATUSES).order_by("-created_at")
    return context | {
        "can_write": tenancy.role(request) in tenancy.WRITERS,
        "running": [_line(test) for test in tests.open().order_by("-created_at")[:10]],
        "ended": [_line(test) for test in ended[:8]],
        "attention": [_attention(mailbox) for mailbox in _ailing(workspace)[:10]],
        "seeds_noticed": _noticed(workspace),
        "seed_count": SeedAccount.objects.usable().filter(workspace=workspace).count(),
        "tray_count": len(tray.groups(workspace, now=db_now())),
        "steps": list(_steps(workspace)),
    }


def _line(test: Any) -> dict[str, Any]:
    return {"test": test, "url": test_url(test), "state": words.TEST_STATES[test.status]}


def _ailing(workspace: Workspace) -> Any:
    return Mailbox.objects.filter(workspace=workspace, state__in=words.NEEDS_ATTENTION).order_by("state", "address")


def _noticed(workspace: Workspace) -> list[Noticed]:
    """Not twice: mailboxes that need a person are named already."""
    ailing = set(_ailing(workspace).values_list("pk", flat=True))
    return [one for one in noticed(workspace, most=30) if one.seed.mailbox_id not in ailing][:10]


def _attention(mailbox: Mailbox) -> dict[str, Any]:
    said = REASONS[Reason(mailbox.state_reason)] if mailbox.state_reason else None
    return {
        "mailbox": mailbox,
        "state": words.MAILBOX_STATES[mailbox.state],
        "title": said.title if said else "",
        "next": said.what_next if said else "Run “Check connection” to see what is wrong.",
        "url": reverse("admin:seedtest_mailbox_check", args=[mailbox.public_id]),
        "edit_url": reverse("admin:seedtest_mailbox_change", args=[mailbox.pk]),
    }


def _steps(workspace: Workspace) -> Iterator[Step]:
    """Nothing when all is done: then the page is about tests."""
    has_seeds = SeedAccount.objects.filter(workspace=workspace).exists()
    has_list = SeedList.objects.filter(workspace=workspace, members__isnull=False).exists()
    has_test = SeedTest.objects.filter(workspace=workspace).exists()
    if has_seeds and has_test:
        return
    yield Step(
        has_seeds, "Add seed accounts", "Mailboxes of yours at Gmail, Outlook, Yahoo … that test messages go to.",
        reverse("admin:seedtest_seedaccount_add"), "Add a seed account",
    )  # fmt: skip
    yield Step(
        has_list, "Put them on a seed list", "So that you can copy the same addresses into your ESP every time.",
        reverse("admin:seedtest_seedlist_add"), "Make a seed list",
    )  # fmt: skip
    yield Step(
        has_test, "Start your first seed test", "Send a campaign to the seeds and see where it lands.",
        reverse("admin:seedtest_seedtest_add"), "New seed test",
    )  # fmt: skip
