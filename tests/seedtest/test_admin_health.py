"""The health of seeds on the pages of the admin: what is wrong, what to do, and who may say they signed in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import seed_watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


@pytest.fixture
def seed(cast, make_seed, now):
    """At a provider whose limit of inactivity is known, long unused."""
    long_ago = now - timedelta(days=700)
    return make_seed(cast.workspace, "gmail", state="healthy", last_good_poll_at=now, created_at=long_ago)


def page(name: str, seed: models.SeedAccount) -> str:
    return reverse(f"admin:seedtest_seedaccount_{name}", args=[seed.public_id])


def test_the_page_of_a_seed_says_what_is_wrong_and_what_to_do(owner, seed):
    models.Mailbox.objects.update(quota_used=0.95, fail_count=2)
    seed_watch.watch(db_now())
    text = owner.get(page("health", seed)).content.decode()
    assert "Degraded" in text and "It is nearly full" in text and "95%" in text
    assert "in its web pages" in text and "A web login is due" in text


def test_a_seed_nobody_has_judged_yet_has_a_page_too(owner, seed):
    assert "not been judged yet" in owner.get(page("health", seed)).content.decode()


def test_the_list_of_seeds_shows_health_with_a_link(owner, seed):
    seed_watch.watch(db_now())
    text = owner.get(reverse("admin:seedtest_seedaccount_changelist")).content.decode()
    assert "Healthy" in text and page("health", seed) in text and "A web login is due" in text


def test_a_web_login_that_is_noted_ends_the_warning(owner, seed):
    seed_watch.watch(db_now())
    answer = owner.post(page("web_login", seed), follow=True)
    assert answer.status_code == 200
    seed_watch.watch(db_now())
    assert models.SeedHealth.objects.get().problems == []


def test_nobody_notes_a_web_login_by_looking(owner, seed):
    assert owner.get(page("web_login", seed)).status_code == 403
    seed.mailbox.refresh_from_db()
    assert seed.mailbox.web_login_at is None


def test_a_marketer_may_not_note_a_web_login(client, cast, seed):
    client.force_login(cast.teammate)
    assert client.post(page("web_login", seed)).status_code == 403


def test_a_borrower_notes_no_web_login_for_a_mailbox_of_the_pool(owner, seed):
    models.Mailbox.objects.update(workspace=None)
    assert owner.post(page("web_login", seed)).status_code == 403


def test_the_home_page_names_seeds_worth_a_look(owner, seed):
    seed_watch.watch(db_now())
    text = owner.get(reverse("admin:index")).content.decode()
    assert "Seeds worth a look" in text and seed.mailbox.address in text


def test_a_mailbox_that_needs_a_person_is_named_once(owner, seed):
    models.Mailbox.objects.update(state="needs_sign_in", state_reason="auth_failed")
    seed_watch.watch(db_now())
    text = owner.get(reverse("admin:index")).content.decode()
    assert text.count(seed.mailbox.address) == 1


def test_a_control_is_in_no_list_of_tests(owner, cast, make_test):
    make_test(cast.workspace, name="Baseline of the seeds", kind="control")
    text = owner.get(reverse("admin:seedtest_seedtest_changelist")).content.decode()
    assert "Baseline of the seeds" not in text
    assert "Baseline of the seeds" not in owner.get(reverse("admin:index")).content.decode()


def test_a_workspace_has_one_control_plan(owner, cast, recurring):
    add = reverse("admin:seedtest_controlplan_add")
    values = {"sending_profile": recurring.sending_profile_id, "message": recurring.message_id, "every_hours": 12}
    owner.post(add, values | {"enabled": "on"})
    plan = models.ControlPlan.objects.get()
    assert (plan.workspace, plan.every_hours) == (cast.workspace, 12)
    assert owner.get(add).status_code == 403


def test_the_password_of_a_proxy_is_never_shown_and_goes_to_no_other_proxy(owner, cast):
    values = {"name": "Office", "proxy_host": "proxy.acme.example", "proxy_port": 1080, "secret": "sesame-open"}
    owner.post(reverse("admin:seedtest_egressroute_add"), values)
    route = models.EgressRoute.objects.get()
    assert route.proxy_password.reveal() == "sesame-open"
    change = reverse("admin:seedtest_egressroute_change", args=[route.pk])
    assert "sesame-open" not in owner.get(change).content.decode()
    moved = owner.post(change, values | {"proxy_host": "proxy.thief.example", "secret": ""})
    assert moved.status_code == 200 and "Enter the password again" in moved.content.decode()


def test_a_route_that_mailboxes_leave_by_is_not_deleted(owner, cast, seed):
    route = models.EgressRoute.objects.create(workspace=cast.workspace, name="Office", source_address="127.0.0.2")
    models.Mailbox.objects.update(egress=route)
    assert owner.post(reverse("admin:seedtest_egressroute_delete", args=[route.pk])).status_code == 403


def test_a_mailbox_offers_only_routes_of_its_own_workspace(owner, cast, seed):
    theirs = models.EgressRoute.objects.create(workspace=cast.elsewhere, name="Their route", source_address="127.0.0.2")
    text = owner.get(reverse("admin:seedtest_mailbox_change", args=[seed.mailbox_id])).content.decode()
    assert theirs.name not in text
