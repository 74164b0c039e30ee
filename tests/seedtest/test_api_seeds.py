"""GET /seeds says how each seed is; the export holds addresses only, of seeds that are well."""

from __future__ import annotations

import pytest

from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import seed_watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def seeds(cast, make_seed, now):
    well = make_seed(cast.workspace, "gmail", state="healthy", last_good_poll_at=now)
    ill = make_seed(cast.workspace, "gmx", state="needs_sign_in", state_reason="auth_failed", auth_fail_count=2)
    seed_watch.watch(db_now())
    return well, ill


def test_each_seed_says_how_it_is(ours, seeds):
    by_state = {one["health"]["state"]: one for one in ours.get("/seeds").json()["data"]}
    assert by_state["healthy"]["health"]["problems"] == []
    ill = by_state["needs_sign_in"]["health"]
    assert (ill["excluded"], ill["failures"], ill["problems"][0]["code"]) == (True, 2, "sign_in")
    assert ill["problems"][0]["next_step"]


def test_a_seed_nobody_has_judged_yet_has_no_health(ours, cast, make_seed):
    make_seed(cast.workspace)
    assert ours.get("/seeds").json()["data"][0]["health"] is None


def test_the_sign_in_of_a_seed_says_when_it_was_made_and_ends_and_of_a_lent_one_nothing(
    ours, theirs, cast, make_seed, now
):
    seed = make_seed(cast.workspace, web_login_at=now)
    make_seed(cast.elsewhere, mailbox=seed.mailbox)
    models.OAuthCredential.objects.create(mailbox=seed.mailbox, provider="gmail", connected_at=now, expires_at=now)
    seed_watch.watch(db_now())
    names = ("connected_at", "token_expires_at", "web_login_at")
    own, lent = (one.get("/seeds").json()["data"][0]["health"] for one in (ours, theirs))
    assert all(own[name] for name in names)
    assert [lent[name] for name in names] == [None, None, None]


def test_the_list_of_seeds_takes_the_same_few_queries_however_long_it_is(
    ours, cast, make_seed, django_assert_max_num_queries
):
    for _ in range(12):
        make_seed(cast.workspace)
    seed_watch.watch(db_now())
    with django_assert_max_num_queries(6):
        assert len(ours.get("/seeds").json()["data"]) == 12


def test_the_export_holds_the_addresses_of_seeds_that_are_well(ours, seeds):
    answer = ours.get("/seeds/export.csv")
    text = answer.content.decode()
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert seeds[0].mailbox.address in text and seeds[1].mailbox.address not in text


def test_the_export_of_a_list_names_its_version(ours, seeds, cast):
    seed_list = models.SeedList.objects.create(workspace=cast.workspace, name="Core", version=7)
    seed_list.seed_accounts.add(*seeds)
    answer = ours.get(f"/seeds/export.csv?seed_list={seed_list.public_id}")
    assert answer["X-Seed-List-Version"] == "7"
    assert "Core v7" in answer.content.decode().splitlines()[0]


def test_an_empty_list_is_refused_and_does_not_export_all_seeds(ours, seeds):
    answer = ours.get("/seeds/export.csv?seed_list=")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "?seed_list"


def test_no_answer_holds_a_secret(ours, seeds):
    for path in ("/seeds", "/seeds/export.csv"):
        assert "mailbox password" not in ours.get(path).content.decode()


def test_a_list_of_another_workspace_is_as_unknown_as_one_that_never_was(theirs, seeds, cast):
    seed_list = models.SeedList.objects.create(workspace=cast.workspace, name="Core")
    known = theirs.get(f"/seeds/export.csv?seed_list={seed_list.public_id}")
    never = theirs.get("/seeds/export.csv?seed_list=lst_0000000000000000000000")
    assert known.status_code == never.status_code == 400
    assert known.json()["errors"] == never.json()["errors"]


def test_a_stranger_exports_nothing_of_ours(theirs, seeds):
    assert theirs.get("/seeds/export.csv").content.decode().splitlines()[1:] == []


def test_an_unknown_parameter_is_refused_and_not_ignored(ours, seeds):
    assert ours.get("/seeds/export.csv?list=x").status_code == 400


def test_a_control_is_in_no_list_of_tests(ours, cast, make_test):
    make_test(cast.workspace, name="Baseline", kind="control")
    make_test(cast.workspace, name="Spring")
    assert [one["name"] for one in ours.get("/tests").json()["data"]] == ["Spring"]
