"""One back-off for the connection, one for the login; an account sees at most four refused logins an hour."""

from __future__ import annotations

from datetime import timedelta

import pytest

from placement.errors import ConnectFailed, Disconnected, LoginRefused, LoginUnavailable, Throttled
from placement.vocabulary import LoginProblem
from seedtest.models import Mailbox
from seedtest.services import backing_off, checking, recording, states
from seedtest.services.oauth.errors import SignInLost
from tests.fakes import DOVECOT, Box, ScriptedImapServer
from tests.seedtest.scans import look_at, scanned

pytestmark = pytest.mark.django_db

REFUSING = {"LOGIN": b"%(tag)s NO [AUTHENTICATIONFAILED] Invalid credentials\r\n"}
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def seed(cast, make_seed):
    return make_seed(cast.workspace, "generic", tls="none")


def fail(mailbox, error, now):
    """The row after this failure."""
    Mailbox.objects.filter(pk=mailbox.pk).update(**backing_off.after_failure(mailbox, error, now))
    mailbox.refresh_from_db()
    return mailbox


def test_a_lost_connection_leaves_the_login_alone_and_the_other_way_round(seed, now):
    mailbox = fail(seed.mailbox, Disconnected("gone"), now)
    assert (mailbox.fail_count, mailbox.auth_fail_count, mailbox.auth_backoff_until) == (1, 0, None)
    mailbox = fail(mailbox, LoginRefused("no"), now)
    assert (mailbox.fail_count, mailbox.auth_fail_count) == (1, 1)
    assert mailbox.auth_backoff_until - now >= 15 * MINUTE
    assert mailbox.backoff_until - now < MINUTE


@pytest.mark.parametrize("error", [Disconnected, LoginRefused])
def test_a_mailbox_that_backs_off_on_either_is_not_offered(seed, now, error):
    Mailbox.objects.update(next_poll_at=now)
    assert Mailbox.objects.due(now).exists()
    fail(seed.mailbox, error("no"), now)
    assert not Mailbox.objects.due(now).exists()


def test_a_server_that_cannot_check_logins_is_asked_ever_more_seldom(seed, now):
    waits = []
    for _ in range(8):
        mailbox = fail(seed.mailbox, LoginUnavailable("later"), now)
        waits.append((mailbox.auth_backoff_until - now) / MINUTE)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert (mailbox.state, mailbox.refused_logins) == ("degraded", [])


@pytest.mark.parametrize("error", [Throttled("slow", retry_after=900), LoginUnavailable("later", retry_after=900)])
def test_the_servers_own_words_set_the_wait(seed, now, error):
    mailbox = fail(seed.mailbox, error, now)
    assert max(mailbox.backoff_until or now, mailbox.auth_backoff_until or now) - now == 15 * MINUTE


def test_only_a_full_poll_sets_the_counts_back(seed, now):
    with ScriptedImapServer(Box(), Box(b"Junk", "\\Junk"), capabilities=DOVECOT) as server:
        Mailbox.objects.update(port=server.port)
        fail(fail(seed.mailbox, Disconnected("gone"), now), LoginRefused("no"), now)
        assert checking.check_connection(seed.mailbox, now=now).ok
    mailbox = Mailbox.objects.get()
    assert (mailbox.state, mailbox.backoff_until, mailbox.auth_backoff_until) == ("healthy", None, None)
    assert (mailbox.fail_count, mailbox.auth_fail_count) == (1, 1)
    recording.record(look_at(seed), scanned())
    mailbox.refresh_from_db()
    assert (mailbox.fail_count, mailbox.auth_fail_count, mailbox.state_problem) == (0, 0, "")


def test_polls_and_a_person_who_keeps_checking_try_four_logins_an_hour(seed, now):
    """A worker polls whenever it may, and somebody presses "Check connection" every minute, for three hours."""
    tried = []
    with ScriptedImapServer(Box(), answers=REFUSING) as server:
        Mailbox.objects.update(port=server.port, next_poll_at=now)
        for minute in range(180):
            at = now + minute * MINUTE
            before = len(server.commands)
            if Mailbox.objects.due(at).exists():
                fail(Mailbox.objects.get(), LoginRefused("no"), at)
                tried.append(at)
            checking.check_connection(Mailbox.objects.get(), now=at)
            tried += [at] * (len(server.commands) - before)
    assert len(tried) == 12
    assert all(sum(at - HOUR < other <= at for other in tried) <= 4 for at in tried)


def test_workers_alone_try_three_logins_an_hour(seed, now):
    tried = []
    Mailbox.objects.update(next_poll_at=now)
    for minute in range(60):
        if Mailbox.objects.due(now + minute * MINUTE).exists():
            fail(Mailbox.objects.get(), LoginRefused("no"), now + minute * MINUTE)
            tried.append(minute)
    assert tried == [0, 20, 40]


