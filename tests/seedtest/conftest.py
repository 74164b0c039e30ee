"""The cast of every story about the service: who works here, who must see nothing, and rows to begin with."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from placement.vocabulary import MarkerKind
from seedtest import models
from seedtest.models.clock import db_now
from seedtest.models.people import Scope
from tests.seedtest.post_office import PostOffice, opened

_number = itertools.count(1)
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Cast:
    """`owner` and `teammate` share `workspace`; `stranger` owns `elsewhere` and nothing else."""

    workspace: models.Workspace
    owner: models.User
    teammate: models.User
    elsewhere: models.Workspace
    stranger: models.User


def _person(name: str, workspace: models.Workspace, role: str) -> models.User:
    user = models.User.objects.create_user(f"{name}@people.example", PASSWORD, name=name.title())
    models.Membership.objects.create(user=user, workspace=workspace, role=role)
    return user


@pytest.fixture
def cast(db: None) -> Cast:
    workspace = models.Workspace.objects.create(name="Acme", timezone="Europe/Berlin")
    elsewhere = models.Workspace.objects.create(name="Elsewhere")
    return Cast(
        workspace=workspace,
        owner=_person("olga", workspace, "owner"),
        teammate=_person("theo", workspace, "marketer"),
        elsewhere=elsewhere,
        stranger=_person("sten", elsewhere, "owner"),
    )


@pytest.fixture
def now(db: None) -> datetime:
    return db_now()


def _make_seed(
    workspace: models.Workspace,
    provider: str = "gmail",
    address: str = "",
    *,
    mailbox: models.Mailbox | None = None,
    region: str = "",
    mailbox_type: str = "consumer",
    **fields: Any,
) -> models.SeedAccount:
    """A seed account; `fields` go to its mailbox. `mailbox`: use that one instead of a new one."""
    address = address or f"seed{next(_number)}@{provider.replace('_', '-')}.example"
    if mailbox is None:
        values = {"workspace": workspace, "host": "127.0.0.1", "login": address, "secret": "mailbox password"} | fields
        mailbox = models.Mailbox.objects.create(address=address, provider=provider, **values)
    return models.SeedAccount.objects.create(
        workspace=workspace, mailbox=mailbox, region=region, mailbox_type=mailbox_type
    )


def _make_test(
    workspace: models.Workspace,
    seeds: Sequence[models.SeedAccount] = (),
    *,
    token: str = "",
    now: datetime | None = None,
    dispatch: str = "assumed",
    **fields: Any,
) -> models.SeedTest:
    """An open test with a waiting result a seed and a minted marker, its rows written straight into the tables."""
    now = now or db_now()
    values: dict[str, Any] = {"name": f"Test {next(_number)}", "window_starts_at": now, "created_at": now}
    values["start_by"] = now + timedelta(hours=24)
    test = models.SeedTest.objects.create(workspace=workspace, **(values | fields))
    for seed in seeds:
        models.SeedResult.objects.create(
            test=test, seed_account=seed, mailbox=seed.mailbox, provider=seed.mailbox.provider,
            mailbox_type=seed.mailbox_type, region=seed.region, dispatch=dispatch, deadline_at=test.deadline_at,
        )  # fmt: skip
    models.Marker.objects.create(
        workspace=workspace, test=test, kind=MarkerKind.TOKEN.value,
        value=token or f"{next(_number):026d}", valid_from=now, valid_until=now + timedelta(days=30),
    )  # fmt: skip
    return test


@pytest.fixture
def make_seed(db: None) -> Callable[..., models.SeedAccount]:
    return _make_seed


@pytest.fixture
def make_test(db: None) -> Callable[..., models.SeedTest]:
    return _make_test


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A post office in the clear, which takes everything it is not told to refuse."""
    with opened(PostOffice()) as office:
        yield office


NEWSLETTER = b"""From: "Acme News" <news@acme.example>
To: list@acme.example
Subject: The spring sale
Message-ID: <exported@acme.example>
Date: Mon, 2 Mar 2026 09:00:00 +0100
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Everything must go.
"""


def _send_test(
    workspace: models.Workspace,
    seeds: Sequence[models.SeedAccount],
    port: int,
    *,
    raw: bytes = NEWSLETTER,
    now: datetime | None = None,
    **profile: Any,
) -> models.SeedTest:
    """A test that waits to be sent by us through the server at `port`, an envelope a seed."""
    values = {"host": "127.0.0.1", "port": port, "tls": "none", "name": f"Relay {next(_number)}"} | profile
    account = models.SendingProfile.objects.create(workspace=workspace, **values)
    message = models.OutgoingMessage(workspace=workspace, subject="The spring sale", from_address="news@acme.example")
    message.raw = raw
    message.save()
    test = _make_test(
        workspace, seeds, now=now, dispatch="unknown",
        mode="service", status="sending", sending_profile=account, message=message,
    )  # fmt: skip
    for seed in seeds:
        models.Outbound.objects.create(test=test, account=seed, next_attempt_at=test.created_at)
    return test


@pytest.fixture
def send_test(db: None) -> Callable[..., models.SeedTest]:
    return _send_test


@dataclass(frozen=True)
class Caller:
    """Somebody who calls the API with one key, in JSON."""

    token: str
    base: str = "/api/v1"

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.send("get", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> HttpResponse:
        return self.send("post", path, body, **headers)

    def patch(self, path: str, body: object = None, **headers: str) -> HttpResponse:
        return self.send("patch", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.send("delete", path, **headers)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> HttpResponse:
        """`idempotency_key="x"` becomes the header Idempotency-Key."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        content = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        address = path if path.startswith("/api") else self.base + path
        return getattr(Client(raise_request_exception=False), method)(address, headers=sent, **content)


@pytest.fixture
def caller(db: None) -> Callable[..., Caller]:
    """`caller(workspace)` has every scope; `scopes=[…]` names fewer."""

    def make(workspace: models.Workspace, scopes: Sequence[str] = tuple(Scope.values)) -> Caller:
        return Caller(models.ApiKey.mint(workspace=workspace, name="Test key", scopes=scopes)[1])

    return make


@pytest.fixture
def ours(cast: Cast, caller: Callable[..., Caller]) -> Caller:
    return caller(cast.workspace)


@pytest.fixture
def theirs(cast: Cast, caller: Callable[..., Caller]) -> Caller:
    """The stranger, with every scope in a workspace of their own."""
    return caller(cast.elsewhere)


@pytest.fixture
def recurring(cast: Cast, make_seed: Callable[..., models.SeedAccount], now: datetime) -> models.Schedule:
    """A schedule of the cast's workspace, with its seed list, sending profile and message."""
    seed_list = models.SeedList.objects.create(workspace=cast.workspace, name="Core")
    seed_list.seed_accounts.add(make_seed(cast.workspace))
    profile = models.SendingProfile.objects.create(
        workspace=cast.workspace, name="Postfix", host="smtp.acme.example", password="smtp password"
    )
    message = models.OutgoingMessage(workspace=cast.workspace, subject="Spring", from_address="news@acme.example")
    message.raw = b"From: news@acme.example\r\nSubject: Spring\r\n\r\nHello\r\n"
    message.save()
    return models.Schedule.objects.create(
        workspace=cast.workspace, name="Daily", cron="0 9 * * *", seed_list=seed_list, sending_profile=profile,
        message=message, next_run_at=now + timedelta(hours=1),
    )  # fmt: skip
