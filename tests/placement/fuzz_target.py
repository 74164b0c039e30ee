"""The fuzzed process: the engine instrumented, one input through one reader, the inputs counted by reader.

Started by `tests.placement.fuzz`; by hand with a file of var/fuzz/crashes to see that one again.
"""

from __future__ import annotations

import mmap
import sys

import atheris

with atheris.instrument_imports(include=["placement", "spf"]):
    from tests.placement import fuzz_readers


def main() -> None:
    counts = _counts()

    def one_input(data: bytes) -> None:
        if data:
            name, rest = fuzz_readers.split(data)
            counts[fuzz_readers.NAMES.index(name)] += 1
            fuzz_readers.run(name, rest)

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


def _counts() -> memoryview:
    """Shared with the parent by a file: libFuzzer ends the process without giving Python another word."""
    with fuzz_readers.COUNTS.open("a+b") as file:
        file.truncate(8 * len(fuzz_readers.NAMES))
        return memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")


if __name__ == "__main__":
    main()
