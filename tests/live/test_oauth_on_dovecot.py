"""OAuth from sign-in to recorded placement: a real Dovecot that checks tokens, and a token endpoint that rotates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings

from placement import mailbox as engine
from placement.errors import LoginRefused
from placement.marker import OWN_HEADER
from placement.vocabulary import LoginProblem
from seedtest import models, netguard
from seedtest.models.clock import db_now
from seedtest.services import checking, intake, oauth, polling, seeding, signing_in
from seedtest.services.intake import NewTest
from tests.live.conftest import shared
from tests.live.servers.dovecot import Dovecot, need_dovecot
from tests.live.servers.dovecot_oauth import OAuthDovecot
from tests.token_endpoint import TokenEndpoint, access_token, refusal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tables_in_order")]

USER = "su-01"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def oauth_dovecot() -> Iterator[Dovecot]:
    need_dovecot()
    with shared(OAuthDovecot()) as server:
        yield server


@pytest.fixture
def endpoint(settings: LazySettings) -> Iterator[TokenEndpoint]:
    with TokenEndpoint(USER) as endpoint:
        settings.OAUTH_CLIENTS = {"generic": endpoint.settings}
        yield endpoint


@pytest.fixture
def seed(oauth_dovecot: Dovecot, endpoint: TokenEndpoint) -> models.SeedAccount:
    """A seed that was signed in for a moment ago."""
    oauth_dovecot.empty(USER)
    where = {"host": "127.0.0.1", "port": oauth_dovecot.imaps_port, "login": USER, "tls": "ssl"}
    workspace = models.Workspace.objects.create(name="Brand")
    added = seeding.add_seed(workspace, f"{USER}@seed.example", "", provider="generic", overrides=where)
    models.Mailbox.objects.update(ca_pem=oauth_dovecot.ca_file.read_text())
    signing_in.connect(added.account.mailbox, _signed_in(), now=db_now())
    return models.SeedAccount.objects.get()


def _signed_in(user: str = USER, lives: float = 3600) -> oauth.Tokens:
    return oauth.Tokens(access_token(user, lives=lives), 3600, "refresh-1")


def poll(seed: models.SeedAccount) -> models.Mailbox:
    models.Mailbox.objects.update(next_poll_at=db_now(), backoff_until=None, auth_backoff_until=None)
    assert polling.poll([seed.mailbox_id], owner="this test") == 1
    return models.Mailbox.objects.get()


def token_ends(span: timedelta) -> None:
    models.OAuthCredential.objects.update(expires_at=db_now() + span)


@pytest.mark.parametrize("method", ["xoauth2", "oauthbearer"])
def test_a_message_is_found_in_a_mailbox_that_was_signed_in_for(seed, oauth_dovecot, endpoint, method):
    models.Mailbox.objects.update(auth_kind=method)
    poll(seed)
    test = intake.open_test(seed.workspace, NewTest(name="Live"), now=db_now())
    token = test.markers.get(kind="token").value
    oauth_dovecot.deliver(USER, f"{OWN_HEADER}: {token}\r\nFrom: a@brand.example\r\nSubject: s\r\n\r\nHi\r\n".encode())
    assert poll(seed).state == "healthy"
    assert models.SeedResult.objects.get(test=test).placement == "inbox"
    assert endpoint.asked == []


def test_a_token_is_refreshed_when_it_is_about_to_end_and_the_rotated_one_is_kept(seed, endpoint):
    for turn in (2, 3):
        token_ends(MINUTE)
        assert poll(seed).state == "healthy"
        assert models.OAuthCredential.objects.get().refresh_token.reveal() == f"refresh-{turn}"
    assert [form["refresh_token"] for form in endpoint.asked] == ["refresh-1", "refresh-2"]


def test_a_sign_in_that_has_ended_asks_for_a_person_and_costs_no_login(seed, oauth_dovecot, endpoint):
    token_ends(-MINUTE)
    endpoint.refresh_token = "somebody else's"
    mailbox = poll(seed)
    assert (mailbox.state, mailbox.state_problem) == ("needs_sign_in", "sign_in_ended")
    assert (mailbox.refused_logins, mailbox.fail_count) == ([], 0)
    signing_in.connect(mailbox, _signed_in(), now=db_now())
    assert poll(seed).state == "healthy"


def test_an_endpoint_that_is_down_puts_the_mailbox_off_and_comes_back_by_itself(seed, endpoint):
    token_ends(-MINUTE)
    endpoint.answers = [(503, b"", {"retry-after": "90"})]
    mailbox = poll(seed)
    assert (mailbox.state_problem, mailbox.auth_fail_count, mailbox.fail_count) == ("token_service_down", 1, 0)
    assert mailbox.state != "needs_sign_in"
    assert mailbox.auth_backoff_until - db_now() > MINUTE
    mailbox = poll(seed)
    assert (mailbox.state, mailbox.auth_fail_count, mailbox.state_problem) == ("healthy", 0, "")


def test_an_endpoint_that_is_down_is_not_noticed_while_the_token_serves(seed, endpoint):
    token_ends(2 * MINUTE)
    endpoint.answers = [(503, b"", {})]
    assert poll(seed).state == "healthy"


@pytest.mark.parametrize("method", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize(
    "token", [access_token(USER, lives=-60), access_token("su-02"), access_token(USER, key=b"x" * 32), "no token"]
)
def test_a_token_that_the_server_refuses_is_told_from_everything_else(oauth_dovecot, method, token):
    login = engine.Login("127.0.0.1", oauth_dovecot.imaps_port, "ssl", USER, token, auth=method)
    context = engine.shared_ssl_context(str(oauth_dovecot.ca_file))
    with pytest.raises(LoginRefused) as caught:
        engine.ImapMailbox.open(login, dial=netguard.dial, deadline_seconds=10, ssl_context=context)
    assert caught.value.problem is LoginProblem.TOKEN_REFUSED
    assert token not in str(caught.value)


def test_a_token_withdrawn_before_its_time_is_replaced_at_the_next_look(seed, endpoint):
    signing_in.connect(seed.mailbox, _signed_in(lives=-60), now=db_now())
    mailbox = poll(seed)
    assert (mailbox.state, mailbox.state_problem, len(mailbox.refused_logins)) == ("needs_sign_in", "token_refused", 1)
    assert poll(seed).state == "healthy"
    assert len(endpoint.asked) == 1


def test_a_sign_in_as_somebody_else_is_not_tried_more_than_four_times_an_hour(seed, endpoint):
    endpoint.user = "su-02"
    signing_in.connect(seed.mailbox, _signed_in("su-02"), now=db_now())
    start, tried = db_now(), 0
    for minute in range(0, 60, 2):
        before = len(models.Mailbox.objects.get().refused_logins)
        checking.check_connection(models.Mailbox.objects.get(), now=start + minute * MINUTE)
        tried += len(models.Mailbox.objects.get().refused_logins) - before
    assert tried == 4
    assert models.Mailbox.objects.get().state == "needs_sign_in"


def test_the_check_says_in_words_that_the_sign_in_has_ended(seed, endpoint):
    token_ends(-MINUTE)
    endpoint.answers = [refusal("invalid_grant", "Token has been expired or revoked.")]
    report = checking.check_connection(seed.mailbox, now=db_now())
    assert "sign-in" in report.title and "Connect" in report.next
    assert "Token has been expired or revoked" in report.detail
