"""`make fuzz`: hostile bytes against every reader of the engine, led by the lines they reach (atheris, libFuzzer).

Whatever is raised beside `placement.errors` is a finding, and so is an input that takes more than two seconds. What
reached new lines is kept in var/fuzz/corpus, where the next run begins.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tests.placement.fuzz_readers import COUNTS, NAMES, RECEIVERS, joined, split

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "corpus"
SEEDS = Path(__file__).with_name("fuzz_seeds")
KEPT, CRASHES, LOG = (ROOT / "var" / "fuzz" / name for name in ("corpus", "crashes", "log.txt"))

LONGEST, MAX_REAL = 8 * 1024, 200
BETWEEN_SEEDS = b"%%\n"
#: The readers that real messages are dealt to in turn.
READERS_OF_MAIL = ("keys", "body", "verify", "route", *(f"reading_{name}" for name in RECEIVERS))
WORLD = b"192.0.2.7 mail.sender.example bounce@sender.example\n---\n"

ABSENT = (
    "atheris is not installed. It exists for Linux on x86_64 with CPython 3.11 to 3.13, where "
    "requirements-dev.txt brings it; anywhere else the engine's readers are tested without it."
)
TRACE = re.compile(r"(?:=== Uncaught|==\d+== ERROR).*?(?=\nMS: |\nartifact_prefix|\nstat::|\Z)", re.DOTALL)


def main(seconds: int) -> int:
    if find_spec("atheris") is None:
        print(f"Fuzz: SKIPPED, no input was run: {ABSENT}")
        return 1 if os.environ.get("CI") == "true" else 0
    for folder in (KEPT, CRASHES):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-seeds-") as folder:
        own, real = _write(own_seeds(), Path(folder), "own"), _write(real_seeds(), Path(folder), "real")
        kept = sum(1 for _ in KEPT.iterdir())
        print(
            f"Fuzz: {seconds} s over {len(NAMES)} readers; {own} seeds, {real} real messages, {kept} inputs of "
            f"earlier runs. What it does: {LOG.relative_to(ROOT)}",
            flush=True,
        )
        return _fuzzed(Path(folder), seconds)


def own_seeds() -> Iterator[bytes]:
    """A file a reader; those that have none read header blocks."""
    for name in NAMES:
        file = SEEDS / f"{name}.txt"
        text = (file if file.exists() else SEEDS / "headers.txt").read_bytes()
        yield from (joined(name, seed) for seed in text.split(BETWEEN_SEEDS))


def real_seeds() -> Iterator[bytes]:
    """Messages of the corpus, read where it lies and never kept; none where there is no corpus."""
    listing = REAL / "manifest.jsonl"
    entries = [json.loads(line) for line in listing.read_bytes().splitlines()] if listing.is_file() else []
    short = [one["path"] for one in entries if one["kind"] == "received" and one["bytes"] < LONGEST - 100]
    for number, path in enumerate(short[:: len(short) // MAX_REAL + 1]):
        name = READERS_OF_MAIL[number % len(READERS_OF_MAIL)]
        message = (REAL / path).read_bytes().replace(b"\r\n", b"\n")
        yield joined(name, WORLD + message if name == "verify" else message)


def _write(seeds: Iterator[bytes], folder: Path, prefix: str) -> int:
    number = 0
    for number, seed in enumerate(seeds, 1):
        (folder / f"{prefix}-{number:04}").write_bytes(seed)
    return number


def _fuzzed(seeds: Path, seconds: int) -> int:
    """Run until the time is used up or something was found."""
    COUNTS.unlink(missing_ok=True)
    ends_at = time.monotonic() + seconds
    while (left := round(ends_at - time.monotonic())) > 0:
        before = set(CRASHES.iterdir())
        status, said = _target(f"-max_total_time={left}", str(KEPT), str(seeds))
        found = sorted(set(CRASHES.iterdir()) - before)
        if status and not any(map(_only_under_load, found)):
            return _failed(said, found)
    return _passed(_inputs(), seconds)


def _target(*arguments: str) -> tuple[int, str]:
    options = [
        "-timeout=2",
        "-rss_limit_mb=2048",
        f"-max_len={LONGEST}",
        f"-dict={SEEDS / 'words.dict'}",
        f"-artifact_prefix={CRASHES}/",
        "-print_final_stats=1",
    ]
    command = [sys.executable, "-m", "tests.placement.fuzz_target", *options, *arguments]
    # One hash seed, so that a finding comes back when its input does.
    world = {**os.environ, "PYTHONHASHSEED": "0"}
    with LOG.open("wb") as log:
        status = subprocess.run(command, cwd=ROOT, env=world, stdout=log, stderr=log, check=False).returncode
    return status, LOG.read_text("utf-8", "replace")


def _inputs() -> Counter[str]:
    counts = COUNTS.read_bytes() if COUNTS.exists() else b""
    return Counter(dict(zip(NAMES, memoryview(counts).cast("Q"), strict=False)))


def _only_under_load(found: Path) -> bool:
    """A slow input that is quick when it runs alone was slowed by the machine, not by us."""
    if not found.name.startswith("timeout-") or _target(str(found))[0]:
        return False
    found.unlink()
    return True


def _failed(said: str, found: list[Path]) -> int:
    trace = TRACE.search(said)
    print(trace[0] if trace else said[-4000:])
    for path in found:
        name, data = split(path.read_bytes())
        print(f"\nKept as {path.relative_to(ROOT)}. For tests/placement/test_fuzz_findings.py:")
        print(f'    ("{name}", "{base64.b64encode(data).decode()}"),')
    print(f"Fuzz: FAILED after {_inputs().total():,} inputs.")
    return 1


def _passed(inputs: Counter[str], seconds: int) -> int:
    if not inputs.total():
        print(f"Fuzz: FAILED, the target ran no input; see {LOG.relative_to(ROOT)}")
        return 1
    print("Fuzz: " + ", ".join(f"{name} {number:,}" for name, number in inputs.most_common()))
    kept = sum(1 for _ in KEPT.iterdir())
    print(f"Fuzz: {inputs.total():,} inputs in {seconds} s raised nothing but the engine's own errors; {kept} kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
