"""Every entry of the catalogue answers the same questions; a new provider inherits them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from placement import providers
from placement.providers import (
    GENERIC,
    AuthMethod,
    Kind,
    Provider,
    Requirement,
    SubaddressStatus,
    Tabs,
    Tls,
)
from placement.providers.reader import sources
from placement.vocabulary import OBSERVED_TABS

ROOT = Path(__file__).resolve().parents[2]
FACTS = ROOT.parent / "shared" / "facts" / "providers.yaml"
ALL = providers.all_providers()
MAILBOXES = [provider for provider in ALL if provider.has_mailboxes]
OAUTH = {AuthMethod.XOAUTH2, AuthMethod.OAUTHBEARER}
NOT_EXPOSED = {"outlook_com", "microsoft_365", "yahoo", "aol", "att", "verizon", "cox", "sky", "icloud"}


def by_id(provider: Provider) -> str:
    return provider.id


def every(entries: list[Provider] | tuple[Provider, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("provider", entries, ids=by_id)


def stated_authserv_id(example: str) -> str:
    """The authserv-id of an example; "" where the value begins with a result (RFC 8601 2.2)."""
    first = example.partition(";")[0].strip()
    return "" if "=" in first else first


def test_the_catalogue_has_58_entries_of_which_7_are_gateways():
    assert len(ALL) == 58
    assert len(MAILBOXES) == 51


def test_the_entries_are_those_of_the_collected_facts():
    if not FACTS.exists():
        pytest.skip("the collected facts (../shared/facts/providers.yaml) are absent")
    known = re.findall(r"^- id: (\w+)$", FACTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(known) == sorted(provider.id for provider in ALL)


@every(MAILBOXES)
def test_a_mailbox_can_be_reached(provider: Provider):
    assert provider.imap is not None
    host = provider.imap.host_for("someone@customer.example")
    assert re.fullmatch(r"[a-z0-9.-]+\.[a-z0-9-]+", host)
    assert 1 <= provider.imap.port <= 65535
    assert (provider.imap.tls is Tls.SSL) == (provider.imap.port == 993)


@every(MAILBOXES)
def test_a_mailbox_can_be_logged_in_to(provider: Provider):
    assert provider.auth.methods
    needs_oauth = "oauth2" in provider.auth.required or OAUTH & set(provider.auth.methods)
    assert not needs_oauth or provider.oauth is not None
    if provider.auth.required is Requirement.APP_PASSWORD:
        assert provider.auth.methods[0] is AuthMethod.APP_PASSWORD


@every([provider for provider in ALL if provider.oauth])
def test_oauth_addresses_are_whole_once_the_tenant_is_filled_in(provider: Provider):
    assert provider.oauth is not None
    oauth = provider.oauth.for_tenant()
    for address in filter(None, (oauth.authorize, oauth.token, oauth.device_code)):
        assert address.startswith("https://")
        assert "{" not in address
    assert oauth.scopes
    assert set(oauth.sasl) <= OAUTH
    assert set(provider.auth.methods) & OAUTH <= set(oauth.sasl)


@every([provider for provider in ALL if provider.kind is Kind.GATEWAY])
def test_a_gateway_is_an_mx_and_never_a_mailbox(provider: Provider):
    assert provider.mx_suffixes
    assert not provider.domains
    assert provider.imap is None


@every([provider for provider in ALL if provider.ar_style.examples])
def test_a_provider_knows_its_own_authentication_results(provider: Provider):
    for example in provider.ar_style.examples:
        assert provider.wrote(stated_authserv_id(example)), example


@every([provider for provider in ALL if provider.authserv_ids])
def test_an_authserv_id_of_somebody_else_is_not_believed(provider: Provider):
    own = [p.pattern.replace("\\", "") for p in provider.authserv_ids if re.fullmatch(r"[\w\\.-]+", p.pattern)]
    for host in (*own, "mx1.stranger.example"):
        assert not provider.wrote(f"{host}.stranger.example")
        assert not provider.wrote(f"{host}\n")
        assert not provider.wrote(f"{host} ")


@every([provider for provider in ALL if provider.authserv_ids])
def test_patterns_do_not_run_away_on_hostile_names(provider: Provider):
    for piece in ("a", "a.", "atlas-", "mta1.", "a.yahoo.com.", "-", "1"):
        hostile = piece * 20_000
        assert not any(pattern.fullmatch(hostile + "!") for pattern in provider.authserv_ids)
        assert not provider.wrote(hostile)


@every(MAILBOXES)
def test_junk_names_are_written_as_people_read_them(provider: Provider):
    assert provider.junk_names
    assert len(set(provider.junk_names)) == len(provider.junk_names)
    for name in provider.junk_names:
        assert name.isprintable()
        assert name.isascii() or not re.search(r"&[A-Za-z0-9+,]+-", name)


@every([provider for provider in ALL if provider.domains])
def test_an_address_at_its_own_domain_leads_to_the_provider(provider: Provider):
    for domain in provider.domains:
        address = f"Some.One+x@{'tenant' if domain.startswith('.') else ''}{domain}".upper()
        assert providers.for_address(address) is provider


def test_no_domain_is_claimed_twice():
    domains = [domain for provider in ALL for domain in provider.domains]
    assert len(set(domains)) == len(domains)


@every([provider for provider in ALL if provider.mx_suffixes])
def test_an_mx_of_its_own_leads_to_the_provider_or_to_its_platform(provider: Provider):
    for suffix in provider.mx_suffixes:
        found = providers.for_mx([f"mx1.{suffix}."])
        assert found is not None
        assert found.id in {provider.id, provider.platform}


@every(MAILBOXES)
def test_category_folders_stand_for_known_tabs(provider: Provider):
    assert all(folder.tab in OBSERVED_TABS for folder in provider.category_folders)
    assert (provider.tabs is Tabs.FOLDERS) == bool(provider.category_folders)


def test_the_providers_that_hide_their_tabs_say_so():
    assert {p.id for p in ALL if p.tabs is Tabs.NOT_EXPOSED} >= NOT_EXPOSED
    assert {p.id for p in ALL if p.tabs is Tabs.GMAIL} == {"gmail", "google_workspace"}
    assert {p.id for p in ALL if p.tabs is Tabs.FOLDERS} == {"mailru", "zoho", "netease"}


@every(MAILBOXES)
def test_what_nobody_saw_on_a_live_account_is_called_unverified(provider: Provider):
    assert provider.subaddress.status is not SubaddressStatus.VERIFIED
    assert "subaddress" in provider.unverified
    texts = (provider.auth.setup, (provider.imap and provider.imap.note) or "", *provider.notes)
    if any("(unverified" in text or "; unverified" in text for text in texts):
        assert len(provider.unverified) > 1


@every(ALL)
def test_every_entry_names_its_sources(provider: Provider):
    assert provider.sources
    assert set(provider.sources) <= set(sources())


def test_every_listed_source_is_used():
    assert set(sources()) == {source for provider in ALL for source in provider.sources}


@every(ALL)
def test_an_entry_speaks_of_readers_words_only(provider: Provider):
    words = " ".join((*provider.notes, *provider.unverified, provider.auth.setup, *provider.ar_style.quirks))
    assert "memory" not in words
    assert all(text == text.strip() for text in (*provider.notes, *provider.unverified))


def test_the_generic_entry_trusts_nobody_and_leaves_the_host_open():
    assert providers.get("generic") is GENERIC
    assert GENERIC.imap is not None
    assert GENERIC.imap.host == ""
    assert not GENERIC.wrote("")
    assert not GENERIC.wrote("mx.google.com")
