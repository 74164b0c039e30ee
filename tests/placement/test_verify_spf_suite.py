"""The RFC 7208 test suite of openspf.org, all 203 tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from placement.verify import spf
from placement.verify.model import Outcome
from tests.fakes import FakeDns

pytestmark = pytest.mark.corpus

NOW = datetime(2026, 3, 4, tzinfo=UTC)
#: Tests that are not run, and why. None.
EXCLUDED: dict[str, str] = {}
TESTS = 203
EXPLANATIONS = 22


class _Texts(yaml.SafeLoader):
    """Every scalar as text: `1.2.3.4` and `2001:db8::1` are no numbers."""


_Texts.yaml_implicit_resolvers = {}


def scenarios(corpus: Path) -> Iterator[tuple[str, dict[str, Any], FakeDns]]:
    text = (corpus / "pyspf-rfc7208" / "rfc7208-tests.yml").read_text(encoding="utf-8")
    for document in yaml.load_all(text, Loader=_Texts):
        for name, case in document["tests"].items():
            yield name, case, zone(document["zonedata"])


def zone(data: dict[str, list[Any]]) -> FakeDns:
    records = {name.lower(): _records(rows) for name, rows in data.items()}
    aliases = {name.lower(): row["CNAME"] for name, rows in data.items() for row in rows if "CNAME" in row}
    for name, target in aliases.items():
        records[name] = records.get(_end(target.lower(), aliases), {})
    # TIMEOUT stands for the types that the name has no record of
    down = {name.lower() for name, rows in data.items() if "TIMEOUT" in rows and not _records(rows).get("TXT")}
    return FakeDns(records, down=down)


def _end(name: str, aliases: dict[str, str]) -> str:
    for _ in aliases:
        name = aliases.get(name, name).lower()
    return name


def _records(rows: list[Any]) -> dict[str, list[Any]]:
    """The suite means SPF rows as TXT too, unless the name has rows of TXT."""
    pairs = [pair for row in rows if row != "TIMEOUT" for pair in row.items()]
    own_text = any(kind == "TXT" for kind, _ in pairs)
    found: dict[str, list[Any]] = {}
    for kind, value in pairs:
        if (kind == "SPF" and own_text) or value == "NONE" or kind == "CNAME":
            continue
        found.setdefault("TXT" if kind == "SPF" else kind, []).append(_value(kind, value))
    return found


def _value(kind: str, value: Any) -> Any:
    if kind in {"SPF", "TXT"}:
        return b"".join(part.encode("latin-1") for part in ([value] if isinstance(value, str) else value))
    return (int(value[0]), value[1]) if kind == "MX" else value


def test_every_test_of_the_suite_gives_the_result_it_expects(corpus: Path):
    passed, failed = 0, []
    for name, case, dns in scenarios(corpus):
        if name in EXCLUDED:
            continue
        expected = [case["result"]] if isinstance(case["result"], str) else case["result"]
        found = spf.check(case["host"], case["mailfrom"], case["helo"], dns, NOW)
        word = "temperror" if found.outcome is Outcome.UNKNOWN else found.outcome.value
        passed += word in expected
        failed += [] if word in expected else [(name, expected, word, found.says)]
    print(f"\nRFC 7208 suite: {passed} of {TESTS} pass, {len(EXCLUDED)} excluded")
    assert failed == []
    assert passed + len(EXCLUDED) == TESTS


def test_the_explanations_of_the_suite_are_expanded_as_it_says(corpus: Path):
    compared = 0
    for name, case, dns in scenarios(corpus):
        found = spf.check(case["host"], case["mailfrom"], case["helo"], dns, NOW)
        wanted = case.get("explanation")
        if wanted is None or found.outcome is not Outcome.FAIL:
            continue
        assert found.explanation == ("" if wanted == "DEFAULT" else wanted), name
        compared += 1
    assert compared == EXPLANATIONS
