"""Every provider that can hold a seed has a page that says how, and the page says what the catalogue says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from placement import providers
from placement.providers import Provider
from placement.providers.seed_guides import UNVERIFIED, guide, guides

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "seeds"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
MAILBOXES = [one for one in providers.all_providers() if one.has_mailboxes]


def every(entries: list[Provider]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("provider", entries, ids=lambda one: one.id)


def test_the_pages_are_the_catalogue():
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md") if path.name != "README.md"}
    assert kept == guides(providers.all_providers()), (
        "docs/seeds is old: python -m placement.providers.seed_guides docs/seeds"
    )


@every(MAILBOXES)
def test_a_page_says_how_to_create_to_sign_in_and_what_to_leave_empty(provider: Provider):
    titles = re.findall(r"^## (?:\d\. )?(\w+)", guide(provider), re.MULTILINE)
    assert [one for one in ("Create", "Let", "Leave", "Add", "Keep") if one not in titles] == []


@every([one for one in MAILBOXES if any(re.match(r"auth\b", field) for field in one.unverified)])
def test_a_way_in_that_nobody_tried_says_so(provider: Provider):
    assert f"Let IMAP in {UNVERIFIED}" in guide(provider)


@every([one for one in MAILBOXES if one.oauth and "accounts.google.com" in one.oauth.authorize])
def test_google_pages_warn_of_apps_in_testing(provider: Provider):
    assert "after 7 days" in guide(provider)


@every([one for one in MAILBOXES if one.auth.required == "oauth2"])
def test_a_provider_that_takes_no_password_asks_for_none(provider: Provider):
    added = guide(provider).partition("## Add it")[2].partition("##")[0]
    assert "«Connect»" in added and "password" not in added


def test_the_front_page_leads_to_every_page_and_to_no_other():
    linked = set(re.findall(r"\]\((\w+)\.md\)", README))
    assert linked == {one.id for one in MAILBOXES}


def test_the_front_page_warns_of_what_loses_all_seeds():
    assert '"Testing"' in README and "7 days" in README and "Twenty logins" in README


def test_the_starter_set_adds_up_to_what_it_says():
    sets = re.findall(r"ends with (.+?); one in Germany with (.+?)\. These", README, re.DOTALL)[0]
    for text in sets:
        counts = [int(one) for one in re.findall(r"\.md\) (\d)", " ".join(text.split()))]
        assert 5 <= len(counts) <= 6 and 20 <= sum(counts) <= 25
