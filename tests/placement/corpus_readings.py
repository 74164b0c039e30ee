"""Readings of real messages in the form the expectations are kept in: one entry a sha256, no text of the message.

`python -m tests.placement.corpus_readings` writes the files anew; look at every line of the difference before
it is committed, since from then on it is what is right.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from placement import providers
from placement.providers import GENERIC, Provider
from placement.reading import Reading, read
from placement.vocabulary import AuthResult

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
EXPECTATIONS = Path(__file__).with_name("expectations")
RECEIVERS = "chatmail-core@2abfe3621"
EDGE_CASES = "lieser-dkim_verifier/arh"

#: Receivers without an entry in the catalogue, with the names their operator would add.
OWN_SERVERS = {
    "e.email": ("mail2.ecloud.global", "mail3.ecloud.global"),
    "buzon.uy": ("mail.buzon.uy",),
    "nauta.cu": (),
    "mailo.com": (),
    "delta.blinzeln.de": (),
}
#: The edge cases speak as example.net, one of them with a name that is none.
EDGE_CASE_NAMES = ("example.net", "example/net")


def received(corpus: Path) -> Iterator[tuple[str, Provider, tuple[str, ...], bytes]]:
    """(receiving domain, provider, added names, block) of every message whose true receiver is known."""
    for entry in manifest(corpus):
        domain = entry.get("true_receiver", "")
        if domain and entry["path"].startswith(RECEIVERS):
            provider = providers.for_address(f"alice@{domain}") or GENERIC
            yield domain, provider, OWN_SERVERS.get(domain, ()), (corpus / entry["path"]).read_bytes()


def manifest(corpus: Path) -> Iterator[dict[str, Any]]:
    for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def edge_cases(corpus: Path) -> Iterator[tuple[str, Provider, tuple[str, ...], bytes]]:
    for path in sorted((corpus / EDGE_CASES).glob("*.eml")):
        yield path.stem, GENERIC, EDGE_CASE_NAMES, path.read_bytes()


SETS = {"receivers": received, "edge_cases": edge_cases}


def kept(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXPECTATIONS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def readings(name: str, corpus: Path) -> Iterator[tuple[str, str, Reading]]:
    """(sha256, what it is, reading)."""
    for label, provider, names, block in SETS[name](corpus):
        yield hashlib.sha256(block).hexdigest(), label, read(block, provider, extra_authserv_ids=names)


def summary(label: str, reading: Reading) -> dict[str, Any]:
    said = reading.authentication
    return {
        "of": label,
        "provider": reading.provider,
        "spf": _words(said.spf),
        "dkim": [_words(one) for one in said.dkim],
        "dmarc": _words(said.dmarc),
        "arc": _words(said.arc),
        "bimi": _words(said.bimi),
        "believed": len(said.trusted),
        "doubted": [f"{one.authserv_id}: {one.why}" for one in reading.untrusted],
    }


def _words(result: AuthResult | None) -> str | None:
    if result is None:
        return None
    extra = [f"{name}={value}" for name, value in (("p", result.policy), ("did", result.disposition)) if value]
    return " ".join(filter(None, [result.result, result.domain, *extra]))


def _as_text(found: dict[str, Any]) -> str:
    lines = [f" {json.dumps(sha)}: {json.dumps(found[sha])}" for sha in sorted(found)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    for name in SETS:
        found = {sha: summary(label, reading) for sha, label, reading in readings(name, CORPUS)}
        (EXPECTATIONS / f"{name}.json").write_text(_as_text(found), encoding="utf-8")
        sys.stdout.write(f"{name}: {len(found)} messages\n")
