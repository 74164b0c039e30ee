"""The service's own tests once more, on a real PostgreSQL: the same code, another URL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.servers.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_every_test_of_the_service_passes_on_postgresql_too(postgres: Postgres) -> None:
    environment = dict(os.environ) | {"DATABASE_URL": postgres.create_database("service_tests")}
    quietly = ("-q", "-p", "no:cacheprovider", "-n", "auto", "--maxprocesses", "4")
    command = [sys.executable, "-m", "pytest", "tests/seedtest", *quietly, "-k", "not demo_world"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > 50, done.stdout[-500:]
