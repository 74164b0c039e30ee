"""Invitations: only who holds the link joins, as the address it was made for, with a password nobody else chose."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from seedtest import models
from seedtest.services import housekeeping, inviting

pytestmark = pytest.mark.django_db
OWN = {"name": "Cleo", "password": "only cleo knows", "again": "only cleo knows"}
CLEO = "cleo@victim.example"
ADD = "admin:seedtest_invitation_add"


def _signed_in(user: models.User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _invited(by: models.User, email: str = CLEO, role: str = "viewer") -> str:
    """The path of the link that the inviter was shown."""
    answer = _signed_in(by).post(reverse(ADD), {"email": email, "role": role})
    assert answer.status_code == 200 and "link" in answer.context, answer.content.decode()
    return urlsplit(answer.context["link"]).path


def _account(email: str = CLEO) -> models.User:
    return models.User.objects.create_user(email, "the real password", name="Cleo")


@pytest.fixture
def admin_of_acme(cast) -> models.User:
    user = models.User.objects.create_user("alva@people.example", "correct horse battery")
    models.Membership.objects.create(user=user, workspace=cast.workspace, role="admin")
    return user


def test_who_is_new_chooses_name_and_password_and_is_in(client, cast):
    link = _invited(cast.owner)
    assert "Join “Acme”" in client.get(link).content.decode()
    answer = client.post(link, OWN, follow=True)
    assert answer.status_code == 200 and answer.context["workspace"] == cast.workspace
    user = models.User.objects.get(email=CLEO)
    assert (user.name, user.check_password("only cleo knows"), user.role_in(cast.workspace)) == ("Cleo", True, "viewer")


def test_a_password_from_another_workspace_opens_nothing_here(cast):
    """The attack: B makes the account of somebody whom A will invite, and waits."""
    squatted = _invited(cast.stranger, role="admin")
    attacker = Client()
    attacker.post(squatted, {**OWN, "password": "known to b only", "again": "known to b only"})
    link = _invited(cast.owner, role="admin")
    victim = models.User.objects.get(email=CLEO)
    assert victim.role_in(cast.workspace) is None
    later = Client()
    assert later.login(username=CLEO, password="known to b only")
    for visitor in (attacker, later):
        assert (
            visitor.get(reverse("admin:seedtest_workspace_enter", args=[cast.workspace.public_id])).status_code == 404
        )
    assert Client().post(link, OWN).status_code == 200  # whoever has the link alone does not get past the account
    assert victim.role_in(cast.workspace) is None


def test_the_inviter_cannot_choose_a_password(cast):
    answer = _signed_in(cast.owner).get(reverse(ADD))
    assert set(answer.context["form"].fields) == {"email", "role"}
    forms = {"email": CLEO, "role": "viewer", "password": "known to the inviter", "name": "Cleo"}
    for page in (ADD, "admin:seedtest_membership_add"):
        _signed_in(cast.owner).post(reverse(page), forms)
    assert not models.User.objects.filter(email=CLEO).exists()


def test_the_inviter_reads_the_same_whether_or_not_there_is_an_account(cast):
    owner = _signed_in(cast.owner)

    def answer(email: str) -> str:
        page = owner.post(reverse(ADD), {"email": email, "role": "viewer"})
        said = page.content.decode().replace(page.context["link"], "LINK").replace(email, "WHO")
        said = said.partition("st-headline")[2].partition("</section>")[0]
        assert "LINK" in said and "WHO" in said
        return re.sub(r"until [^<]+", "", said)

    _account("known@victim.example")
    assert answer("known@victim.example") == answer("fresh@victim.example")
    listed = owner.get(reverse("admin:seedtest_invitation_changelist")).content.decode()
    assert "known@victim.example" in listed and "fresh@victim.example" in listed


def test_who_has_an_account_signs_in_and_accepts(client, cast):
    user = _account()
    link = _invited(cast.owner, CLEO.upper(), role="admin")
    page = client.get(link)
    assert page.context["state"] == "sign_in"
    answer = client.post(page.context["login_address"], {"username": CLEO, "password": "the real password"})
    assert answer["Location"] == link
    assert user.role_in(cast.workspace) is None
    assert client.get(link).context["state"] == "accept"
    assert user.role_in(cast.workspace) is None
    client.post(link)
    assert user.role_in(cast.workspace) == "admin"
    user.refresh_from_db()
    assert user.check_password("the real password")


def test_without_signing_in_an_account_is_neither_joined_nor_changed(client, cast):
    user = _account()
    link = _invited(cast.owner)
    assert client.post(link, OWN).context["state"] == "sign_in"
    user.refresh_from_db()
    assert user.role_in(cast.workspace) is None and user.check_password("the real password")


@pytest.mark.parametrize("has_account", [True, False])
def test_somebody_else_is_told_so_and_may_sign_out(cast, has_account):
    if has_account:
        _account()
    link = _invited(cast.owner)
    visitor = _signed_in(cast.stranger)
    for answer in (visitor.get(link), visitor.post(link, OWN)):
        assert answer.context["state"] == "somebody_else"
        assert "sten@people.example" in answer.content.decode()
    assert cast.stranger.role_in(cast.workspace) is None
    assert models.User.objects.filter(email=CLEO).exists() == has_account
    assert visitor.post(link, {"sign_out": "1"}, follow=True).context["state"] == ("sign_in" if has_account else "new")


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "short", "again": "short"},
        {"password": "password1234", "again": "password1234"},
        {"again": "another password"},
        {"name": ""},
    ],
)
def test_a_weak_or_mistyped_password_ends_nothing(client, cast, wrong):
    link = _invited(cast.owner)
    answer = client.post(link, OWN | wrong)
    assert answer.context["form"].errors
    assert not models.User.objects.filter(email=CLEO).exists()
    assert client.get(link).status_code == 200


def test_a_workspace_cannot_write_into_the_page(client, cast):
    models.Workspace.objects.filter(pk=cast.workspace.pk).update(name="<script>alert(1)</script>")
    models.User.objects.filter(pk=cast.owner.pk).update(name="<script>alert(2)</script>")
    assert "<script>alert" not in client.get(_invited(cast.owner)).content.decode()


def test_a_link_works_once(client, cast):
    link = _invited(cast.owner)
    client.post(link, OWN)
    for visitor in (client, Client()):
        assert visitor.get(link).status_code == visitor.post(link, OWN).status_code == 404


def test_of_two_who_accept_at_once_one_joins(cast, now):
    """Both have read the open row; the second meets the compare-and-set."""
    row, token = inviting.invite(cast.workspace, CLEO, role="viewer", by=cast.owner, now=now)
    first, second = inviting.find(token, now=now), inviting.find(token, now=now)
    assert inviting.accept_anew(first, name="", password="only cleo knows", now=now)
    assert inviting.accept_anew(second, name="", password="only eve knows it", now=now) is None
    assert not inviting.accept(second, models.User.objects.get(email=CLEO), now=now)
    assert models.User.objects.get(email=CLEO).check_password("only cleo knows")
    assert not inviting.revoke(row, now=now)


def test_two_links_for_one_address_make_one_account(cast, now):
    rows = [
        inviting.invite(workspace, CLEO, role="viewer", by=by, now=now)[0]
        for workspace, by in ((cast.workspace, cast.owner), (cast.elsewhere, cast.stranger))
    ]
    assert inviting.accept_anew(rows[0], name="", password="only cleo knows", now=now)
    assert inviting.accept_anew(rows[1], name="", password="only eve knows it", now=now) is None
    rows[1].refresh_from_db()
    assert rows[1].accepted_at is None
    assert models.User.objects.get(email=CLEO).check_password("only cleo knows")


def test_an_account_does_not_accept_what_is_for_another(cast, now):
    row, _ = inviting.invite(cast.workspace, CLEO, role="owner", by=cast.owner, now=now)
    assert not inviting.accept(row, cast.stranger, now=now)
    assert cast.stranger.role_in(cast.workspace) is None


def test_who_is_a_member_already_keeps_the_role(cast, now):
    row, _ = inviting.invite(cast.workspace, cast.teammate.email, role="owner", by=cast.owner, now=now)
    assert inviting.accept(row, cast.teammate, now=now)
    assert cast.teammate.role_in(cast.workspace) == "marketer"


def _revoked(cast) -> str:
    link = _invited(cast.owner)
    row = models.Invitation.objects.get()
    _signed_in(cast.owner).post(reverse("admin:seedtest_invitation_revoke", args=[row.public_id]))
    return link


def _expired(cast) -> str:
    link = _invited(cast.owner)
    row = models.Invitation.objects.get()
    assert row.expires_at - row.created_at == timedelta(days=7)
    models.Invitation.objects.update(expires_at=row.created_at)
    return link


def _used(cast) -> str:
    link = _invited(cast.owner)
    Client().post(link, OWN)
    return link


def _unknown(cast) -> str:
    return reverse("invitation", args=["x" * 43])


def _from_a_dismissed_admin(cast) -> str:
    link = _invited(cast.owner)
    models.Membership.objects.filter(user=cast.owner).update(role="viewer")
    return link


def _from_a_closed_account(cast) -> str:
    link = _invited(cast.owner)
    models.User.objects.filter(pk=cast.owner.pk).update(is_active=False)
    return link


@pytest.mark.parametrize(
    "ended", [_revoked, _expired, _used, _unknown, _from_a_dismissed_admin, _from_a_closed_account]
)
def test_whatever_ended_a_link_the_answer_is_the_same(client, cast, ended):
    link = ended(cast)
    members = models.Membership.objects.count()
    answer = client.get(link)
    assert answer.status_code == client.post(link, OWN).status_code == 404
    assert answer.content == client.get(reverse("invitation", args=["y" * 43])).content
    assert "no-store" in answer["Cache-Control"]
    assert models.Membership.objects.count() == members


def test_an_admin_invites_no_owner_and_revokes_none(cast, admin_of_acme, now):
    boss = _signed_in(admin_of_acme)
    answer = boss.post(reverse(ADD), {"email": CLEO, "role": "owner"})
    assert answer.context["form"].errors and not models.Invitation.objects.exists()
    row, _ = inviting.invite(cast.workspace, CLEO, role="owner", by=cast.owner, now=now)
    assert boss.post(reverse("admin:seedtest_invitation_revoke", args=[row.public_id])).status_code == 403
    assert _invited(admin_of_acme, "new@people.example", role="admin")


def test_an_owner_and_the_operator_invite_owners(cast):
    operator = models.User.objects.create_superuser("root@people.example", "correct horse battery")
    for number, by in enumerate((cast.owner, operator)):
        assert Client().get(_invited(by, f"o{number}@people.example", role="owner")).status_code == 200


@pytest.mark.parametrize("role", ["marketer", "viewer"])
def test_others_neither_invite_nor_see_invitations(cast, role, now):
    models.Membership.objects.filter(user=cast.teammate).update(role=role)
    row, _ = inviting.invite(cast.workspace, CLEO, role="viewer", by=cast.owner, now=now)
    visitor = _signed_in(cast.teammate)
    for page in ("add", "changelist"):
        assert visitor.get(reverse(f"admin:seedtest_invitation_{page}")).status_code == 403
    assert visitor.post(reverse(ADD), {"email": "x@people.example", "role": "viewer"}).status_code == 403
    assert visitor.get(reverse("admin:seedtest_invitation_change", args=[row.public_id])).status_code == 403
    assert visitor.post(reverse("admin:seedtest_invitation_revoke", args=[row.public_id])).status_code == 403


def test_another_workspace_sees_and_revokes_nothing(cast, now):
    row, token = inviting.invite(cast.workspace, CLEO, role="viewer", by=cast.owner, now=now)
    visitor = _signed_in(cast.stranger)
    assert CLEO not in visitor.get(reverse("admin:seedtest_invitation_changelist")).content.decode()
    for page in ("change", "history", "delete", "revoke"):
        address = reverse(f"admin:seedtest_invitation_{page}", args=[row.public_id])
        assert visitor.get(address).status_code == visitor.post(address).status_code == 404, page
    assert inviting.find(token, now=now)


def test_a_member_is_not_invited_again(cast):
    answer = _signed_in(cast.owner).post(reverse(ADD), {"email": cast.teammate.email.upper(), "role": "owner"})
    assert "member already" in answer.content.decode()
    assert not models.Invitation.objects.exists()


def test_the_token_is_shown_once_and_kept_nowhere(cast):
    owner = _signed_in(cast.owner)
    answer = owner.post(reverse(ADD), {"email": CLEO, "role": "viewer"})
    assert "no-store" in answer["Cache-Control"]
    token = answer.context["link"].rpartition("/")[2]
    assert len(token) == 43
    row = models.Invitation.objects.get()
    kept = " ".join(str(value) for value in models.Invitation.objects.values().get().values())
    pages = [owner.get(reverse("admin:seedtest_invitation_changelist"))]
    pages += [
        owner.get(reverse(f"admin:seedtest_invitation_{page}", args=[row.public_id])) for page in ("change", "history")
    ]
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert token not in kept and not [page for page in pages if token in page.content.decode()]


def test_invitations_go_30_days_after_they_expired(cast, now):
    old, _ = inviting.invite(cast.workspace, CLEO, role="viewer", by=cast.owner, now=now - timedelta(days=37, hours=1))
    inviting.revoke(old, now=now - timedelta(days=37))
    young, _ = inviting.invite(cast.workspace, CLEO, role="viewer", by=cast.owner, now=now - timedelta(days=36))
    assert housekeeping.sweep(now)["invitations"] == 1
    assert models.Invitation.objects.get() == young


def test_the_operator_still_makes_accounts(client, cast):
    client.force_login(models.User.objects.create_superuser("root@people.example", "correct horse battery"))
    client.post(
        reverse("admin:seedtest_user_add"), {"email": CLEO, "is_active": "on", "new_password": "given by the operator"}
    )
    assert models.User.objects.get(email=CLEO).check_password("given by the operator")
