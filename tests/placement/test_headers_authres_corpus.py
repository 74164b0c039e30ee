"""Real header sets whose receiver is known: its words are read, the forger's never."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from placement import providers
from placement.headers import Headers
from placement.headers.authentication_results import read
from placement.providers import Provider
from placement.vocabulary import Authentication

pytestmark = pytest.mark.corpus

#: What every message of this receiver must have been told of, where the receiver wrote anything.
SAYS = {
    "gmail": {"spf"},
    "yahoo": {"spf", "dkim", "dmarc"},
    "aol": {"spf", "dkim", "dmarc"},
    "outlook_com": {"spf", "dkim", "dmarc"},
    "icloud": {"spf", "dkim", "dmarc", "bimi"},
    "fastmail": {"spf", "dkim", "dmarc", "arc", "bimi"},
    "mailru": {"spf"},
    "yandex": {"spf", "dkim"},
    "posteo": {"spf", "dmarc"},
    "infomaniak": {"spf", "dkim", "dmarc"},
    "riseup": {"dkim"},
    "mail_de": {"dkim"},
    "disroot": {"dkim"},
    "zoho": set[str](),
}
#: Nothing of the provider stands in these messages.
SILENT = {"disroot": 3, "riseup": 2, "yandex": 1}


def messages(corpus: Path) -> Iterator[tuple[str, Provider, Authentication]]:
    for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        provider = providers.for_address(f"alice@{entry.get('true_receiver', '')}")
        if "true_receiver" in entry and provider is not None:
            yield entry["path"], provider, reading(provider, (corpus / entry["path"]).read_bytes())


def reading(provider: Provider, block: bytes) -> Authentication:
    style = provider.ar_style
    return read(
        Headers.parse(block),
        wrote=provider.wrote,
        missing_authserv_id=style.missing_authserv_id,
        position=style.position or "above",
        at_most=style.headers_per_message[1] if style.headers_per_message else None,
    )


def said(found: Authentication) -> set[str]:
    return {name for name in ("spf", "dkim", "dmarc", "arc", "bimi") if getattr(found, name)}


def test_every_receiver_is_read_in_its_own_shape(corpus: Path):
    silent: Counter[str] = Counter()
    read_from: Counter[str] = Counter()
    for path, provider, found in messages(corpus):
        if provider.id not in SAYS:
            continue
        if not found.trusted:
            silent[provider.id] += 1
            continue
        read_from[provider.id] += 1
        assert said(found) >= SAYS[provider.id], path
    assert silent == SILENT
    assert set(read_from) == set(SAYS)
    assert read_from.total() >= 100


def test_the_forged_header_is_never_believed(corpus: Path):
    forged = 0
    for path, _, found in messages(corpus):
        assert not any("aaa.com" in line for line in found.trusted), path
        forged += any("aaa.com" in line for line in found.untrusted)
    assert forged >= 9
