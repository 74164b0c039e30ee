"""Connect: sign in at the provider in the browser, come back, and the mailbox is read with it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core import signing
from django.test import Client
from django.urls import reverse

from placement.mailbox import shared_ssl_context
from seedtest.models import Mailbox, OAuthCredential
from seedtest.services import seeding
from tests.live.servers.certificates import make_certificates
from tests.token_endpoint import TokenEndpoint

CALLBACK = "/admin/seedtest/mailbox/connected/"


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def endpoint(settings):
    with TokenEndpoint() as endpoint:
        google = endpoint.settings | {"scopes": ["https://mail.google.com/"]}
        settings.OAUTH_CLIENTS = {"google": google, "generic": endpoint.settings}
        yield endpoint


@pytest.fixture
def mailbox(cast, make_seed):
    return make_seed(cast.workspace, "gmail", address="anna@gmail.com", host="imap.gmail.com").mailbox


@pytest.fixture
def owner(cast):
    return client_of(cast.owner)


def page_of(mailbox, name="connect"):
    return reverse(f"admin:seedtest_mailbox_{name}", args=[mailbox.public_id])


def begin(client, mailbox):
    """What the provider is asked."""
    answer = client.post(page_of(mailbox))
    assert answer.status_code == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["location"]).query).items()}


def agree(endpoint, asked):
    """What the provider sends the browser back with."""
    endpoint.codes["the-code"] = asked["code_challenge"]
    return {"code": "the-code", "state": asked["state"]}


def messages_of(answer):
    return " ".join(str(one) for one in answer.context["messages"])


def test_a_sign_in_from_the_button_to_the_stored_token(endpoint, owner, mailbox):
    assert b"Connect with Google" in owner.get(page_of(mailbox)).content
    asked = begin(owner, mailbox)
    assert asked["redirect_uri"] == "http://localhost:8000" + CALLBACK
    assert (asked["code_challenge_method"], asked["login_hint"]) == ("S256", "anna@gmail.com")
    assert (asked["access_type"], asked["prompt"], asked["scope"]) == ("offline", "consent", "https://mail.google.com/")
    answer = owner.get(CALLBACK, agree(endpoint, asked))
    assert answer["location"] == page_of(mailbox, "check")
    credential = OAuthCredential.objects.get(mailbox=mailbox)
    assert (credential.refresh_token.reveal(), credential.provider) == ("refresh-2", "gmail")
    mailbox.refresh_from_db()
    assert (mailbox.auth_kind, mailbox.state) == ("xoauth2", "new")


def test_no_token_and_no_verifier_is_ever_shown(endpoint, owner, mailbox):
    answer = owner.get(CALLBACK, agree(endpoint, begin(owner, mailbox)), follow=True)
    credential = OAuthCredential.objects.get()
    shown = (
        answer.content.decode()
        + owner.get(reverse("admin:seedtest_mailbox_change", args=[mailbox.pk])).content.decode()
    )
    assert credential.refresh_token.reveal() not in shown
    assert credential.access_token.reveal() not in shown


def test_an_answer_counts_once(endpoint, owner, mailbox):
    told = agree(endpoint, begin(owner, mailbox))
    owner.get(CALLBACK, told)
    asked_before = len(endpoint.asked)
    answer = owner.get(CALLBACK, told, follow=True)
    assert "has ended already" in messages_of(answer)
    assert len(endpoint.asked) == asked_before


def test_an_answer_that_failed_counts_too(endpoint, owner, mailbox):
    told = agree(endpoint, begin(owner, mailbox))
    owner.get(CALLBACK, told | {"code": "wrong"})
    assert "has ended already" in messages_of(owner.get(CALLBACK, told, follow=True))
    assert not OAuthCredential.objects.exists()


def test_another_browser_cannot_end_a_sign_in(endpoint, owner, cast, mailbox):
    """Else somebody could be made to connect a mailbox of ours to an account of theirs."""
    told = agree(endpoint, begin(owner, mailbox))
    answer = client_of(cast.owner).get(CALLBACK, told, follow=True)
    assert "another browser" in messages_of(answer)
    assert not OAuthCredential.objects.exists()


@pytest.mark.parametrize(
    "state",
    ["", "nonsense", "x" * 20000, signing.dumps({"nonce": "n", "mailbox": "m"}, salt="other")],
    ids=["empty", "nonsense", "long", "signed for something else"],
)
def test_a_state_that_we_did_not_sign_is_refused(endpoint, owner, state):
    answer = owner.get(CALLBACK, {"code": "c", "state": state}, follow=True)
    assert "no sign-in of ours" in messages_of(answer)
    assert endpoint.asked == []


def test_a_sign_in_ends_after_ten_minutes(endpoint, owner, mailbox):
    with time_machine.travel("2026-03-04 10:00:00Z", tick=False) as clock:
        client = Client()
        client.force_login(mailbox.workspace.memberships.get(role="owner").user)
        told = agree(endpoint, begin(client, mailbox))
        clock.shift(601)
        assert "longer than ten minutes" in messages_of(client.get(CALLBACK, told, follow=True))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"error": "access_denied", "error_description": "The user said no"}, "access_denied: The user said no"),
        ({"error": "admin_policy_enforced"}, "administrator"),
        ({"code": "never issued"}, "invalid_grant"),
    ],
)
def test_the_providers_refusal_is_shown_in_words(endpoint, owner, mailbox, told, words):
    asked = begin(owner, mailbox)
    answer = owner.get(CALLBACK, told | {"state": asked["state"]}, follow=True)
    assert words in messages_of(answer)
    assert answer.redirect_chain[-1][0] == page_of(mailbox)
    assert not OAuthCredential.objects.exists()


def test_markup_in_the_providers_words_is_text(endpoint, owner, mailbox):
    asked = begin(owner, mailbox)
    told = {"error": "access_denied", "error_description": "<script>alert(1)</script>", "state": asked["state"]}
    assert b"<script>alert(1)" not in owner.get(CALLBACK, told, follow=True).content


def test_the_answer_sends_the_browser_nowhere_else(endpoint, owner, mailbox):
    told = agree(endpoint, begin(owner, mailbox)) | {
        "next": "https://evil.example",
        "redirect_uri": "https://evil.example",
    }
    assert owner.get(CALLBACK, told)["location"].startswith("/admin/")


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_finds_nothing(endpoint, cast, mailbox, method):
    assert getattr(client_of(cast.stranger), method)(page_of(mailbox)).status_code == 404


def test_who_may_not_change_mailboxes_may_not_connect_them(endpoint, cast, mailbox):
    assert client_of(cast.teammate).post(page_of(mailbox)).status_code == 403


def test_who_was_thrown_out_meanwhile_finds_nothing(endpoint, owner, cast, mailbox):
    told = agree(endpoint, begin(owner, mailbox))
    cast.owner.memberships.all().delete()
    assert owner.get(CALLBACK, told).status_code == 404
    assert not OAuthCredential.objects.exists()


def test_nobody_is_asked_to_connect_without_a_client(owner, mailbox, settings):
    settings.OAUTH_CLIENTS = {}
    assert b"cannot be connected yet" in owner.get(page_of(mailbox)).content
    assert page_of(mailbox) not in owner.get(page_of(mailbox, "check")).content.decode()
    answer = owner.post(page_of(mailbox))
    assert "No OAuth client is set for Google" in messages_of(answer)


def test_the_check_page_leads_to_connect(endpoint, owner, mailbox):
    assert page_of(mailbox) in owner.get(page_of(mailbox, "check")).content.decode()


# --- Microsoft


@pytest.fixture
def microsoft(settings, tmp_path, monkeypatch):
    made = make_certificates(tmp_path, ["127.0.0.1"])
    with TokenEndpoint(certificate=(made.certificate, made.key)) as endpoint:
        context = shared_ssl_context(str(made.ca))
        monkeypatch.setattr("seedtest.guarded_http.shared_ssl_context", lambda: context)
        settings.OAUTH_CLIENTS = {"microsoft": endpoint.settings | {"scopes": ["https://outlook/IMAP"]}}
        yield endpoint


@pytest.fixture
def at_microsoft(cast, make_seed):
    return make_seed(cast.workspace, "outlook_com", address="anna@outlook.com", host="outlook.office365.com").mailbox


def test_microsoft_is_connected_through_its_own_library(microsoft, owner, at_microsoft):
    answer = owner.post(page_of(at_microsoft))
    assert f"{microsoft.url}/consumers/oauth2/v2.0/authorize" in answer["location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer["location"]).query).items()}
    answer = owner.get(CALLBACK, agree(microsoft, asked), follow=True)
    assert "is connected" in messages_of(answer)
    assert OAuthCredential.objects.get(mailbox=at_microsoft).refresh_token.reveal() == "refresh-2"


def test_microsofts_refusal_is_shown_in_words(microsoft, owner, at_microsoft):
    asked = begin(owner, at_microsoft)
    told = {"error": "consent_required", "error_description": "AADSTS65001: not consented", "state": asked["state"]}
    assert "AADSTS65001" in messages_of(owner.get(CALLBACK, told, follow=True))


def test_microsoft_being_down_is_said(settings, owner, at_microsoft):
    nowhere = "https://127.0.0.1:1/{tenant}/oauth2/v2.0/authorize"
    settings.OAUTH_CLIENTS = {"microsoft": {"client_id": "x", "authorize": nowhere}}
    assert "gives out no tokens now" in messages_of(owner.post(page_of(at_microsoft)))


def test_only_the_operator_may_name_a_tenant(microsoft, owner, cast, make_seed):
    """The application's access reaches every mailbox of a tenant, also of one that another workspace brought."""
    mailbox = make_seed(cast.workspace, "microsoft_365", host="outlook.office365.com").mailbox
    assert owner.post(page_of(mailbox), {"tenant": "11111111-2222"}).status_code == 403
    cast.owner.is_superuser = True
    cast.owner.save()
    assert owner.post(page_of(mailbox), {"tenant": "../common"}).status_code == 302
    assert not OAuthCredential.objects.exists()
    owner.post(page_of(mailbox), {"tenant": "11111111-2222"})
    assert OAuthCredential.objects.get().flow == "client_credentials"


# --- a seed without a password


def test_a_seed_can_be_added_without_a_password_where_one_can_sign_in(endpoint, owner, cast):
    answer = owner.post(reverse("admin:seedtest_seedaccount_add"), {"address": "eva@gmail.com", "password": ""})
    mailbox = Mailbox.objects.get(address="eva@gmail.com")
    assert answer["location"] == page_of(mailbox)
    assert (mailbox.state, mailbox.state_problem, mailbox.auth_kind) == ("needs_sign_in", "not_signed_in", "xoauth2")


def test_elsewhere_the_password_is_still_asked_for(cast, settings):
    settings.OAUTH_CLIENTS = {}
    with pytest.raises(seeding.SeedingError) as caught:
        seeding.add_seed(cast.workspace, "eva@gmail.com", "")
    assert caught.value.field == "password"
