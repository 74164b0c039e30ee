"""docs/faults.md: every fault that we say we survive has tests, and they exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/\w+/\w+\.py)::(\w+)`")
ROWS = dict(ROW.findall((ROOT / "docs" / "faults.md").read_text(encoding="utf-8")))


def test_no_row_is_left_out():
    assert list(ROWS) == [str(number) for number in range(1, len(ROWS) + 1)]
    assert len(ROWS) >= 19


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_tests_that_exist(row):
    named = TEST.findall(ROWS[row])
    assert named
    gone = [name for path, name in named if f"\ndef {name}(" not in (ROOT / path).read_text(encoding="utf-8")]
    assert gone == []
