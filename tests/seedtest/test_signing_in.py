"""Access tokens: refreshed early, rotated ones saved at once, and the endpoint's refusals told from its failures."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import httpx
import pytest
from django.db import connection

from placement.errors import LoginRefused
from placement.vocabulary import LoginProblem
from seedtest import guarded_http, netguard
from seedtest.models import EgressRoute, Mailbox, OAuthCredential, claims
from seedtest.models.clock import db_now
from seedtest.services import oauth, polling, signing_in
from seedtest.services.oauth.errors import SignInLost, TokenServiceDown
from tests.fakes import Box, ScriptedImapServer
from tests.live.servers.certificates import make_certificates
from tests.seedtest.scans import look_at
from tests.seedtest.socks_server import SocksServer
from tests.token_endpoint import TokenEndpoint, refusal

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
OUTLOOK = "outlook.office365.com"


@pytest.fixture
def endpoint(settings):
    with TokenEndpoint() as endpoint:
        settings.OAUTH_CLIENTS = {"generic": endpoint.settings}
        yield endpoint


@pytest.fixture
def seed(cast, make_seed):
    return make_seed(cast.workspace, "generic", auth_kind="xoauth2", tls="none", secret="")


@pytest.fixture
def credential(seed):
    """A sign-in whose access token has ended."""
    return OAuthCredential.objects.create(
        mailbox=seed.mailbox, provider="generic", refresh_token="refresh-1", access_token="old"
    )


def token_of(seed):
    """The access token as a poll gets it."""
    return signing_in.login_of(Mailbox.objects.get(pk=seed.mailbox_id), look_at(seed).claim).secret


def ends_in(credential, span):
    OAuthCredential.objects.filter(pk=credential.pk).update(expires_at=db_now() + span)


def test_a_token_that_lasts_is_used_without_asking(endpoint, seed, credential):
    ends_in(credential, 6 * MINUTE)
    assert token_of(seed) == "old"
    assert endpoint.asked == []


def test_a_token_is_refreshed_five_minutes_before_it_ends(endpoint, seed, credential):
    ends_in(credential, 4 * MINUTE)
    assert token_of(seed) != "old"
    assert endpoint.asked == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "refresh-1",
            "client_id": "our-client",
            "client_secret": "our-secret",
        }
    ]
    credential.refresh_from_db()
    assert 59 * MINUTE < credential.expires_at - db_now() <= 60 * MINUTE
    assert (credential.refresh_token.reveal(), credential.generation) == ("refresh-2", 1)


def test_a_provider_that_keeps_its_refresh_token_is_no_loss(endpoint, seed, credential):
    endpoint.rotates = False
    endpoint.answers = [(200, {"access_token": "new", "expires_in": "3600"}, {})]
    assert token_of(seed) == "new"
    credential.refresh_from_db()
    assert credential.refresh_token.reveal() == "refresh-1"


def test_a_rotated_token_is_in_the_database_before_the_login_is_tried(endpoint, seed, credential):
    refuse = {"AUTHENTICATE": b"%(tag)s NO [UNAVAILABLE] later\r\n"}
    with ScriptedImapServer(Box(), answers=refuse) as server:
        Mailbox.objects.update(port=server.port, next_poll_at=db_now())
        assert polling.poll_one(seed.mailbox_id, owner="me")
    credential.refresh_from_db()
    assert credential.refresh_token.reveal() == endpoint.refresh_token == "refresh-2"


def test_the_endpoint_being_down_does_not_matter_while_the_token_serves(endpoint, seed, credential):
    ends_in(credential, 2 * MINUTE)
    endpoint.answers = [(503, b"", {})]
    assert token_of(seed) == "old"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"error": "server_error"}, {}),
        (503, b"<html>", {}),
        (200, b"<html>Sign in to the hotel network", {}),
        (200, {"token_type": "Bearer"}, {}),
        (200, [], {}),
        (429, {"error": "slow_down"}, {"retry-after": "120"}),
        refusal("temporarily_unavailable"),
        refusal("something_new"),
        (404, b"", {}),
    ],
)
def test_an_endpoint_that_fails_is_tried_again_later(endpoint, seed, credential, answer):
    endpoint.answers = [answer]
    with pytest.raises(TokenServiceDown) as caught:
        token_of(seed)
    assert not caught.value.permanent
    assert caught.value.retry_after == (120 if answer[2] else None)
    credential.refresh_from_db()
    assert credential.refresh_token.reveal() == "refresh-1"


def test_an_endpoint_that_is_not_there_is_tried_again_later(seed, credential, settings):
    settings.OAUTH_CLIENTS = {"generic": {"client_id": "x", "token": "http://127.0.0.1:1/token"}}
    with pytest.raises(TokenServiceDown):
        token_of(seed)


@pytest.mark.parametrize(
    ("error", "description", "problem"),
    [
        ("invalid_grant", "Token has been expired or revoked.", "sign_in_ended"),
        ("invalid_grant", "AADSTS65001: The user or administrator has not consented", "consent_missing"),
        ("interaction_required", "AADSTS50076: use multi-factor authentication", "sign_in_ended"),
        ("invalid_client", "AADSTS7000222: The provided client secret keys are expired", "app_refused"),
        ("unauthorized_client", "", "app_refused"),
        ("invalid_scope", "", "wrong_scope"),
    ],
)
def test_a_refusal_needs_a_person_and_says_so(endpoint, seed, credential, error, description, problem):
    endpoint.answers = [refusal(error, description)]
    with pytest.raises(SignInLost) as caught:
        token_of(seed)
    assert (caught.value.permanent, caught.value.problem) == (True, problem)
    assert error in str(caught.value)
    credential.refresh_from_db()
    assert credential.last_error == str(caught.value)


def test_secrets_that_the_endpoint_quotes_back_are_not_kept(endpoint, seed, credential):
    endpoint.answers = [refusal("invalid_grant", "x" * 180 + " refresh-1 and our-secret are bad")]
    with pytest.raises(SignInLost) as caught:
        token_of(seed)
    assert "refresh-1" not in str(caught.value) and "our-s" not in str(caught.value)


def test_a_mailbox_that_nobody_connected_says_so(endpoint, seed):
    with pytest.raises(SignInLost) as caught:
        token_of(seed)
    assert caught.value.problem is LoginProblem.NOT_SIGNED_IN


def test_without_a_client_in_the_settings_the_operator_is_named(seed, credential, settings):
    settings.OAUTH_CLIENTS = {}
    with pytest.raises(SignInLost) as caught:
        token_of(seed)
    assert caught.value.problem is LoginProblem.APP_REFUSED


def test_a_lost_sign_in_costs_no_login_and_waits_for_a_person(endpoint, seed, credential):
    endpoint.refresh_token = "another"
    with ScriptedImapServer(Box()) as server:
        Mailbox.objects.update(port=server.port, next_poll_at=db_now())
        assert polling.poll_one(seed.mailbox_id, owner="me")
        assert server.commands == []
    mailbox = Mailbox.objects.get()
    assert (mailbox.state, mailbox.state_problem, mailbox.refused_logins) == ("needs_sign_in", "sign_in_ended", [])


def test_a_sign_in_made_during_the_refresh_is_not_written_over(endpoint, seed, credential):
    def person_connects() -> None:
        signing_in.connect(seed.mailbox, oauth.Tokens("fresh", 3600, "theirs"), now=db_now())
        connection.close()  # of the endpoint's thread

    endpoint.answers = [person_connects]
    with pytest.raises(TokenServiceDown):
        token_of(seed)
    credential.refresh_from_db()
    assert (credential.refresh_token.reveal(), credential.access_token.reveal()) == ("theirs", "fresh")


def test_a_refusal_of_a_token_that_was_replaced_meanwhile_is_not_final(endpoint, seed, credential):
    endpoint.refresh_token = "another"

    def person_connects() -> None:
        signing_in.connect(seed.mailbox, oauth.Tokens("fresh", 3600, "theirs"), now=db_now())
        connection.close()  # of the endpoint's thread

    endpoint.answers = [person_connects]
    with pytest.raises(TokenServiceDown):
        token_of(seed)
    credential.refresh_from_db()
    assert (credential.access_token.reveal(), credential.last_error) == ("fresh", "")


def test_a_worker_that_lost_its_lease_saves_the_rotated_token_and_does_not_log_in(endpoint, seed, credential):
    def another_worker_claims() -> None:
        late = db_now() + timedelta(hours=1)
        assert claims.claim([seed.mailbox_id], late, owner="other", lease=MINUTE)
        connection.close()  # of the endpoint's thread

    endpoint.answers = [another_worker_claims]
    with pytest.raises(TokenServiceDown):
        token_of(seed)
    credential.refresh_from_db()
    assert credential.refresh_token.reveal() == endpoint.refresh_token


def test_a_token_that_the_mail_server_refused_is_fetched_anew(endpoint, seed, credential):
    ends_in(credential, 60 * MINUTE)
    mailbox = Mailbox.objects.get()
    signing_in.doubt(mailbox, LoginRefused("expired"))
    assert token_of(seed) != "old"


def test_connecting_needs_a_token_that_can_be_refreshed(seed):
    with pytest.raises(SignInLost):
        signing_in.connect(seed.mailbox, oauth.Tokens("fresh", 3600), now=db_now())
    assert not OAuthCredential.objects.exists()


def test_connecting_makes_the_mailbox_due_and_forgets_what_was_wrong(cast, make_seed, now):
    late = {"auth_backoff_until": now + MINUTE, "next_poll_at": now + MINUTE, "state": "needs_sign_in"}
    seed = make_seed(cast.workspace, "outlook_com", state_reason="auth_failed", state_problem="sign_in_instead", **late)
    signing_in.connect(seed.mailbox, oauth.Tokens("fresh", 3600, "r"), now=now)
    mailbox = Mailbox.objects.get()
    assert (mailbox.auth_kind, mailbox.state, mailbox.state_problem) == ("xoauth2", "new", "")
    assert Mailbox.objects.due(now).exists()


# --- Microsoft, through msal


@pytest.fixture
def microsoft(settings, tmp_path, monkeypatch):
    made = make_certificates(tmp_path, ["127.0.0.1"])
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(TokenEndpoint(certificate=(made.certificate, made.key)))
        context = signing_in.engine.shared_ssl_context(str(made.ca))
        monkeypatch.setattr("seedtest.guarded_http.shared_ssl_context", lambda: context)
        settings.OAUTH_CLIENTS = {
            "microsoft": endpoint.settings | {"scopes": ["https://outlook/IMAP", "offline_access"]}
        }
        yield endpoint


@pytest.fixture
def at_microsoft(cast, make_seed):
    seed = make_seed(cast.workspace, "outlook_com", auth_kind="xoauth2", secret="", host=OUTLOOK)
    OAuthCredential.objects.create(mailbox=seed.mailbox, provider="outlook_com", refresh_token="refresh-1")
    return seed


def test_microsoft_refreshes_through_msal_and_rotates(microsoft, at_microsoft):
    assert token_of(at_microsoft)
    (form,) = microsoft.asked
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", "refresh-1")
    assert {"https://outlook/IMAP", "offline_access"} <= set(form["scope"].split())
    assert OAuthCredential.objects.get().refresh_token.reveal() == "refresh-2"


def test_microsoft_refusals_keep_their_meaning(microsoft, at_microsoft):
    microsoft.answers = [refusal("invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.")]
    with pytest.raises(SignInLost) as caught:
        token_of(at_microsoft)
    assert caught.value.problem is LoginProblem.SIGN_IN_ENDED
    assert "AADSTS700082" in str(caught.value)


@pytest.mark.parametrize("answer", [(503, {"error": "x"}, {"retry-after": "60"}), (200, b"<html>", {}), (500, b"", {})])
def test_microsoft_being_down_is_tried_again_later(microsoft, at_microsoft, answer):
    microsoft.answers = [answer]
    with pytest.raises(TokenServiceDown):
        token_of(at_microsoft)


def test_microsoft_being_unreachable_is_tried_again_later(settings, at_microsoft):
    nowhere = "https://127.0.0.1:1/{tenant}/oauth2/v2.0/authorize"
    settings.OAUTH_CLIENTS = {"microsoft": {"client_id": "x", "client_secret": "y", "authorize": nowhere}}
    with pytest.raises(TokenServiceDown):
        token_of(at_microsoft)


def test_microsoft_365_can_be_read_as_the_application(microsoft, cast, make_seed, now):
    seed = make_seed(cast.workspace, "microsoft_365", secret="", host=OUTLOOK)
    signing_in.use_application(seed.mailbox, "11111111-2222", now=now)
    assert token_of(seed)
    (form,) = microsoft.asked
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "https://outlook.office365.com/.default"


# --- where a token is sent


def test_a_token_goes_to_the_providers_own_server_only(microsoft, at_microsoft):
    Mailbox.objects.update(host="imap.evil.example")
    with pytest.raises(signing_in.WrongHost, match="own mail server only"):
        token_of(at_microsoft)
    assert microsoft.asked == []


def test_a_sign_in_is_no_good_for_a_mailbox_that_was_said_to_be_elsewhere(microsoft, at_microsoft):
    """Else whoever may edit the mailbox could have the token sent to a server of their own."""
    Mailbox.objects.update(host="imap.evil.example", provider="generic")
    OAuthCredential.objects.update(access_token="", expires_at=db_now() + 60 * MINUTE)
    with pytest.raises(SignInLost) as caught:
        token_of(at_microsoft)
    assert caught.value.problem is LoginProblem.NOT_SIGNED_IN


# --- the way out ----------------------------------------------------------------------------------------


@pytest.fixture
def proxy(cast):
    """A SOCKS5 proxy that the mailboxes of the cast's workspace leave by."""
    with SocksServer() as proxy:
        yield proxy


