"""Real messages, whatever is wrong with them, leave with their own bytes and one marker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from placement.headers import Headers
from seedtest.services import outgoing

pytestmark = pytest.mark.corpus
TOKEN = "abcdefghij0123456789klmnop"
BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
WANTED = 600


def messages(corpus: Path) -> Iterator[tuple[str, bytes]]:
    with (corpus / "manifest.jsonl").open() as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["kind"] == "received":
                yield entry["path"], (corpus / entry["path"]).read_bytes()


def test_real_messages_are_ready_to_be_sent(corpus: Path):
    sendable = changed_subjects = 0
    for path, raw in messages(corpus):
        if not outgoing.split(raw).fields:
            continue
        values = {"token": TOKEN, "seed_address": "seed@gmail.example", "message_id": "<fresh@acme.example>"}
        sent = outgoing.compose(raw, date=datetime(2026, 3, 4, tzinfo=UTC), **values)
        assert not BARE.search(sent), path
        headers = Headers.parse(sent)
        assert headers.all("X-Seedtest-ID") == [TOKEN], path
        assert headers.all("To") == ["seed@gmail.example"], path
        assert headers.all("Received") == headers.all("DKIM-Signature") == [], path
        sendable += 1
        changed_subjects += headers.all("Subject") != Headers.parse(raw).all("Subject")
        if sendable == WANTED:
            break
    assert sendable >= 300
    assert changed_subjects <= 2  # headers so broken that every reader ends them elsewhere
