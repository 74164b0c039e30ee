"""The tick that keeps the health of seeds: what it gathers, whom it excludes, what it says once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from placement.vocabulary import FullCheck
from seedtest import models, reports
from seedtest.models.clock import db_now
from seedtest.reports.seed_words import tell
from seedtest.services import exporting, intake, recording, seed_watch
from seedtest.services.intake import IntakeError, NewTest
from tests.seedtest.scans import LOOKED_EVERYWHERE, look_at, scanned

pytestmark = pytest.mark.django_db


@pytest.fixture
def seed(cast, make_seed, now):
    return make_seed(cast.workspace, state="healthy", last_good_poll_at=now)


def watch(seed, *, at=None, **mailbox):
    """One tick later, with the mailbox changed so."""
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(**mailbox)
    models.SeedHealth.objects.update(checked_at=db_now() - timedelta(hours=1))
    models.AllSeeds.objects.update(compared_at=None)
    seed_watch.watch(at or db_now())
    return models.SeedHealth.objects.get(seed_account=seed)


def lost(now):
    return {
        "state": "degraded", "fail_count": 9, "last_failed_poll_at": now, "last_good_poll_at": now - timedelta(days=4),
    }  # fmt: skip


def ended(make_test, workspace, seeds, placements, **fields):
    """A complete test whose seeds stand where they are said to."""
    now = db_now()
    test = make_test(workspace, seeds, status="complete", completed_at=now, deadline_at=now, **fields)
    for one, placement in zip(seeds, placements, strict=True):
        test.results.filter(seed_account=one).update(
            placement=placement,
            full_check_started_at=now,
            from_domain="" if placement == "missing" else "brand.example",
        )
    return test


def test_a_seed_gets_its_health_with_the_first_tick(seed):
    assert seed_watch.watch(db_now()) == 1
    assert seed.health.state == "healthy"


def test_a_judgement_stands_for_a_while(seed):
    seed_watch.watch(db_now())
    assert seed_watch.watch(db_now()) == 0


def test_a_refused_login_is_noticed_with_the_next_tick_and_told_once(seed, cast):
    seed_watch.watch(db_now())
    models.Mailbox.objects.update(state="needs_sign_in")
    assert seed_watch.watch(db_now()) == 1
    watch(seed)
    (event,) = models.Event.objects.filter(type="seed.auth_failed")
    assert event.workspace == cast.workspace
    assert event.data["seed"] == seed.public_id
    assert "password" not in str(event.data).lower()


def test_two_ticks_that_saw_the_same_seed_tell_its_fall_once(seed, monkeypatch):
    seed_watch.watch(db_now())
    models.Mailbox.objects.update(state="needs_sign_in")
    read_by_both = seed_watch._due(db_now())
    monkeypatch.setattr(seed_watch, "_due", lambda now: read_by_both)
    seed_watch.watch(db_now())
    seed_watch.watch(db_now() + timedelta(milliseconds=5))
    assert models.Event.objects.filter(type="seed.auth_failed").count() == 1


def test_a_refused_login_is_judged_before_a_backlog_of_others(seed, cast, make_seed, monkeypatch):
    others = [make_seed(cast.workspace, state="healthy") for _ in range(3)]
    seed_watch.watch(db_now())
    models.SeedHealth.objects.update(checked_at=db_now() - timedelta(hours=1))
    models.SeedHealth.objects.filter(seed_account=seed).update(checked_at=db_now())
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(state="needs_sign_in")
    monkeypatch.setattr(seed_watch, "BATCH", 1)
    assert seed_watch.watch(db_now()) < len(others)
    assert models.SeedHealth.objects.get(seed_account=seed).state == "needs_sign_in"


def test_a_mailbox_of_a_provider_nobody_knows_stops_no_other_judgement(seed, cast, make_seed):
    make_seed(cast.workspace, "vanished_provider")
    watch(seed, quota_used=0.75)
    assert [one[0] for one in models.SeedHealth.objects.get(seed_account=seed).problems] == ["quota_near"]


def test_the_queries_of_a_tick_do_not_grow_with_the_seeds(cast, make_seed, django_assert_max_num_queries):
    for _ in range(20):
        make_seed(cast.workspace, state="healthy", last_good_poll_at=db_now())
    watch(cast.workspace.seed_accounts.first())
    models.SeedHealth.objects.update(checked_at=db_now() - timedelta(hours=1))
    with django_assert_max_num_queries(20):
        seed_watch.watch(db_now())


def test_a_warning_is_told_when_it_appears_and_when_it_clears(seed):
    watch(seed, quota_used=0.75)
    watch(seed)
    watch(seed, quota_used=0.2)
    told = [(one.data["problem"], one.data["appeared"]) for one in models.Event.objects.filter(type="seed.warning")]
    assert told == [("quota_near", True), ("quota_near", False)]


def test_a_mailbox_that_is_lent_to_us_tells_only_of_our_own_tests(seed, cast, make_seed, make_test, now):
    theirs = make_seed(cast.elsewhere, mailbox=seed.mailbox)
    for _ in range(25):
        make_test(cast.workspace, [seed])
    models.OAuthCredential.objects.create(
        mailbox=seed.mailbox, provider="gmail", flow="authorization_code", last_error="AADSTS700082 of the operator"
    )
    watch(seed, web_login_at=now - timedelta(days=3000))
    assert {"too_many_tests", "web_login_due", "token_trouble"} <= {one[0] for one in seed_health_of(seed).problems}
    assert seed_health_of(theirs).problems == []


def test_the_health_of_a_lent_mailbox_sends_nobody_to_a_page_that_is_not_theirs(seed, cast, make_seed):
    theirs = make_seed(cast.elsewhere, mailbox=seed.mailbox)
    watch(seed, state="needs_sign_in", state_reason="auth_failed", state_problem="app_password")
    (told,) = tell(seed_health_of(theirs).problems, lent=True)
    assert "app password" not in f"{told.title} {told.means}"
    assert "lent to you" in told.next_step


def seed_health_of(seed):
    return models.SeedHealth.objects.get(seed_account=seed)


def test_a_biased_seed_stays_biased_while_controls_do_not_reach_it(seed, cast, make_seed, make_test):
    everybody = [seed, make_seed(cast.workspace), make_seed(cast.workspace)]
    ended(make_test, cast.workspace, everybody, ["spam", "inbox", "inbox"], kind="control")
    assert watch(seed).biased
    for _ in range(12):
        ended(make_test, cast.workspace, everybody, ["missing", "inbox", "inbox"], kind="control")
    health = watch(seed)
    assert (health.biased, health.control_placement) == (True, "spam")
    assert {"biased", "controls_lost"} <= {one[0] for one in health.problems}
    ended(make_test, cast.workspace, everybody, ["inbox", "inbox", "inbox"], kind="control")
    health = watch(seed)
    assert (health.biased, [one[0] for one in health.problems]) == (False, [])


def test_messages_that_somebody_takes_away_from_one_seed_are_noticed(seed, cast, make_seed, make_test):
    everybody = [seed, make_seed(cast.workspace), make_seed(cast.workspace)]
    for _ in range(6):
        test = ended(make_test, cast.workspace, everybody, ["inbox", "inbox", "inbox"])
        test.results.filter(seed_account=seed).update(gone_at=db_now())
    (told,) = tell(watch(seed).problems)
    assert told.code == "vanishes" and "6 of 6" in told.seen_by


def test_webde_files_into_unbekannt_by_itself(cast, make_seed, make_test):
    lone = make_seed(cast.workspace, "webde", state="healthy", last_good_poll_at=db_now())
    for _ in range(2):
        test = ended(make_test, cast.workspace, [lone], ["other"])
        test.results.update(folder="Unbekannt")
    assert watch(lone).problems == []


def test_quarantine_and_return_are_told(seed, now):
    watch(seed)
    assert watch(seed, **lost(now)).state == "quarantined"
    assert watch(seed, state="healthy", fail_count=0, last_good_poll_at=db_now()).state == "healthy"
    told = models.Event.objects.exclude(type="seed.warning").order_by("id")
    assert [one.type for one in told] == ["seed.quarantined", "seed.recovered"]


def test_a_quarantined_seed_is_still_polled_so_that_it_can_come_back(seed, now):
    watch(seed, **lost(now))
    assert models.Mailbox.objects.polled().filter(pk=seed.mailbox_id).exists()


def test_an_excluded_seed_is_in_no_new_test_and_the_report_says_which_and_why(seed, cast, make_seed, now):
    well = make_seed(cast.workspace, state="healthy", last_good_poll_at=now)
    watch(seed, state="needs_sign_in")
    test = intake.open_test(cast.workspace, NewTest(name="Spring"), now=db_now())
    report = reports.build(test)
    assert [row.seed for row in report.seeds] == [well.public_id]
    (left_out,) = report.left_out
    assert (left_out.seed, left_out.title) == (seed.public_id, "It needs a sign-in")
    (finding,) = [one for one in report.findings if one.code == "seeds_left_out"]
    assert left_out.masked_address in finding.evidence[0] and seed.mailbox.address not in str(finding)


def test_a_seed_that_waits_for_its_first_sign_in_is_left_out_before_it_is_judged(seed, cast, make_seed):
    waiting = make_seed(cast.workspace, "outlook_com", state="needs_sign_in", state_problem="not_signed_in")
    test = intake.open_test(cast.workspace, NewTest(name="Spring"), now=db_now())
    assert [one.seed_account for one in test.results.all()] == [seed]
    (left_out,) = test.left_out
    assert (left_out["seed"], left_out["problem"]) == (waiting.public_id, "sign_in")


def test_a_workspace_whose_seeds_are_all_excluded_opens_no_test(seed, cast):
    watch(seed, state="needs_sign_in")
    with pytest.raises(IntakeError, match="No usable seed"):
        intake.open_test(cast.workspace, NewTest(name="Spring"), now=db_now())


def test_a_seed_that_a_person_switched_off_is_not_told_as_left_out(seed, cast, make_seed):
    off = make_seed(cast.workspace)
    models.SeedAccount.objects.filter(pk=off.pk).update(enabled=False)
    assert intake.open_test(cast.workspace, NewTest(name="Spring"), now=db_now()).left_out == []


@pytest.mark.parametrize("ill", [{"state": "needs_sign_in"}, {"quota_used": 0.93}])
def test_exports_leave_out_seeds_that_would_bounce_or_cannot_be_seen(seed, cast, make_seed, ill, now):
    well = make_seed(cast.workspace, state="healthy", last_good_poll_at=now)
    seed_list = models.SeedList.objects.create(workspace=cast.workspace, name="Core")
    seed_list.seed_accounts.add(seed, well)
    watch(seed, **ill)
    assert [one.mailbox.address for one in exporting.exported_accounts(seed_list)] == [well.mailbox.address]


def test_a_seed_that_three_campaigns_passed_over_is_not_on_the_list(seed, cast, make_seed, make_test):
    siblings = [make_seed(cast.workspace), make_seed(cast.workspace)]
    tests = [ended(make_test, cast.workspace, [seed, *siblings], ["missing", "inbox", "spam"]) for _ in range(3)]
    report = reports.build(tests[-1])
    assert report.upload_again == (seed.mailbox.address,)
    (finding,) = [one for one in report.findings if one.code == "not_on_list"]
    assert seed.mailbox.address not in str(finding)
    assert ["not_on_list", "Nothing from brand.example."] in watch(seed).problems
    assert reports.build(tests[0]).upload_again == (), "two campaigns later nobody knew"


def test_agreement_with_the_siblings_is_kept(seed, cast, make_seed, make_test):
    siblings = [make_seed(cast.workspace), make_seed(cast.workspace)]
    for number in range(5):
        ended(make_test, cast.workspace, [seed, *siblings], ["inbox" if number else "spam", "inbox", "inbox"])
    health = watch(seed)
    assert (health.agreement, health.agreement_n) == (0.8, 5)


def test_a_biased_seed_stands_apart_and_in_no_number(seed, cast, make_seed, make_test):
    siblings = [make_seed(cast.workspace), make_seed(cast.workspace)]
    ended(make_test, cast.workspace, [seed, *siblings], ["spam", "inbox", "inbox"], kind="control")
    health = watch(seed)
    assert (health.biased, health.control_placement) == (True, "spam")
    assert health.control_seen_at is not None
    test = intake.open_test(cast.workspace, NewTest(name="Spring"), now=db_now())
    test.results.filter(seed_account=seed).update(placement="spam")
    test.results.exclude(seed_account=seed).update(placement="inbox")
    report = reports.build(test)
    assert (report.totals.counts.spam, report.totals.counts.n) == (0, 2)
    assert [row.biased for row in report.seeds if row.seed == seed.public_id] == [True]
    assert "biased_seeds" in [one.code for one in report.findings]


def test_mail_of_a_lent_mailbox_is_not_told(seed, cast, make_seed, now):
    folder = models.FolderCursor.objects.create(
        mailbox=seed.mailbox, name="INBOX", role="inbox", source=50, seen_at=now
    )
    models.Arrival.objects.create(
        mailbox=seed.mailbox, folder=folder, uidvalidity=1, uid=1, message_key="k", internaldate=now, placement="inbox",
        first_seen_at=now,
    )  # fmt: skip
    assert watch(seed).newest_message_at == now
    make_seed(cast.elsewhere, mailbox=seed.mailbox)
    assert watch(seed).newest_message_at is None


def test_a_full_mailbox_that_got_nothing_is_unknown_and_never_missing(seed, cast, make_test):
    now = db_now()
    test = make_test(cast.workspace, [seed], deadline_at=now - timedelta(minutes=1), first_arrival_at=now)
    recording.record(look_at(seed), scanned(full_check=LOOKED_EVERYWHERE, quota_used=0.9))
    result = test.results.get()
    assert (result.placement, result.reason) == ("unknown", "mailbox_full")
    seed.mailbox.refresh_from_db()
    assert (seed.mailbox.state, seed.mailbox.state_reason) == ("degraded", "mailbox_full")


def test_a_full_message_window_proves_no_miss_either(seed, cast, make_test):
    now = db_now()
    test = make_test(cast.workspace, [seed], deadline_at=now - timedelta(minutes=1), first_arrival_at=now)
    look = look_at(seed, window=10_000)
    recording.record(look, scanned(full_check=FullCheck(complete=True, folders=4), messages=9_400))
    assert (test.results.get().placement, test.results.get().reason) == ("unknown", "mailbox_full")
    seed.mailbox.refresh_from_db()
    assert seed.mailbox.window_used == 0.94


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"state_reason": "auth_failed", "state_problem": "not_signed_in"}, "Nobody has signed in"),
        ({"state_reason": "secret_unreadable"}, "encryption key"),
        ({"state_reason": "auth_failed", "state_problem": "sign_in_instead"}, "needs sign-in with Microsoft"),
    ],
)
def test_health_says_why_nobody_gets_in_as_the_page_of_the_mailbox_does(cast, make_seed, said, words):
    outlook = make_seed(cast.workspace, "outlook_com")
    health = watch(outlook, state="needs_sign_in", **said)
    (told,) = tell(health.problems)
    assert words in f"{told.title} {told.means}" and told.next_step
    assert "refuses our login" not in told.means
