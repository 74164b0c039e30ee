"""A workspace can be deleted whatever it holds; nothing of it stays, and nothing of others goes."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db.models import RestrictedError

from placement.errors import Disconnected
from seedtest import models
from seedtest.models.seed_health import ControlPlan
from seedtest.services import polling, recording, sending
from tests.seedtest.scans import INBOX, look_at, scanned, seen

pytestmark = pytest.mark.django_db


@pytest.fixture
def full(cast, recurring, make_seed, make_test, now):
    """The cast's workspace with a schedule, a control plan, a way out, and a test whose message was found."""
    workspace = cast.workspace
    ControlPlan.objects.create(
        workspace=workspace, sending_profile=recurring.sending_profile, message=recurring.message, next_run_at=now
    )
    route = models.EgressRoute.objects.create(workspace=workspace, name="Office", source_address="192.0.2.1")
    seed = make_seed(workspace, egress=route)
    test = make_test(workspace, [seed])
    recording.record(look_at(seed), scanned(seen(INBOX, test=test)))
    models.ApiKey.mint(workspace=workspace, name="CI", scopes=[])
    return workspace


def rows() -> dict[str, int]:
    return {model.__name__: model._base_manager.count() for model in apps.get_app_config("seedtest").get_models()}


def test_nothing_of_a_deleted_workspace_stays_but_its_people(cast, full, make_seed, make_test):
    make_test(cast.elsewhere, [make_seed(cast.elsewhere)])
    full.delete()
    left = {name: count for name, count in rows().items() if count}
    assert left == {
        "User": 3, "Workspace": 1, "Membership": 1, "Mailbox": 1, "SeedAccount": 1, "SeedTest": 1, "SeedResult": 1,
        "Marker": 1,
    }  # fmt: skip


def test_what_is_in_use_is_still_not_deleted_alone(full, recurring):
    for held in (recurring.seed_list, recurring.sending_profile, recurring.message, full.egress_routes.get()):
        with pytest.raises(RestrictedError):
            held.delete()


def test_a_look_that_ends_after_its_workspace_was_deleted_writes_nothing(cast, make_seed, make_test):
    found, failed = make_seed(cast.workspace), make_seed(cast.workspace)
    test = make_test(cast.workspace, [found])
    looks = look_at(found), look_at(failed)
    cast.workspace.delete()
    assert recording.record(looks[0], scanned(seen(INBOX, test=test))) is False
    assert recording.fail(looks[1].claim, Disconnected("gone")) is False
    assert polling.poll([found.mailbox_id, failed.mailbox_id], owner="worker") == 0
    assert (models.Arrival.objects.count(), models.Event.objects.count()) == (0, 0)


def test_nothing_is_sent_for_a_deleted_workspace(cast, send_test, make_seed, office):
    test = send_test(cast.workspace, [make_seed(cast.workspace)], office.port)
    cast.workspace.delete()
    assert sending.send_batch(test.pk, owner="worker") == 0
    assert office.seen == []
