"""SEEDTEST_CRASH_AT: read strictly, harmless when unset, and spoken of by a system check."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seedtest import crashing, system_checks

ROOT = Path(__file__).resolve().parents[2]


def walk(*passages: str, **environment: str) -> int:
    """A process that passes these places; its exit status."""
    code = "import sys; from seedtest import crashing as c; [c.here(c.Place(one)) for one in sys.argv[1:]]"
    values = {name: value for name, value in os.environ.items() if not name.startswith("SEEDTEST_CRASH")}
    command = [sys.executable, "-c", code, *passages]
    return subprocess.run(command, cwd=ROOT, env=values | environment, timeout=60, check=False).returncode


def test_nothing_ends_without_an_order():
    assert walk(*crashing.Place) == 0


def test_the_process_ends_at_the_named_place_and_no_other():
    assert walk("after-claim", "before-imap", SEEDTEST_CRASH_AT="after-imap") == 0
    assert walk("after-claim", "after-imap", SEEDTEST_CRASH_AT="before-data,after-imap") == crashing.EXIT_STATUS


def test_a_number_names_the_passage():
    assert walk("after-claim", SEEDTEST_CRASH_AT="after-claim:2") == 0
    assert walk("after-claim", "after-claim", SEEDTEST_CRASH_AT="after-claim:2") == crashing.EXIT_STATUS


def test_with_a_folder_each_place_is_fatal_once(tmp_path):
    (tmp_path / "after-claim").touch()
    order = {"SEEDTEST_CRASH_AT": "after-claim", "SEEDTEST_CRASH_ONCE": str(tmp_path)}
    assert walk("after-claim", **order) == crashing.EXIT_STATUS
    assert walk("after-claim", **order) == 0


@pytest.mark.parametrize(
    ("order", "ids"), [("", []), ("after-imap:2", ["seedtest.W004"]), ("nowhere", ["seedtest.E007"])]
)
def test_a_system_check_speaks_of_it(monkeypatch, order, ids):
    monkeypatch.setenv(crashing.ORDER, order)
    assert [message.id for message in system_checks.crash_points(None)] == ids


def test_every_place_is_passed_somewhere():
    named = {place.name for place in crashing.Place}
    sources = [path.read_text() for path in (ROOT / "seedtest").rglob("*.py")]
    passed = {name for text in sources for name in re.findall(r"crashing\.here\(crashing\.Place\.(\w+)\)", text)}
    assert passed == named
