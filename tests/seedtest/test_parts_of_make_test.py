"""`make test` runs every part, and its last lines say what failed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def parts(tmp_path):
    """Runs the script in a project of its own: (exit status, what it printed)."""
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "test-parts", tmp_path / "scripts")

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run([script, *words], capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout

    run("begin")
    return run


def test_all_parts_that_pass_pass_together(parts):
    assert parts("run", "One", "true")[0] == 0
    status, said = parts("end")
    assert (status, said.strip()) == (0, "== Every part passed.")


def test_a_part_that_failed_keeps_its_exit_status_and_is_named_at_the_end(parts):
    assert parts("run", "The first: a/b", "sh", "-c", "echo FAILED a/b.py::c - too late; echo noise; exit 4")[0] == 4
    assert parts("run", "The second", "true")[0] == 0
    status, said = parts("end")
    assert status == 1
    assert "The first: a/b" in said and "FAILED a/b.py::c - too late" in said
    assert "The second" not in said


def test_a_part_that_names_no_failure_is_quoted_by_its_last_lines(parts):
    parts("run", "Install", "sh", "-c", "echo one; echo apt-get: no such package; exit 100")
    assert "no such package" in parts("end")[1]


def test_what_the_run_before_said_is_forgotten(parts):
    parts("run", "One", "false")
    parts("begin")
    parts("run", "Two", "true")
    assert parts("end")[0] == 0


def test_a_run_that_lost_sight_of_a_part_has_not_passed(parts, tmp_path):
    assert parts("end")[0] == 1, "nothing ran"
    parts("run", "One", "true")
    (tmp_path / "var" / "test" / "passed").unlink()
    assert parts("end")[0] == 1
