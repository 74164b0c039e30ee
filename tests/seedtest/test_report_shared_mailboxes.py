"""A mailbox that others use too: the report says where the message landed, and nothing else of the mailbox."""

from __future__ import annotations

import pytest

from seedtest import models, reports
from seedtest.services import recording
from tests.seedtest.scans import JUNK, look_at, scanned, seen

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool(cast, make_seed):
    """One mailbox of the operator's, lent to two workspaces."""
    seed = make_seed(cast.workspace)
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(workspace=None)
    models.SeedAccount.objects.create(workspace=cast.elsewhere, mailbox_id=seed.mailbox_id)
    return seed


@pytest.fixture
def test(cast, make_test, pool):
    return make_test(cast.workspace, [pool])


def row_of(test):
    (row,) = reports.build(test).seeds
    return row


def test_the_placement_is_shown_and_the_folders_name_is_not(test, pool):
    recording.record(look_at(pool, shared=True), scanned(seen(JUNK, test=test)))
    row = row_of(test)
    assert (row.placement, row.folder, row.evidence_line) == ("spam", "", "")


def test_the_servers_words_about_a_login_are_not_shown(test):
    test.results.update(placement="unknown", reason="auth_failed", detail="pool-login@provider.example was refused")
    assert "pool-login" not in repr(reports.build(test))


def test_the_answers_to_our_own_sending_are_shown(test):
    test.results.update(placement="rejected", reason="rejected_at_smtp", detail="550 5.7.1 not today")
    assert row_of(test).detail == "550 5.7.1 not today"


def test_another_workspaces_test_is_not_named(test):
    test.results.update(rival_tests=["tst_of_somebody_else"])
    assert "tst_of_somebody_else" not in repr(reports.build(test))
