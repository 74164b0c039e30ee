"""What the documents name exists: files, headings, commands, make targets, rows, ticks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from placement import providers
from placement.rates import wilson
from seedtest import models
from seedtest.celery import TICKS

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
#: What docs/verification.md announces.
COMING: set[str] = set()


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """(file, heading) of every link within the repository."""
    for target in LINK.findall(text(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """As a forge turns them into anchors."""
    titles = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def paths(page: Path) -> set[str]:
    return set(re.findall(r"`((?:placement|seedtest|tests|docs|scripts)/[\w./-]*)`", text(page)))


def test_the_readme_is_short():
    assert len(text(README).splitlines()) <= 200


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page):
    gone = [(target, heading) for target, heading in links(page) if not target.exists()]
    assert gone == []
    unknown = [(target.name, heading) for target, heading in links(page) if heading and heading not in headings(target)]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_picture_says_what_it_shows(page):
    assert [source for words, source in IMAGE.findall(text(page)) if len(words) < 10] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_is_named_exists(page):
    assert {path for path in paths(page) if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_target_that_is_named_exists(page):
    targets = set(re.findall(r"^([\w-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text(page), re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_is_named_exists(page):
    commands = set(re.findall(r"manage\.py ([a-z]+)", text(page)))
    assert commands - COMING <= set(get_commands())


def test_what_is_announced_is_not_there_yet():
    assert not COMING & set(get_commands()), "it has come: say so in docs/verification.md, and take it out of COMING"


def test_the_readme_shows_both_commands_and_one_report():
    assert {"make demo", "make test"} <= set(re.findall(r"^make \w+", text(README), re.MULTILINE))
    assert "/api/v1/tests/$TEST" in text(README)


def test_the_request_in_the_readme_opens_a_test(ours, cast, make_seed):
    make_seed(cast.workspace)
    body = re.search(r"-d '(\{.*?\})'", text(README))
    opened = ours.post("/tests", json.loads(body[1]), **{"Idempotency-Key": "may-newsletter"})
    assert opened.status_code == 201, opened.content
    assert ours.get(f"/tests/{opened.json()['id']}").status_code == 200


def test_the_readme_counts_the_providers_that_are_known():
    assert f"**{len(providers.all_providers())} providers**" in text(README)


def test_the_readmes_interval_is_the_one_we_compute():
    rate = wilson(7, 10)
    assert f'"7 of 10" is {round(rate.ci_low * 100)} to {round(rate.ci_high * 100)} %' in text(README)


def test_the_architecture_names_every_row_and_no_other():
    table = text(ARCHITECTURE).partition("\n## Rows\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    rows = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    assert rows == set(models.__all__)


def test_the_architecture_names_every_room():
    rooms = {path.parent for house in ("placement", "seedtest") for path in (ROOT / house).glob("*/__init__.py")}
    rooms = {f"{room.relative_to(ROOT)}/" for room in rooms} - {"seedtest/migrations/", "seedtest/management/"}
    assert {room for room in rooms if room not in text(ARCHITECTURE)} == set()


def test_the_architecture_names_every_tick():
    story = text(ARCHITECTURE).partition("\n## The story of a test\n")[2].partition("\n## ")[0]
    assert {tick for tick in TICKS if tick not in story} == set()
