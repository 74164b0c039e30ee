"""ValiMail's ARC validation suite, all 171 tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from placement.verify import arc
from placement.verify.model import Outcome
from placement.verify.raw import HeaderBlock, Raw
from tests.fakes import FakeDns

pytestmark = pytest.mark.corpus

#: Tests that are not run, and why. None; the 17 signing tests are no part of the corpus: we never seal.
EXCLUDED: dict[str, str] = {}
TESTS = 171
#: The suite leaves cv empty where a seal of the chain states a failure: validation has ended, and it is no pass.
ENDED = "fail"


def scenarios(corpus: Path) -> Iterator[tuple[str, dict[str, Any], FakeDns]]:
    path = corpus / "ValiMail-arc_test_suite" / "tests" / "arc-draft-validation-tests.yml"
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        records = {name.lower(): {"TXT": [text]} for name, text in document["txt-records"].items()}
        for name, case in document["tests"].items():
            yield name, case, FakeDns(records)


def test_every_test_of_the_suite_gives_the_status_it_expects(corpus: Path):
    passed, failed = 0, []
    for name, case, dns in scenarios(corpus):
        expected = case["cv"].lower() or ENDED
        found = arc.check(Raw.read(case["message"].encode()), dns)
        passed += found.outcome == expected
        failed += [] if found.outcome == expected else [(name, expected, found.outcome, found.says)]
    print(f"\nARC suite: {passed} of {TESTS} pass, {len(EXCLUDED)} excluded")
    assert failed == []
    assert passed + len(EXCLUDED) == TESTS


def test_a_chain_without_its_body_is_checked_as_far_as_the_headers_go(corpus: Path):
    whole = headers = 0
    for _, case, dns in scenarios(corpus):
        if case["cv"] == "Pass":
            block = case["message"].encode().partition(b"\n\n")[0] + b"\n"
            whole += 1
            headers += arc.check(Raw.read(HeaderBlock(block)), dns).outcome is Outcome.HEADERS_ONLY
    assert whole == headers > 50


def test_a_chain_whose_keys_cannot_be_looked_up_is_unknown(corpus: Path):
    outcomes = {
        arc.check(Raw.read(case["message"].encode()), FakeDns(down="*")).outcome
        for _, case, _ in scenarios(corpus)
        if case["cv"] == "Pass"
    }
    assert outcomes == {Outcome.UNKNOWN}


@pytest.mark.parametrize(
    ("name", "sealers"), [("001.txt", ["google.com"]), ("002.txt", ["scamorza.org", "manchego.org"])]
)
def test_the_chains_of_stalwart_mail_auth_pass(corpus: Path, name: str, sealers: list[str]):
    """Each file begins with its zone; the second chain has one seal by Ed25519 and one by RSA."""
    records, _, message = (corpus / "stalwart-mail-auth" / "arc" / name).read_bytes().partition(b"\n\n")
    zone = dict(line.decode().split(" ", 1) for line in records.splitlines())
    found = arc.check(Raw.read(message), FakeDns({key: {"TXT": [text]} for key, text in zone.items()}))
    assert (found.outcome, [one.domain for one in found.sets]) == (Outcome.PASS, sealers)
