"""Every family of verdict headers answers the same questions; a new one inherits them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement import providers
from placement.headers.spam_verdicts import FAMILIES, Family, Place, Reading, Sample, Says, families_for
from placement.headers.spam_verdicts import families as modules
from placement.headers.spam_verdicts.registry import self_hosted_headers
from placement.headers.spam_verdicts.shapes import MAX_HITS
from placement.providers.reader import sources

SAMPLES = [pytest.param(family, sample, id=f"{family.id} {sample.header}: {sample.value[:24]}")
           for family in FAMILIES for sample in family.samples]  # fmt: skip
HEADERS = [(family, header) for family in FAMILIES for header in family.headers]
HOSTILE = [
    "",
    " ",
    "\ufffd",
    "=",
    ";;;;",
    ":" * 500,
    "(" * 500,
    "\u202e" * 50,
    "score=" * 300,
    "9" * 5000,
    "-",
    "[ / ]",
]


def read(family: Family, header: str, value: str) -> Reading:
    return family.headers[header](value)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.id)
def test_a_family_names_its_sources_and_shows_each_of_its_headers(family: Family):
    assert family.sources
    assert all(one in sources() or one.startswith("https://") for one in family.sources)
    assert {sample.header for sample in family.samples} == set(family.headers)
    assert all(why.endswith(".") for why in family.sender_stamps.values())
    assert not {name.lower() for name in family.headers} & {name.lower() for name in family.sender_stamps}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.id)
def test_a_family_that_stands_at_the_end_names_the_field_that_opens_its_part(family: Family):
    assert bool(family.opened_by) is (family.place is Place.END)


@pytest.mark.parametrize(("family", "sample"), SAMPLES)
def test_a_sample_is_read_as_it_says(family: Family, sample: Sample):
    found = read(family, sample.header, sample.value)
    assert (found.says, found.delivery_folder) == (sample.says, sample.delivery_folder)


@pytest.mark.parametrize(("family", "header"), HEADERS, ids=lambda one: getattr(one, "id", one))
def test_an_unknown_value_is_unknown(family: Family, header: str):
    for value in ("zzyzx", "zzyzx:zzyzx;zzyzx=zzyzx", *HOSTILE):
        found = read(family, header, value)
        assert found.delivery_folder is None
        assert found.says in {Says.UNKNOWN, Says.SPAM, Says.CLEAN} and len(found.hits) <= MAX_HITS
    assert read(family, header, "zzyzx").says is Says.UNKNOWN


@given(st.text(max_size=200), st.sampled_from(HEADERS))
@settings(max_examples=300, deadline=None)
def test_no_value_makes_a_reader_fail(value: str, one: tuple[Family, str]):
    assert read(*one, value).says in Says


def test_each_module_is_registered_once():
    folder = Path(str(modules.__path__[0]))
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == {family.id for family in FAMILIES}
    assert len({family.id for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("provider", providers.all_providers(), ids=lambda provider: provider.id)
def test_every_verdict_header_of_the_catalogue_has_a_family(provider: providers.Provider):
    stamps = {name.lower() for family in FAMILIES for name in family.sender_stamps}
    known = families_for(provider.verdict_headers)
    assert {name.lower() for name in provider.verdict_headers} <= known.keys() | stamps


@pytest.mark.parametrize(
    ("provider", "header", "family"),
    [
        ("fastmail", "x-spam-score", "fastmail"),
        ("cpanel_dovecot", "x-spam-score", "spamassassin"),
        ("rackspace", "x-spam-flag", "spamassassin"),
        ("gmx", "x-spam-flag", "united_internet"),
        ("icloud", "x-clx-shades", "icloud"),
        ("gw_proofpoint", "x-clx-shades", "proofpoint"),
    ],
)
def test_a_header_several_families_know_is_read_by_the_one_the_provider_runs(provider: str, header: str, family: str):
    assert families_for(providers.get(provider).verdict_headers)[header].id == family


def test_an_own_server_may_run_what_people_host_themselves():
    assert {"X-Spam-Status", "X-Spamd-Result", "X-SpamExperts-Class"} <= set(self_hosted_headers())


def test_scores_rules_and_thresholds_are_kept():
    status = "Yes, score=5.1 required=5.0 tests=BAYES_50,HTML_MESSAGE autolearn=no version=3.4.6"
    found = read(by_id("spamassassin"), "X-Spam-Status", status)
    assert (found.score, found.threshold, [hit.name for hit in found.hits]) == (5.1, 5.0, ["BAYES_50", "HTML_MESSAGE"])
    found = read(by_id("rspamd"), "X-Spamd-Result", "default: False [4.17 / 15.00]; R_SPF_ALLOW(-0.20)[+a]; X(1)[]")
    assert (found.score, found.threshold) == (4.17, 15.0)
    assert [(hit.name, hit.score) for hit in found.hits] == [("R_SPF_ALLOW", -0.2)]
    found = read(by_id("fastmail"), "X-Spam-hits", "DCC_CHECK 1.1, SPF_PASS -0.001, LANGUAGES en, SA_VERSION 3.4.6")
    assert [(hit.name, hit.score) for hit in found.hits] == [("DCC_CHECK", 1.1), ("SPF_PASS", -0.001)]
    found = read(by_id("microsoft"), "X-Forefront-Antispam-Report", "CIP:1;SCL:6;SRV:BULK;SFV:SPM;CAT:BULK;")
    assert found.scores == {"scl": 6.0}
    assert any(re.search("BULK", meaning) for meaning in found.meanings)


def by_id(family_id: str) -> Family:
    return next(family for family in FAMILIES if family.id == family_id)
