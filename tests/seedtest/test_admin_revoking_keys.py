"""A key that is lost is revoked with one click."""

from __future__ import annotations

import pytest
from django.urls import reverse

from seedtest.models import ApiKey
from tests.seedtest.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_the_page_of_a_key_offers_to_revoke_it_and_the_button_does(client, cast):
    key, _ = ApiKey.mint(workspace=cast.workspace, name="ESP", scopes=["tests:read"])
    assert client.login(username=cast.owner.email, password=PASSWORD)
    page = reverse("admin:seedtest_apikey_change", args=[key.public_id])
    action = reverse("admin:seedtest_apikey_revoke", args=[key.public_id])
    assert action in client.get(page).content.decode()
    assert client.post(action).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert action not in client.get(page).content.decode()
