"""Which OAuth client signs in where: one a provider, or one a family, and a company's tenant for companies only."""

from __future__ import annotations

import pytest

from placement import providers
from seedtest.services import oauth
from seedtest.services.oauth.plain import USUAL_SECONDS, tokens_from
from seedtest.system_checks import oauth_clients

COMPANY = "0f0e5a1c-9f0a-4c5b-8a64-0000deadbeef"


@pytest.fixture(autouse=True)
def nothing_set(settings):
    settings.OAUTH_MICROSOFT_CLIENT_ID = settings.OAUTH_MICROSOFT_CLIENT_SECRET = settings.OAUTH_MICROSOFT_TENANT = ""
    settings.OAUTH_CLIENTS = {}


def client(provider: str, tenant: str = "") -> oauth.OAuthClient:
    return oauth.client_of(providers.get(provider), tenant)


def test_a_provider_may_have_a_client_of_its_own_beside_its_familys(settings):
    settings.OAUTH_MICROSOFT_CLIENT_ID, settings.OAUTH_MICROSOFT_CLIENT_SECRET = "family", "family secret"
    settings.OAUTH_CLIENTS = {"outlook_com": {"client_id": "personal"}}
    assert (client("microsoft_365").client_id, client("microsoft_365").client_secret) == ("family", "family secret")
    assert (client("outlook_com").client_id, client("outlook_com").client_secret) == ("personal", "")
    assert client("outlook_com").family == "microsoft"


def test_without_a_familys_client_each_provider_has_its_own(settings):
    settings.OAUTH_CLIENTS = {
        "outlook_com": {"client_id": "personal"},
        "microsoft_365": {"client_id": "company", "client_secret": "x", "tenant": COMPANY},
    }
    assert (client("outlook_com").client_id, client("outlook_com").endpoints.tenant) == ("personal", "consumers")
    assert (client("microsoft_365").client_id, client("microsoft_365").endpoints.tenant) == ("company", COMPANY)


def test_what_names_no_client_goes_over_the_familys(settings):
    settings.OAUTH_MICROSOFT_CLIENT_ID = "family"
    settings.OAUTH_CLIENTS = {"outlook_com": {"tenant": "common"}}
    assert (client("outlook_com").client_id, client("outlook_com").endpoints.tenant) == ("family", "common")


@pytest.mark.parametrize(
    ("tenant", "personal", "company"),
    [
        ("", "consumers", "organizations"),
        (COMPANY, "consumers", COMPANY),
        ("acme.example", "consumers", "acme.example"),
        ("common", "common", "common"),
        ("organizations", "consumers", "organizations"),
        ("consumers", "consumers", "organizations"),
    ],
)
def test_a_companys_tenant_is_not_for_personal_accounts(settings, tenant, personal, company):
    settings.OAUTH_MICROSOFT_CLIENT_ID, settings.OAUTH_MICROSOFT_TENANT = "family", tenant
    assert client("outlook_com").endpoints.tenant == personal
    assert f"/{personal}/" in client("outlook_com").endpoints.token
    assert client("microsoft_365").endpoints.tenant == company


def test_the_tenant_of_a_credential_goes_before_all(settings):
    settings.OAUTH_MICROSOFT_CLIENT_ID, settings.OAUTH_MICROSOFT_TENANT = "family", "organizations"
    assert client("microsoft_365", COMPANY).endpoints.tenant == COMPANY


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"yahoo": {"client_id": "x"}, "generic": {"token": "x"}, "google": {}, "microsoft_365": {}}, []),
        ({"hotmail": {"client_id": "x"}}, ["'hotmail' is no mailbox provider"]),
        ({"yahoo": "x"}, ["'yahoo' is no object"]),
        ({"yahoo": {"clientid": "x", "secret": "y"}}, ["'clientid', which nothing reads", "'secret', which nothing"]),
    ],
)
def test_a_key_that_nothing_reads_is_told_at_start_up(settings, given, said):
    settings.OAUTH_CLIENTS = given
    found = oauth_clients(None)
    assert [message.id for message in found] == ["seedtest.W005"] * len(said)
    assert all(words in message.msg for words, message in zip(said, found, strict=True))
    assert "'y'" not in str(found), "a value may be a secret"


def test_clients_that_are_no_object_stop_the_start(settings):
    settings.OAUTH_CLIENTS = ["yahoo"]
    assert [message.id for message in oauth_clients(None)] == ["seedtest.E008"]


@pytest.mark.parametrize(
    "told", [None, "", "soon", -1, 0, float("nan"), pytest.param(10**400, id="400 digits"), [3600]]
)
def test_a_life_that_no_token_has_is_the_usual_one(told):
    assert tokens_from({"access_token": "x", "expires_in": told}).expires_in == USUAL_SECONDS
