"""An API key ends at a moment that every page can show, or the form says what to choose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone

from seedtest.models import ApiKey, Workspace
from seedtest.templatetags.seedtest_pages import when
from tests.seedtest.conftest import PASSWORD

pytestmark = pytest.mark.django_db
ADD = reverse("admin:seedtest_apikey_add")


@pytest.fixture
def owner(client, cast):
    assert client.login(username=cast.owner.email, password=PASSWORD)
    return client


def _form(day: str, time: str = "00:10") -> dict[str, object]:
    return {"name": "ESP", "scopes": ["tests:read"], "expires_at_0": day, "expires_at_1": time}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
@pytest.mark.parametrize(("day", "time"), [("0001-01-01", "00:10"), ("9999-12-31", "23:59"), ("2020-01-01", "00:00")])
def test_a_key_that_ends_before_now_or_in_thousands_of_years_is_not_made(owner, cast, zone, day, time):
    Workspace.objects.filter(pk=cast.workspace.pk).update(timezone=zone)
    assert "in the next ten years" in owner.post(ADD, _form(day, time)).content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_ends_when_the_form_says(owner, now):
    end = (now + timedelta(days=30)).date()
    assert "ipst_live_" in owner.post(ADD, _form(end.isoformat(), "12:00")).content.decode()
    assert ApiKey.objects.get().expires_at.date() == end


def test_an_expired_key_may_be_given_another_name(owner, cast, now):
    key, _ = ApiKey.mint(
        workspace=cast.workspace, name="Old", scopes=["tests:read"], expires_at=now.replace(second=0, microsecond=0)
    )
    end = timezone.localtime(key.expires_at, ZoneInfo("Europe/Berlin"))
    page = reverse("admin:seedtest_apikey_change", args=[key.public_id])
    assert owner.post(page, _form(f"{end:%Y-%m-%d}", f"{end:%H:%M:%S}")).status_code == 302
    key.refresh_from_db()
    assert key.name == "ESP"


def test_a_moment_that_the_zone_cannot_hold_is_shown_as_it_is():
    with timezone.override("Europe/Berlin"):
        assert when(datetime(9999, 12, 31, 23, 59, tzinfo=UTC)) == "31 Dec 9999, 23:59 UTC"
