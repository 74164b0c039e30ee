"""Over real header sets with a known receiver, the patterns name that receiver and nobody foreign."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from placement import providers

MANIFEST = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "manifest.jsonl"
#: Names that others wrote into those messages on their way: the forger, and the senders' own systems.
FOREIGN = {"aaa.com", "secure-mailgate.com", "smtpng1.m.smailru.net"}
YANDEX_SENDER = "iva4-143b1447cf50.qloud-c.yandex.net"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not MANIFEST.exists(), reason="the corpus of real messages is absent"),
]


def messages() -> list[dict[str, Any]]:
    entries = map(json.loads, MANIFEST.read_text(encoding="utf-8").splitlines())
    return [entry for entry in entries if "true_receiver" in entry and entry.get("authserv")]


def written_id(token: str) -> str:
    """Microsoft writes no authserv-id: the manifest then holds the first result."""
    return "" if re.match(r"(spf|dkim|dmarc)=", token) else token


def split(entry: dict[str, Any]) -> tuple[set[str], set[str]]:
    """(written by the receiver, written by others), told apart without the catalogue."""
    ids = {written_id(token) for token in entry["authserv"]}
    foreign = FOREIGN | ({YANDEX_SENDER} if entry["true_receiver"] != "yandex.ru" else set())
    return ids - foreign, ids & foreign


def test_the_receivers_name_is_recognised_in_every_message_it_wrote_into(capsys: pytest.CaptureFixture[str]):
    named, silent, missed = 0, 0, []
    for entry in messages():
        receiver = providers.for_address(f"alice@{entry['true_receiver']}")
        own, _ = split(entry)
        if receiver is None:
            continue
        if not own:
            silent += 1
        elif all(receiver.wrote(name) for name in own):
            named += 1
        else:
            missed.append((entry["path"], own))
    with capsys.disabled():
        print(f"\nreceiver named in {named} messages, wrote nothing in {silent}, missed {len(missed)}")
    assert missed == []
    assert named >= 100


def test_no_foreign_name_is_taken_for_the_receivers(capsys: pytest.CaptureFixture[str]):
    checked, believed = 0, []
    for entry in messages():
        receiver = providers.for_address(f"alice@{entry['true_receiver']}")
        _, foreign = split(entry)
        checked += len(foreign)
        believed += [(entry["path"], name) for name in foreign if receiver and receiver.wrote(name)]
    with capsys.disabled():
        print(f"\n{checked} foreign Authentication-Results looked at, {len(believed)} believed")
    assert believed == []
    assert checked >= 20


def test_a_receiver_outside_the_catalogue_is_claimed_by_nobody():
    unknown = [e for e in messages() if providers.for_address(f"alice@{e['true_receiver']}") is None]
    names = {name for entry in unknown for name in split(entry)[0]}
    assert names
    claimed = {(name, p.id) for name in names for p in providers.all_providers() if p.wrote(name)}
    assert claimed == set()
