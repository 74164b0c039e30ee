"""The whole path: claim, plan, session, commit."""

from __future__ import annotations

from tests.bench.printing import Table
from tests.bench.runs import Settings


def measure(settings: Settings) -> list[Table]:
    return []
