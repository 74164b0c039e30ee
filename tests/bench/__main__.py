"""`make bench`: what looking into mailboxes costs, beside the ways other people do it, on a real Dovecot.

BENCH_MAILBOXES (200,1000), BENCH_RUNS (3), BENCH_RTT (0,50 ms), BENCH_THREADS (128) choose less; a short run:
BENCH_MAILBOXES=40 BENCH_RUNS=1 BENCH_THREADS=16.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench import sessions
from tests.bench.printing import say
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
    settings = Settings.from_environment(os.environ, missing())
    say(settings.heading())
    goals = [goal for table in sessions.measure(settings) for goal in table.goals]
    say("\nGoals")
    for goal in goals:
        say(goal.line())
    say(f"\nLoad average at the end: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
