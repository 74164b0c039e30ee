"""docs/authentication.md says what the code does, and prints what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from placement.headers.spam_verdicts.document import families_table
from placement.headers.trust import Distrust
from tests.placement.report_authentication import REASONS, page, rows

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "authentication.md"


def part(name: str) -> str:
    text = DOCUMENT.read_text(encoding="utf-8").partition(f"<!-- {name}: ")[2]
    return text.partition("-->\n")[2].partition("<!-- end -->")[0]


def test_the_families_are_those_of_the_registry():
    assert part("families") == families_table()


@pytest.mark.corpus
def test_the_numbers_are_those_of_the_corpus(corpus: Path):
    assert part("receivers") == page(rows(corpus))


@pytest.mark.corpus
def test_every_receiver_that_was_silent_has_a_reason_and_no_other_has(corpus: Path):
    assert {name for name, row in rows(corpus).items() if row.silent} == REASONS.keys()


def test_every_reason_of_distrust_is_named():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"`{why}`" in text for why in Distrust)