def test_a_wrong_password_is_tried_ever_more_seldom_and_at_last_once_a_day(seed, now):
    tried = []
    Mailbox.objects.update(next_poll_at=now)
    for step in range(5 * 24 * 3):
        at = now + step * 20 * MINUTE
        if Mailbox.objects.due(at).exists():
            fail(Mailbox.objects.get(), LoginRefused("no"), at)
            tried.append((at - now) / HOUR)
    assert tried == [0, 1 / 3, 2 / 3, 1, 2, 6, 18, 42, 66, 90, 114]


def test_a_new_password_or_sign_in_that_is_refused_begins_the_count_anew(seed, now):
    for _ in range(7):
        mailbox = fail(seed.mailbox, LoginRefused("no"), now)
    assert mailbox.auth_backoff_until - now == 24 * HOUR
    Mailbox.objects.update(state="new", auth_backoff_until=None)  # as a new password and Connect leave it
    mailbox = fail(Mailbox.objects.get(), LoginRefused("no"), now + 2 * HOUR)
    assert mailbox.auth_backoff_until - now == 2 * HOUR + 20 * MINUTE


def test_what_the_operator_has_to_mend_is_tried_every_twenty_minutes(seed, now):
    for _ in range(7):
        mailbox = fail(seed.mailbox, SignInLost("client secret", LoginProblem.APP_REFUSED), now)
    assert mailbox.auth_backoff_until - now == 20 * MINUTE


@pytest.mark.parametrize("error", [Throttled("slow", retry_after=6 * 3600), LoginUnavailable("no", retry_after=7200)])
def test_a_server_that_asks_for_hours_gets_them(seed, now, error):
    mailbox = fail(seed.mailbox, error, now)
    waits_until = max(mailbox.backoff_until or now, mailbox.auth_backoff_until or now)
    assert (waits_until - now).total_seconds() == error.retry_after


def test_who_used_up_the_logins_is_told_to_wait_and_nothing_is_sent(seed, now):
    for minute in range(4):
        fail(seed.mailbox, LoginRefused("no"), now + minute * MINUTE)
    with ScriptedImapServer(Box()) as server:
        Mailbox.objects.update(port=server.port)
        report = checking.check_connection(seed.mailbox, now=now + 5 * MINUTE)
        assert server.commands == []
    assert not report.ok
    assert "56 minutes" in report.next
    assert Mailbox.objects.get().lease_until is None


def test_a_failure_does_not_switch_a_mailbox_on_again(seed, now):
    Mailbox.objects.update(state="disabled")
    seed.mailbox.refresh_from_db()
    assert fail(seed.mailbox, LoginRefused("no"), now).state == "disabled"


def test_that_the_server_is_down_does_not_make_a_refused_password_good(seed, now):
    fail(seed.mailbox, LoginRefused("no"), now)
    for _ in range(4):
        fail(seed.mailbox, ConnectFailed("down"), now)
    assert seed.mailbox.state == "needs_sign_in"


@pytest.mark.parametrize(
    ("provider", "auth_kind", "problem", "title"),
    [
        ("outlook_com", "password", "sign_in_instead", "this provider needs sign-in"),
        ("microsoft_365", "password", "sign_in_instead", "this provider needs sign-in"),
        ("gmail", "password", "credentials", "Gmail refused the password"),
        ("outlook_com", "xoauth2", "token_refused", "did not accept the sign-in"),
    ],
)
def test_a_refusal_is_put_as_a_marketer_understands_it(cast, make_seed, now, provider, auth_kind, problem, title):
    mailbox = make_seed(cast.workspace, provider, auth_kind=auth_kind).mailbox
    fail(mailbox, LoginRefused("The server said: LOGIN failed."), now)
    assert mailbox.state_problem == problem
    said = states.explain_stored(mailbox)
    assert title in said.title
    assert mailbox.catalog_entry.name in said.title
    assert "{" not in said.title + said.what_happened + said.what_next


def test_a_problem_that_a_newer_version_wrote_is_no_crash(seed):
    seed.mailbox.state_reason, seed.mailbox.state_problem = "auth_failed", "brand_new"
    assert states.explain_stored(seed.mailbox).title == "The login was refused"


def test_what_the_server_says_goes_before_what_we_guess(cast, make_seed, now):
    mailbox = make_seed(cast.workspace, "outlook_com").mailbox
    error = LoginRefused("IMAP is disabled")
    error.problem = LoginProblem.IMAP_OFF
    assert fail(mailbox, error, now).state_problem == "imap_off"
