"""The version of an export follows its addresses, and tests by an ESP measure what was exported last."""

from __future__ import annotations

import pytest
from django.urls import reverse

from seedtest import models, reports
from seedtest.models.clock import db_now
from seedtest.models.people import Scope
from seedtest.services import exporting, intake, seed_watch, seeding
from seedtest.services.intake import IntakeError, NewTest

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(cast, make_seed, now):
    return [make_seed(cast.workspace, state="healthy", last_good_poll_at=now) for _ in range(2)]


@pytest.fixture
def core(cast, two):
    seed_list = models.SeedList.objects.create(workspace=cast.workspace, name="Core")
    seeding.set_members(seed_list, two)
    return seed_list


def change(seed, **mailbox):
    """One tick later, with the mailbox changed so."""
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(**mailbox)
    models.SeedHealth.objects.all().delete()
    seed_watch.watch(db_now())


def opened(cast, seed_list=None):
    return intake.open_test(cast.workspace, NewTest(name="Spring", seed_list=seed_list), now=db_now())


def test_the_version_rises_when_a_seed_leaves_the_export_and_when_it_returns(core, two, now):
    first = exporting.hand_out(core, now=now)
    change(two[0], state="needs_sign_in")
    core.refresh_from_db()
    assert core.version == first.version + 1
    change(two[0], state="healthy")
    core.refresh_from_db()
    assert core.version == first.version + 2


def test_the_version_stays_while_the_addresses_stay(core, two, now):
    versions = {exporting.hand_out(core, now=now).version for _ in range(3)}
    change(two[0], quota_used=0.75)
    core.refresh_from_db()
    assert versions == {core.version}


@pytest.mark.parametrize("leave", ["deleted", "switched off"])
def test_a_member_that_is_deleted_or_switched_off_raises_the_version(core, two, leave, now):
    before = exporting.hand_out(core, now=now).version
    mine = models.SeedAccount.objects.filter(pk=two[0].pk)
    mine.delete() if leave == "deleted" else mine.update(enabled=False)
    after = exporting.hand_out(core, now=now)
    assert (after.version, [one.pk for one in after.accounts]) == (before + 1, [two[1].pk])


def test_all_seeds_have_a_version_of_their_own(cast, two, make_seed, ours, now):
    assert ours.get("/seeds/export.csv")["X-Seed-List-Version"] == "1"
    make_seed(cast.workspace, state="healthy", last_good_poll_at=now)
    answer = ours.get("/seeds/export.csv")
    assert answer["X-Seed-List-Version"] == "2"
    assert "all seeds v2" in answer.content.decode().splitlines()[0]


def test_a_seed_that_was_absent_at_the_last_export_is_in_no_test_by_the_esp_until_the_next(core, cast, two, now):
    change(two[0], state="needs_sign_in")
    exporting.hand_out(core, now=now)
    change(two[0], state="healthy")
    test = opened(cast, core)
    assert [one.seed_account for one in test.results.all()] == [two[1]]
    assert [(one.seed, one.title) for one in reports.build(test).left_out] == [
        (two[0].public_id, "Not in your last export")
    ]
    exporting.hand_out(core, now=now)
    assert opened(cast, core).results.count() == 2


def as_role(client, cast, role):
    user = models.User.objects.create_user("vera@people.example", "correct horse battery")
    models.Membership.objects.create(user=user, workspace=cast.workspace, role=role)
    client.force_login(user)
    return client


@pytest.mark.parametrize(("role", "measured"), [("viewer", 2), ("marketer", 1)])
@pytest.mark.parametrize("page", ["export", "csv"])
def test_who_only_reads_downloads_the_list_and_changes_no_test(core, client, cast, two, page, role, measured):
    change(two[0], state="needs_sign_in")
    answer = as_role(client, cast, role).get(reverse(f"admin:seedtest_seedlist_{page}", args=[core.public_id]))
    assert two[1].mailbox.address in answer.content.decode()
    change(two[0], state="healthy")
    assert opened(cast, core).results.count() == measured


@pytest.mark.parametrize(("scopes", "measured"), [([Scope.SEEDS_READ], 2), ([Scope.SEEDS_READ, Scope.SEEDS_WRITE], 1)])
@pytest.mark.parametrize("whole", [True, False])
def test_the_export_of_a_key_that_only_reads_changes_no_test(core, cast, caller, two, whole, scopes, measured):
    change(two[0], state="needs_sign_in")
    answer = caller(cast.workspace, scopes).get("/seeds/export.csv" + ("" if whole else f"?seed_list={core.public_id}"))
    assert two[1].mailbox.address in answer.content.decode()
    change(two[0], state="healthy")
    assert opened(cast, None if whole else core).results.count() == measured


def test_without_any_export_every_usable_seed_is_in_the_test(core, cast, two):
    assert opened(cast, core).results.count() == opened(cast).results.count() == 2


def test_a_seed_that_the_export_leaves_out_because_it_is_full_is_named_by_the_test(core, cast, two, now):
    change(two[0], quota_used=0.97)
    exporting.hand_out(core, now=now)
    (left_out,) = opened(cast, core).left_out
    assert (left_out["seed"], left_out["problem"]) == (two[0].public_id, "mailbox_full")


def test_a_seed_that_no_export_will_let_in_is_not_called_forgotten(core, cast, two, make_seed, now):
    exporting.hand_out(core, now=now)
    seeding.set_members(core, [*two, make_seed(cast.workspace)])
    (left_out,) = opened(cast, core).left_out
    assert left_out["problem"] == "not_read"


def test_a_full_seed_that_was_exported_before_stays_in_the_test(core, cast, two, now):
    exporting.hand_out(core, now=now)
    change(two[0], quota_used=0.97)
    assert opened(cast, core).results.count() == 2


def test_the_test_notes_the_version_of_the_addresses_as_they_are(core, cast, two, now):
    before = exporting.hand_out(core, now=now).version
    models.Mailbox.objects.filter(pk=two[0].mailbox_id).update(state="needs_sign_in")
    assert opened(cast, core).seed_list_version == before + 1


def test_an_export_that_is_out_of_date_is_told_once(core, two, now):
    exporting.hand_out(core, now=now)
    change(two[0], state="needs_sign_in")
    seed_watch.watch(db_now())
    (event,) = models.Event.objects.filter(type="seeds.export_changed")
    assert (event.data["seed_list"], event.data["removed"], event.data["added"]) == (core.public_id, 1, 0)


def test_a_test_without_any_usable_seed_names_them_and_says_why(core, cast, two, now):
    change(two[0], state="needs_sign_in", state_reason="auth_failed", state_problem="app_password")
    change(two[1], state="quarantined", state_reason="quarantined")
    with pytest.raises(IntakeError) as refused:
        opened(cast, core)
    (fault,) = refused.value.errors
    assert two[0].mailbox.address in fault.detail and "app password" in fault.detail
    assert two[1].mailbox.address in fault.detail and "crash" in fault.detail


def test_findings_say_each_reason_for_leaving_out_with_its_own_next_step(core, cast, two, make_seed, now):
    make_seed(cast.workspace, state="healthy", last_good_poll_at=now)
    change(two[0], state="needs_sign_in", state_reason="auth_failed", state_problem="app_password")
    change(two[1], state="quarantined", state_reason="quarantined")
    found = [one for one in reports.build(opened(cast)).findings if one.code == "seeds_left_out"]
    assert len({one.title for one in found}) == len({one.next_step for one in found}) == 2
