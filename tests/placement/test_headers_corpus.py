"""Every received message of the corpus is read by every reader; none is too odd."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from placement.headers import Headers
from placement.headers.authentication_results import read
from placement.headers.received import first_hop_at, sending_ip
from placement.marker import OWN_HEADER, RuleBook, keys, message_key, recognise, recognise_body
from placement.vocabulary import MarkerKind, MarkerRule, MatchKind

pytestmark = pytest.mark.corpus

TOKEN = "a" * 25 + "1"
BOOK = RuleBook.of([MarkerRule(1, MarkerKind.TOKEN, TOKEN, in_body=True)])
NOW = datetime(2026, 3, 2, tzinfo=UTC)
EMPTY_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")


@pytest.fixture(scope="module")
def received(corpus: Path) -> list[bytes]:
    return list(raw_messages(corpus))


def raw_messages(corpus: Path) -> Iterator[bytes]:
    for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "received":
            yield (corpus / entry["path"]).read_bytes()


def test_no_received_message_makes_a_reader_fail(received: list[bytes]):
    for raw in received:
        headers = Headers.parse(raw)
        found = read(headers, wrote=lambda name: name.endswith("google.com"), missing_authserv_id=True)
        assert len(found.trusted) <= len(headers.all("Authentication-Results"))
        assert keys(headers).token == ""
        assert first_hop_at(headers) is None or headers.all("Received")
        assert "\0" not in sending_ip(headers) + headers.decoded("From") + keys(headers).subject
        assert message_key(headers, raw)[:3] in {"id:", "hb:"}
    assert len(received) >= 1000


def test_a_marker_added_to_any_of_them_is_recognised(received: list[bytes]):
    for raw in received:
        marked = Headers.parse(f"{OWN_HEADER}: {TOKEN}\r\n".encode() + raw)
        match = recognise(marked, BOOK, internaldate=NOW).match
        assert match is not None and match.kind is MatchKind.OWN_HEADER


def test_none_of_them_is_anybodys_by_itself(received: list[bytes]):
    for raw in received:
        assert recognise(Headers.parse(raw), BOOK, internaldate=NOW).match is None
        split = EMPTY_LINE.search(raw)
        body = raw[split.end() :] if split else b""
        assert recognise_body(body, raw, BOOK).match is None


def test_the_fields_are_those_the_manifest_counted(corpus: Path):
    """The manifest was counted by another parser; where nothing is odd, both agree."""
    agreed = total = 0
    for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "received" and "n_headers" in entry and "mbox_index" not in entry:
            fields = Headers.parse((corpus / entry["path"]).read_bytes()).fields
            total += 1
            agreed += sum(bool(field.name) for field in fields) == entry["n_headers"]
    assert agreed >= 0.97 * total
