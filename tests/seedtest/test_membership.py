"""A workspace keeps an owner, whoever steps down, leaves or is removed, and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.urls import reverse

from seedtest.admin.people import MembershipAdmin
from seedtest.models import Membership
from seedtest.services import membership

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owners(cast):
    Membership.objects.filter(workspace=cast.workspace).update(role="owner")
    return list(Membership.objects.filter(workspace=cast.workspace).order_by("pk"))


def _at_once(*calls):
    start = Barrier(len(calls))

    def run(call):
        try:
            connection.ensure_connection()
            start.wait(10)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def _step_down(member):
    return membership.change_role(member, "viewer")


@pytest.mark.parametrize("other", [_step_down, membership.leave], ids=["steps down", "leaves"])
def test_of_two_owners_who_go_at_the_same_moment_one_stays(owners, other):
    """Without a lock most rounds on PostgreSQL end without an owner; SQLite has one writer."""
    for _ in range(10):
        done = _at_once(lambda: _step_down(owners[0]), lambda: other(owners[1]))
        assert sorted(done) == [False, True]
        for member in owners:
            Membership.objects.update_or_create(
                user=member.user, workspace=member.workspace, defaults={"role": "owner"}
            )
        owners[:] = Membership.objects.filter(workspace=owners[0].workspace).order_by("pk")


def test_the_last_owner_does_not_leave(owners):
    assert _step_down(owners[0])
    assert not membership.leave(owners[1])
    assert membership.leave(Membership.objects.get(pk=owners[0].pk))


def test_who_has_left_already_has_no_role_to_change(owners):
    assert membership.leave(owners[0])
    assert not _step_down(owners[0])


def test_an_owner_is_not_removed_when_the_other_stepped_down_meanwhile(client, owners, monkeypatch):
    """The page asks whether the person may be removed, writes its log, and only then removes them."""

    def meanwhile(*_):
        Membership.objects.filter(pk=owners[1].pk).update(role="viewer")

    monkeypatch.setattr(MembershipAdmin, "log_deletions", meanwhile)
    client.force_login(owners[0].user)
    page = reverse("admin:seedtest_membership_delete", args=[owners[0].pk])
    assert client.post(page, {"post": "yes"}).status_code == 403
    assert Membership.objects.filter(pk=owners[0].pk).exists()
