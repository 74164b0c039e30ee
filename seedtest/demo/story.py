"""One real seed test through the service's own API: open it, follow it, hand over the report."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seedtest.demo import cast
from seedtest.demo.stage import DIRECT, Stage
from seedtest.services import outgoing

#: Far beyond what it takes (a minute): a machine that needs longer has another problem.
PATIENCE_SECONDS = 240.0
#: Answers that mean "not now": the same key is at work, too many requests, the database is busy.
TRY_AGAIN = frozenset({409, 429, 503})
BUSY_TRIES = 10
Body = dict[str, Any]


class NoMessage(Exception):
    """The file cannot be sent as a message. The text says why."""


class Refused(Exception):
    """The service did not do what was asked. The text holds its own words."""


class Busy(Refused):
    """The service asks to try again, or could not be reached just now."""


class NotCompleted(Exception):
    """The test ended without a result, or not in time."""


@dataclass(frozen=True, slots=True)
class Letter:
    """The message to measure."""

    name: str
    raw: bytes = field(repr=False)
    return_path: str


@dataclass(frozen=True, slots=True)
class Api:
    """The service's API, as any other program would use it."""

    url: str
    key: str = field(repr=False)

    def get(self, path: str) -> Body:
        return self._answer(urllib.request.Request(f"{self.url}/api/v1{path}", headers=self._headers()))

    def post(self, path: str, body: Body, *, once: str) -> Body:
        """`once` makes it safe to try again: the service answers a repeated key with its first answer."""
        headers = self._headers() | {"Content-Type": "application/json", "Idempotency-Key": once}
        data = json.dumps(body).encode()
        return self._answer(urllib.request.Request(f"{self.url}/api/v1{path}", data=data, headers=headers))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _answer(self, request: urllib.request.Request) -> Body:
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                kind = Busy if error.code in TRY_AGAIN else Refused
                raise kind(_words(request, error)) from error
        except (OSError, http.client.HTTPException) as error:
            raise Busy(f"{request.full_url} could not be asked: {error}") from error


def _words(request: urllib.request.Request, error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        details = [f"{one['pointer']}: {one['detail']}" for one in problem.get("errors", [])]
        told = " ".join([str(problem.get("detail", "")), *details])
    except (ValueError, KeyError, TypeError):
        told = "without a reason that can be read"
    return f"{request.get_method()} {request.selector} was answered {error.code}: {told.strip()}"


def read_letter(eml: str) -> Letter:
    """The message in this file; the shipped newsletter where `eml` is empty. Raises NoMessage."""
    if not eml:
        return Letter("the shipped newsletter", cast.NEWSLETTER.read_bytes(), cast.OWN_RETURN_PATH)
    try:
        raw = Path(eml).expanduser().read_bytes()
    except OSError as error:
        raise NoMessage(f"{eml} cannot be read: {error.strerror}.") from error
    sender = _sender(eml, raw)
    ours = sender.rpartition("@")[2].lower() == cast.SENDER
    return Letter(Path(eml).name, raw, cast.OWN_RETURN_PATH if ours else cast.ESP_RETURN_PATH)


def _sender(eml: str, raw: bytes) -> str:
    """The From address of a message that can be sent: proved by composing it once."""
    if len(raw) > outgoing.MAX_BYTES:
        raise NoMessage(f"{eml} has {len(raw) / 2**20:.1f} MB; at most {outgoing.MAX_BYTES // 2**20} MB can be sent.")
    try:
        outgoing.compose(
            raw, token="a" * 26, seed_address="seed@demo.example", message_id="<1@demo.example>", date=datetime.now(UTC)
        )
    except outgoing.MessageError as error:
        raise NoMessage(f"{eml} is not a message that can be sent. {error}") from error
    sender = outgoing.sender_address(raw)
    if not sender:
        raise NoMessage(f"{eml} has no From address. Give the whole source of a message, headers first (.eml).")
    return sender


def open_test(stage: Stage, api: Api, letter: Letter) -> Body:
    """The service's answer to a new test that it sends itself. Raises Refused."""
    wish: Body = {
        "name": f"Demo: {letter.name}"[:200],
        "seed_list": stage.cast.seed_list,
        "sending_profile": stage.cast.profiles[letter.return_path],
        "message": {"raw_base64": base64.b64encode(letter.raw).decode()},
        "settle_seconds": 10,
    }
    if letter.return_path == cast.OWN_RETURN_PATH:
        wish["stream"] = stage.cast.stream
    key = str(uuid.uuid4())
    return _patiently(stage, lambda: api.post("/tests", wish, once=key))


def _patiently(stage: Stage, ask: Callable[[], Body]) -> Body:
    """Ask again while the service is busy, but not when a part of it has ended."""
    for _attempt in range(BUSY_TRIES):
        try:
            return ask()
        except Busy:
            stage.family.check()
            time.sleep(1)
    return ask()


def follow(stage: Stage, api: Api, test_id: str, show: Callable[[Body], None]) -> Body:
    """Ask until the test has ended; `show` gets every answer. Raises NotCompleted, ChildFailed."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        body = _patiently(stage, lambda: api.get(f"/tests/{test_id}"))
        show(body)
        if body["status"] in ("complete", "inconclusive", "cancelled"):
            return body
        stage.family.check()
        if time.monotonic() > give_up:
            raise NotCompleted(f"The test was still “{body['status']}” after {PATIENCE_SECONDS:g} seconds.")
        time.sleep(0.5)
