"""`make bench`: what looking into mailboxes costs, beside the ways other people do it, on a real Dovecot.

BENCH_MAILBOXES (200,1000), BENCH_RUNS (3), BENCH_RTT (0,50 ms), BENCH_THREADS (128), BENCH_WIDE (400) and BENCH_PARTS
choose less; a short run: BENCH_MAILBOXES=40 BENCH_RUNS=1 BENCH_THREADS=16. The output is kept in var/bench/<time>.txt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.bench import service, sessions
from tests.bench.machine import Others
from tests.bench.printing import BROKEN, GOALS, keep_in, part, say
from tests.bench.runs import Settings

ROOT = Path(__file__).resolve().parents[2]
IMAPFLOW = "imapflow@1.7.8"


def missing() -> dict[str, str]:
    """Contenders that cannot be had here, and why."""
    gone: dict[str, str] = {}
    try:
        import imap_tools  # noqa: F401
    except ImportError:
        gone["imap-tools"] = "not installed: pip install -r tests/bench/requirements.txt"
    if reason := _without_imapflow():
        gone["imapflow"] = reason
    return gone


def _without_imapflow() -> str:
    home = ROOT / "var" / "bench"
    if not (shutil.which("node") and shutil.which("npm")):
        return "node and npm are not here"
    if (home / "node_modules" / "imapflow").is_dir():
        return ""
    home.mkdir(parents=True, exist_ok=True)
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), IMAPFLOW]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    return f"npm could not install it: {done.stderr.strip()[-200:]}" if done.returncode else ""


def main() -> int:
    keep_in(ROOT / "var" / "bench" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.txt")
    settings = Settings.from_environment(os.environ, missing())
    say(settings.heading())
    with Others() as others, closing_words(others):
        sessions.measure(settings)
        service.measure(settings)
        _watching(settings)
    return 1 if BROKEN else 0


def _watching(settings: Settings) -> None:
    if "watch" in settings.parts and find_spec("tests.bench.watching"):
        with part("watch"):
            count = max(settings.mailboxes)
            import_module("tests.bench.watching").measure(count, count)


@contextmanager
def closing_words(others: Others) -> Iterator[None]:
    """Said at the end, also of a run that is ended before it."""
    try:
        yield
    finally:
        say("\nGoals")
        for goal in GOALS:
            say(goal.line())
        for broken in BROKEN:
            say(f"  BROKE  {broken}: see above")
        say(f"\nLoad average at the end: {os.getloadavg()[0]:.1f}; {others.line()}")


if __name__ == "__main__":
    sys.exit(main())
