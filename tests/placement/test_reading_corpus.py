"""Real messages are read as somebody who looked at them says they must be; expectations by sha256."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from placement import providers
from placement.headers import Headers
from placement.headers.answers import Answer
from placement.providers import GENERIC
from placement.reading import Reading, read, read_authentication
from tests.placement.corpus_readings import SETS, kept, manifest, readings, received, summary

pytestmark = pytest.mark.corpus

METHODS = ("spf", "dkim", "dmarc", "arc", "bimi")


@pytest.mark.parametrize("name", SETS)
def test_each_message_is_read_as_expected(name: str, corpus: Path):
    expected = kept(name)
    found = {sha: summary(label, reading) for sha, label, reading in readings(name, corpus)}
    assert found.keys() == expected.keys()
    differing = {sha: (expected[sha], found[sha]) for sha in found if found[sha] != expected[sha]}
    assert differing == {}


def test_what_is_kept_of_every_message_is_what_a_whole_reading_says(corpus: Path):
    spoke = 0
    for label, provider, names, block in received(corpus):
        kept_of_it = read_authentication(Headers.parse(block), provider, extra_authserv_ids=names)
        assert kept_of_it == read(block, provider, extra_authserv_ids=names).authentication, label
        spoke += bool(kept_of_it.trusted)
    assert spoke > 10


def test_no_forged_header_is_believed_and_each_is_shown_with_its_reason(corpus: Path):
    forged = 0
    for _, label, reading in readings("receivers", corpus):
        assert not any("aaa.com" in line for line in reading.authentication.trusted), label
        shown = [one for one in reading.untrusted if "aaa.com" in one.line]
        assert all(one.why == "foreign" and one.words for one in shown), label
        forged += bool(shown)
    assert forged == 12


def test_no_receiver_that_spoke_is_read_as_silent(corpus: Path):
    """The manifest names the authserv-ids that another parser saw: where one is the receiver's, it is believed."""
    spoke = 0
    for entry in manifest(corpus):
        provider = providers.for_address(f"a@{entry['true_receiver']}") if "true_receiver" in entry else None
        if provider is None or provider.id not in entry.get("ar_providers", ()):
            continue
        spoke += 1
        reading = read((corpus / entry["path"]).read_bytes(), provider)
        assert reading.authentication.trusted, entry["path"]
    assert spoke >= 90


def provider_of(entry: dict[str, object]) -> providers.Provider:
    if "microsoft" in entry.get("ar_providers", ()):  # type: ignore[operator]
        return providers.get("outlook_com")
    named = [str(name) for name in entry.get("ar_providers", ()) if str(name) in providers.ids()]  # type: ignore[attr-defined]
    return providers.get(named[0]) if named else GENERIC


def test_every_received_message_is_read_without_an_exception(corpus: Path):
    seen: Counter[str] = Counter()
    for entry in manifest(corpus):
        if entry["kind"] != "received":
            continue
        reading = read((corpus / entry["path"]).read_bytes(), provider_of(entry))
        seen["messages"] += 1
        seen["with a boundary"] += bool(reading.route.sending_ip)
        seen["with a chain"] += bool(reading.arc.sets)
        seen["with a verdict"] += reading.says is not None
        seen["with a stated folder"] += reading.verdicts.delivery_folder is not None
        check(reading)
    assert seen["messages"] >= 1400
    assert seen["with a boundary"] >= 500
    assert seen["with a chain"] >= 50
    # Own servers append their filter's words where the sender can write them too: 16 more are shown and not believed.
    assert seen["with a verdict"] >= 15
    assert seen["with a stated folder"] >= 8


def check(reading: Reading) -> None:
    delays = [leg.delay_seconds for leg in reading.route.legs if leg.delay_seconds is not None]
    assert all(delay >= 0 for delay in delays)
    assert reading.route.total_seconds is None or reading.route.total_seconds >= 0
    assert all(reading.answer(method) in Answer for method in METHODS)
    assert all(one.title and one.detail for one in reading.findings)
