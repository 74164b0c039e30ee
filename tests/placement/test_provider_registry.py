"""A provider is found by id, by an address and by the names of an MX."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from placement import providers
from placement.errors import CatalogError


def found(*hostnames: str) -> str | None:
    provider = providers.for_mx(hostnames)
    return provider and provider.id


@pytest.mark.parametrize(
    ("host", "owner"),
    [
        ("gmail-smtp-in.l.google.com", "gmail"),
        ("alt1.gmail-smtp-in.l.google.com", "gmail"),
        ("ASPMX.L.GOOGLE.COM.", "google_workspace"),
        ("alt2.aspmx.l.google.com", "google_workspace"),
        ("smtp.google.com", "google_workspace"),
        ("outlook-com.olc.protection.outlook.com", "outlook_com"),
        ("customer-example.mail.protection.outlook.com", "microsoft_365"),
        ("customer-example.a-v1.mx.microsoft", "microsoft_365"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx-aol.mail.gm0.yahoodns.net", "aol"),
        ("mx.wp.pl", "wp_pl"),
        ("mxbiz1.qq.com", "exmail_qq"),
        ("mx3.qq.com", "qq"),
        ("eu-smtp-inbound-1.mimecast.com", "gw_mimecast"),
    ],
)
def test_the_longest_mx_suffix_wins(host: str, owner: str):
    assert found(host) == owner


@pytest.mark.parametrize(
    "host",
    ["notqq.com", "evilyahoodns.net", "qq.com.stranger.example", "com", "", ".", "a" * 300, "a." * 500],
)
def test_a_suffix_is_the_host_itself_or_follows_a_dot(host: str):
    assert found(host) is None


def test_the_longest_suffix_wins_over_all_host_names_and_order_breaks_ties():
    assert found("mail.stranger.example", "alt1.aspmx.l.google.com") == "google_workspace"
    assert found("mx.qq.com", "mxbiz2.qq.com") == "exmail_qq"
    assert found("mx1.qq.com", "mx2.qq.com") == "qq"
    assert found("posteo.de", "tlen.pl") == "posteo"
    assert found("web.de", "onet.pl") == "onet"  # the longer one
    assert found("wp.pl", "o2.pl") == "wp_pl"
    assert found("o2.pl", "wp.pl") == "o2_pl"
    assert found() is None


def test_brands_on_one_platform_are_told_apart_by_address_only():
    for address in ("a@att.net", "a@sky.com", "a@verizon.net", "a@cox.net"):
        brand = providers.for_address(address)
        assert brand is not None
        assert brand.platform == "yahoo"
    assert found("al-ip4-mx-vip1.yahoodns.net") == "yahoo"


@pytest.mark.parametrize(
    "email",
    ["", "@", "gmail.com", "@gmail.com", "a@", "a@sub.gmail.com", "a@gmail.com.stranger.example", "a@."],
)
def test_an_address_elsewhere_leads_to_nobody(email: str):
    assert providers.for_address(email) is None


def test_a_leading_dot_stands_for_every_subdomain():
    assert providers.for_address("a@customer.onmicrosoft.com") is providers.get("microsoft_365")
    assert providers.for_address("a@mail.customer.onmicrosoft.com") is providers.get("microsoft_365")
    assert providers.for_address("a@onmicrosoft.com") is None


def test_an_unknown_id_says_what_to_use_instead():
    with pytest.raises(CatalogError, match=r"'gmial'.*'generic'"):
        providers.get("gmial")


def test_every_id_can_be_fetched():
    assert len(set(providers.ids())) == len(providers.ids()) == 59
    assert [providers.get(provider_id).id for provider_id in providers.ids()] == list(providers.ids())


def test_the_catalogue_is_read_once_and_cannot_be_changed():
    assert providers.get("gmail") is providers.get("gmail")
    with pytest.raises(dataclasses.FrozenInstanceError):
        providers.get("gmail").name = "Other"  # type: ignore[misc]


def test_login_name_and_host_come_from_the_address():
    webde, cpanel = providers.get("webde").imap, providers.get("cpanel_dovecot").imap
    assert webde is not None
    assert cpanel is not None
    assert webde.login_for("anna.berg@web.de") == "anna.berg"
    assert cpanel.login_for("anna@Customer.example") == "anna@Customer.example"
    assert cpanel.host_for("anna@Customer.example") == "mail.customer.example"


def test_authserv_ids_match_whole_and_in_any_case():
    gmail = providers.get("gmail")
    assert gmail.wrote("MX.Google.Com")
    for forged in (
        "mx.google.com.stranger.example",
        "xmx.google.com",
        "mxxgoogle.com",
        "mx.google.com\n",
        "",
    ):
        assert not gmail.wrote(forged)


def test_a_missing_authserv_id_is_believed_only_where_the_provider_leaves_it_out():
    silent = {provider.id for provider in providers.all_providers() if provider.wrote("")}
    assert silent == {"outlook_com", "microsoft_365"}


def test_an_operators_entry_joins_the_shipped_ones_in_its_own_catalogue(tmp_path: Path):
    text = """
id = "hill"
name = "Hill Mail"
kind = "hosting"
domains = ["hill.example"]
mx_suffixes = ["mx.hill.example"]
[imap]
host = "imap.hill.example"
tls = "ssl"
[auth]
required = "password"
methods = ["password"]
"""
    (tmp_path / "hill.toml").write_text(text, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not an entry", encoding="utf-8")
    catalog = providers.load([tmp_path])
    assert catalog.for_address("anna@hill.example") is catalog.get("hill")
    assert catalog.for_mx(["a.mx.hill.example"]) is catalog.get("hill")
    assert catalog.get("gmail").name == "Gmail"
    assert "hill" not in providers.ids()
