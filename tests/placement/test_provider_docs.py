"""The pages about providers say what the catalogue says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from placement import providers
from placement.providers import Provider
from placement.providers.document import providers_page

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = DOCS / "add-a-provider.md"


def test_the_table_of_providers_is_the_catalogue():
    page = (DOCS / "providers.md").read_text(encoding="utf-8")
    assert page == providers_page(providers.all_providers()), (
        "docs/providers.md is old: python -m placement.providers.document > docs/providers.md"
    )


def test_the_smallest_entry_of_the_guide_is_accepted(tmp_path: Path):
    entry = re.search(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert entry is not None
    (tmp_path / "hill.toml").write_text(entry[1], encoding="utf-8")
    assert providers.load([tmp_path]).get("hill").domains == ("hill.example",)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Provider)])
def test_the_guide_explains_every_field(field: str):
    assert re.search(rf"^\| `\[*{field}\]*` \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