def leaves_by(proxy, seed, **more):
    values = {"proxy_host": "127.0.0.1", "proxy_port": proxy.port} | more
    route = EgressRoute.objects.create(workspace=seed.workspace, name="Office", **values)
    Mailbox.objects.filter(pk=seed.mailbox_id).update(egress=route)


def test_tokens_are_fetched_by_the_way_out_of_their_mailbox(endpoint, seed, credential, proxy):
    leaves_by(proxy, seed)
    assert token_of(seed)
    assert [f"http://{host}:{port}" for host, port in proxy.asked] == [endpoint.url]


def test_microsoft_is_asked_by_the_way_out_of_the_mailbox(microsoft, at_microsoft, proxy):
    leaves_by(proxy, at_microsoft)
    assert token_of(at_microsoft)
    assert {f"https://{host}:{port}" for host, port in proxy.asked} == {microsoft.url}
    assert len(microsoft.asked) == 1


def test_a_way_out_that_is_down_fetches_no_token_by_another(endpoint, seed, credential, proxy):
    leaves_by(proxy, seed, proxy_port=1)
    with pytest.raises(TokenServiceDown):
        token_of(seed)
    assert endpoint.asked == []


def test_without_tls_no_token_goes_through_a_proxy_to_another_machine(proxy, settings):
    settings.NETGUARD_ALLOW = ["127.0.0.0/8", "192.0.2.7"]
    route = netguard.Route(proxy=netguard.Proxy("127.0.0.1", proxy.port))
    with guarded_http.client(seconds=5, route=route) as web, pytest.raises(httpx.TransportError, match="without TLS"):
        web.post("http://192.0.2.7/token", data={"refresh_token": "x"})
    assert proxy.came_from == []
