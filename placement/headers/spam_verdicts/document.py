"""The families as a table for people: `python -m placement.headers.spam_verdicts.document`."""

from __future__ import annotations

import sys
from typing import Final

from placement.headers.spam_verdicts.model import Family, Place
from placement.headers.spam_verdicts.registry import FAMILIES
from placement.headers.spam_verdicts.shapes import Opaque

_PLACES: Final = {
    Place.ABOVE: "above the boundary",
    Place.BELOW: "above, or right below the boundary",
    Place.END: "above, or the last of its name below `{opened_by}`",
}


def families_table() -> str:
    """Headers that only the vendor can read are counted, not named."""
    lines = ["| family | of | believed where it stands | read | kept only |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *(_row(family) for family in FAMILIES)]) + "\n"


def _row(family: Family) -> str:
    opaque = [name for name, reader in family.headers.items() if isinstance(reader, Opaque)]
    place = _PLACES[family.place].format(opened_by=family.opened_by)
    read = ", ".join(f"`{name}`" for name in family.headers if name not in opaque)
    return f"| `{family.id}` | {family.name} | {place} | {read or '–'} | {len(opaque) or '–'} |"


if __name__ == "__main__":
    sys.stdout.write(families_table())
