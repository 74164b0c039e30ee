"""A form is written only into the workspace it was opened in, whatever another tab has changed to."""

from __future__ import annotations

import pytest
from django.urls import reverse

from seedtest import models

pytestmark = pytest.mark.django_db

SOURCE = "From: a@acme.example\r\nSubject: Hello\r\n\r\nHi"
#: What each form that adds something needs to be valid.
FORMS = {
    "seedaccount_add": {"address": "anna@gmail.com", "password": "app password"},
    "seedaccount_import": {"text": "anna@gmail.com,app-password"},
    "seedlist_add": {"name": "Ours"},
    "seedtest_add": {"name": "Spring", "mode": "esp", "carry": "own"},
    "apikey_add": {"name": "ESP", "scopes": ["tests:read"]},
    "invitation_add": {"email": "nina@people.example", "role": "viewer"},
    "outgoingmessage_add": {"source_0": SOURCE},
    "stream_add": {"name": "News", "kind": "marketing", "expected_ips": "", "expected_dkim_domains": ""},
    "sendingprofile_add": {"name": "Ours", "host": "smtp.example", "port": "587", "tls": "starttls"},
    "egressroute_add": {"name": "Out", "source_address": "127.0.0.2"},
    "schedule_add": {"name": "Daily"},
    "controlplan_add": {},
}
NAMES = sorted(FORMS)
WRITTEN = (
    models.SeedAccount, models.Mailbox, models.SeedList, models.SeedTest, models.ApiKey, models.Invitation,
    models.OutgoingMessage, models.Stream, models.SendingProfile, models.EgressRoute, models.Schedule,
    models.ControlPlan,
)  # fmt: skip


@pytest.fixture
def in_acme(client, cast, make_seed):
    """The browser of somebody who owns two workspaces, with seeds in both, and works in Acme."""
    models.Membership.objects.create(user=cast.owner, workspace=cast.elsewhere, role="owner")
    for workspace in (cast.workspace, cast.elsewhere):
        make_seed(workspace)
    client.force_login(cast.owner)
    _enter(client, cast.workspace)
    return client


def _enter(client, workspace):
    client.get(reverse("admin:seedtest_workspace_enter", args=[workspace.public_id]))


def _rows():
    return {model.__name__: model.objects.count() for model in WRITTEN}


def _send(client, name, workspace):
    return client.post(reverse(f"admin:seedtest_{name}"), {**FORMS[name], "opened_in": workspace.public_id})


@pytest.mark.parametrize("name", NAMES)
def test_every_form_that_adds_says_where_it_was_opened(in_acme, cast, name):
    page = in_acme.get(reverse(f"admin:seedtest_{name}")).content.decode()
    assert f'<input type="hidden" name="opened_in" value="{cast.workspace.public_id}">' in page


@pytest.mark.parametrize("name", NAMES)
def test_a_form_of_another_workspace_writes_nothing_and_names_both(in_acme, cast, name):
    _enter(in_acme, cast.elsewhere)
    before = _rows()
    answer = _send(in_acme, name, cast.workspace)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "opened in the workspace “Acme”, and you work in “Elsewhere”" in page
    # Sent once more, it is still the form of the first workspace.
    assert f'<input type="hidden" name="opened_in" value="{cast.workspace.public_id}">' in page
    assert _rows() == before


@pytest.mark.parametrize(
    "name",
    ["seedaccount_add", "seedaccount_import", "apikey_add", "invitation_add", "outgoingmessage_add", "stream_add"],
)
def test_back_in_its_workspace_the_same_form_is_written_there(in_acme, cast, name):
    _enter(in_acme, cast.elsewhere)
    _send(in_acme, name, cast.workspace)
    _enter(in_acme, cast.workspace)
    before = _rows()
    _send(in_acme, name, cast.workspace)
    model = next(one for one in WRITTEN if _rows()[one.__name__] > before[one.__name__])
    assert model.objects.latest("pk").workspace == cast.workspace
