"""What every test may ask for. No Django here: tests/placement runs without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.servers.presence import absent

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real messages beside the checkout; manifest.jsonl has one line a message."""
    if not (CORPUS / "manifest.jsonl").is_file():
        absent("The corpus of real messages is not beside this checkout (../shared/corpus)")
    return CORPUS
