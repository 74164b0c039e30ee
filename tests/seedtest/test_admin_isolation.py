"""Nobody sees a row of a workspace not theirs: every address of the admin as anonymous, stranger and viewer."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from seedtest import models
from seedtest.admin.base import ScopedInline, WorkspaceAdmin
from seedtest.services import intake, seeding

#: What an own page of a workspace holds and a stranger must never read.
SECRETS = ("Sesame", "sesame.example")
#: Pages that show nothing of anybody, or answer before any row is looked at.
OPEN_TO_ALL = {"admin:login", "admin:jsi18n"}
#: Ends the visit, so that everything after it would be anonymous.
LEAVING = "admin:logout"


@pytest.fixture
def rows(cast, make_seed, now):
    """One row of every kind in `cast.workspace`, each with a name that can be looked for."""
    workspace = cast.workspace
    seed = make_seed(workspace, address="anna@sesame.example")
    seed_list = models.SeedList.objects.create(workspace=workspace, name="Sesame list")
    seeding.set_members(seed_list, [seed])
    stream = models.Stream.objects.create(workspace=workspace, name="Sesame stream")
    profile = models.SendingProfile.objects.create(workspace=workspace, name="Sesame profile", host="127.0.0.1")
    message = intake.keep_message(workspace, b"From: a@sesame.example\r\nSubject: Sesame mail\r\n\r\nHi", now=now)
    new = intake.NewTest(name="Sesame test", seed_list=seed_list, stream=stream, created_by=cast.owner)
    test = intake.open_test(workspace, new, now=now)
    schedule = models.Schedule.objects.create(
        workspace=workspace, name="Sesame schedule", cron="0 9 * * *", seed_list=seed_list, sending_profile=profile,
        message=message, next_run_at=now,
    )  # fmt: skip
    key, _ = models.ApiKey.mint(workspace=workspace, name="Sesame key", scopes=["tests:read"])
    folder = models.FolderCursor.objects.create(
        mailbox=seed.mailbox, name="Sesame folder", role="inbox", source=50, seen_at=now
    )
    arrival = models.Arrival.objects.create(
        mailbox=seed.mailbox, folder=folder, uidvalidity=1, uid=1, message_key="id:1", internaldate=now,
        placement="inbox", from_domain="sesame.example", subject="Sesame subject", first_seen_at=now,
    )  # fmt: skip
    route = models.EgressRoute.objects.create(workspace=workspace, name="Sesame route", source_address="127.0.0.2")
    plan = models.ControlPlan.objects.create(
        workspace=workspace, sending_profile=profile, message=message, last_error="Sesame error"
    )
    member = models.Membership.objects.get(workspace=workspace, user=cast.owner)
    found = [seed, seed.mailbox, seed_list, stream, profile, message, test, schedule, key, arrival, member, workspace]
    return {type(row)._meta.model_name: row for row in [*found, route, plan, cast.owner]}


@pytest.fixture
def viewer(cast):
    user = models.User.objects.create_user("vera@people.example", "correct horse battery")
    models.Membership.objects.create(user=user, workspace=cast.workspace, role="viewer")
    return user


def _names(patterns=None, prefix="") -> Iterator[tuple[str, URLPattern]]:
    for one in patterns if patterns is not None else get_resolver().url_patterns:
        if isinstance(one, URLResolver):
            yield from _names(one.url_patterns, f"{one.namespace}:" if one.namespace else prefix)
        elif one.name and prefix == "admin:":
            yield prefix + one.name, one


def _addresses(rows) -> Iterator[tuple[str, str, bool]]:
    """(name, address, whether it names a row) of every address of the admin, with the ids of `rows`."""
    for name, pattern in _names():
        if name == LEAVING:
            continue
        row = rows.get(name.removeprefix("admin:seedtest_").partition("_")[0])
        ids = {
            "object_id": getattr(row, "public_id", None) or getattr(row, "pk", 1), "result_id": "res_x",
            "group_id": "0" * 20, "app_label": "seedtest", "content_type_id": 1, "url": "x", "id": 1,
        }  # fmt: skip
        wanted = {key: ids[key] for key in pattern.pattern.converters}
        if not wanted and "(?P<app_label>" in str(pattern.pattern):
            wanted = {"app_label": "seedtest"}
        try:
            yield name, reverse(name, kwargs=wanted), "object_id" in wanted
        except NoReverseMatch:
            positional = list(wanted.values())
            yield name, reverse(name, args=positional), "object_id" in wanted


def test_the_walk_finds_the_whole_admin(rows):
    names = {name for name, _, _ in _addresses(rows)}
    assert len(names) > 70
    assert {"admin:seedtest_mailbox_check", "admin:seedtest_seedtest_evidence", "admin:autocomplete"} <= names


def test_every_section_inherits_the_one_base():
    assert len(admin.site._registry) >= 12
    for model, section in admin.site._registry.items():
        assert isinstance(section, WorkspaceAdmin), model
        for inline in section.inlines:
            assert issubclass(inline, InlineModelAdmin) and issubclass(inline, ScopedInline), inline


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_anonymous_visitor_is_sent_to_sign_in_everywhere(client, rows, method):
    for name, address, _ in _addresses(rows):
        answer = getattr(client, method)(address)
        if name in OPEN_TO_ALL:
            continue
        assert answer.status_code in (302, 403, 404), (name, answer.status_code)
        if answer.status_code == 302:
            assert urlsplit(answer["Location"]).path in ("/admin/login/", "/admin/"), (name, answer["Location"])


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_sees_nothing_and_gets_404_on_ids(client, cast, rows, method):
    client.force_login(cast.stranger)
    for name, address, of_a_row in _addresses(rows):
        answer = getattr(client, method)(address)
        if of_a_row and "user" not in name:
            assert answer.status_code == 404, (name, answer.status_code)
        body = answer.content.decode() if not answer.streaming else ""
        assert not [secret for secret in SECRETS if secret in body], name


def test_a_stranger_gets_404_by_number_too(client, cast, rows):
    client.force_login(cast.stranger)
    for kind, row in rows.items():
        for page in ("change", "delete", "history"):
            assert client.get(reverse(f"admin:seedtest_{kind}_{page}", args=[row.pk])).status_code == 404, (kind, page)


def test_a_viewer_reads_everything_and_changes_nothing(client, rows, viewer):
    client.force_login(viewer)
    before = {kind: type(row).objects.count() for kind, row in rows.items()}
    test_version = rows["seedtest"].version
    for name, address, _ in _addresses(rows):
        answer = client.post(address, {"name": "changed"})
        assert answer.status_code != 500, name
    assert {kind: type(row).objects.count() for kind, row in rows.items()} == before
    rows["seedtest"].refresh_from_db()
    assert (rows["seedtest"].status, rows["seedtest"].version) == ("waiting", test_version)
    assert models.ApiKey.objects.get().revoked_at is None
    for model in (models.SeedList, models.Stream, models.SendingProfile, models.Schedule, models.ApiKey):
        assert model.objects.get().name.startswith("Sesame")


def test_a_viewer_opens_every_page_and_no_secret_is_on_it(client, rows, viewer):
    client.force_login(viewer)
    shown = 0
    for name, address, _ in _addresses(rows):
        answer = client.get(address)
        assert answer.status_code in (200, 302, 403, 404, 405), name
        shown += answer.status_code == 200
        assert "mailbox password" not in answer.content.decode(), name
    assert shown > 25


def test_a_viewer_may_look_at_the_lists(client, rows, viewer):
    client.force_login(viewer)
    for kind in ("seedtest", "seedaccount", "seedlist", "mailbox", "stream", "schedule", "sendingprofile", "arrival"):
        answer = client.get(reverse(f"admin:seedtest_{kind}_changelist"))
        assert answer.status_code == 200, kind
        assert "esame" in answer.content.decode(), kind


def test_keys_are_for_administrators_only(client, cast, rows, viewer):
    for user, status in ((viewer, 403), (cast.teammate, 403), (cast.owner, 200)):
        client.force_login(user)
        assert client.get(reverse("admin:seedtest_apikey_changelist")).status_code == status


def test_somebody_without_a_workspace_is_told_whom_to_ask(client, cast, rows):
    client.force_login(models.User.objects.create_user("lone@people.example", "correct horse battery"))
    home = client.get("/admin/")
    assert "not a member of any workspace" in home.content.decode()
    for name, address, _ in _addresses(rows):
        body = client.get(address).content.decode()
        assert not [secret for secret in SECRETS if secret in body], name


def test_forms_and_filters_offer_no_row_of_others(client, cast, rows):
    client.force_login(cast.stranger)
    for address in (
        reverse("admin:seedtest_schedule_add"), reverse("admin:seedtest_seedtest_add"),
        reverse("admin:seedtest_seedlist_add"), reverse("admin:seedtest_seedtest_changelist"),
        reverse("admin:seedtest_schedule_changelist"), reverse("admin:seedtest_seedaccount_changelist"),
    ):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert not [secret for secret in SECRETS if secret in answer.content.decode()], address


def test_rows_of_others_cannot_be_chosen_by_number(client, cast, rows):
    client.force_login(cast.stranger)
    answer = client.post(
        reverse("admin:seedtest_schedule_add"),
        {
            "name": "Mine", "enabled": "on", "cron": "0 9 * * *", "timezone": "UTC", "misfire": "skip",
            "seed_list": rows["seedlist"].pk, "sending_profile": rows["sendingprofile"].pk,
            "message": rows["outgoingmessage"].pk,
        },
    )  # fmt: skip
    assert answer.status_code == 200
    assert not cast.elsewhere.schedules.exists()
    client.post(reverse("admin:seedtest_seedlist_add"), {"name": "Mine", "accounts": [rows["seedaccount"].pk]})
    assert not models.SeedListMember.objects.filter(seed_list__workspace=cast.elsewhere).exists()


def test_autocomplete_finds_only_own_rows(client, cast, rows):
    ask = {"app_label": "seedtest", "model_name": "schedule", "field_name": "seed_list", "term": "Sesame"}
    client.force_login(cast.stranger)
    assert "Sesame" not in client.get(reverse("admin:autocomplete"), ask).content.decode()
    client.force_login(cast.owner)
    assert "Sesame list" in client.get(reverse("admin:autocomplete"), ask).content.decode()


@pytest.mark.parametrize(
    "lookup", ["mailbox__login__startswith", "mailbox__secret__startswith", "public_id__startswith"]
)
def test_lists_answer_no_questions_that_they_do_not_offer(client, cast, rows, lookup):
    client.force_login(cast.owner)
    answer = client.get(reverse("admin:seedtest_seedaccount_changelist"), {lookup: "a"})
    assert answer.status_code in (302, 400)


@pytest.mark.parametrize(
    ("page", "lookup"), [("seedtest", "mode__regex"), ("seedtest", "stream__name__regex"), ("mailbox", "state__in")]
)
def test_lists_are_filtered_only_as_their_filters_do(client, cast, rows, page, lookup):
    client.force_login(cast.owner)
    assert client.get(reverse(f"admin:seedtest_{page}_changelist"), {lookup: "(a"}).status_code == 400


@pytest.mark.parametrize("page", ["seedtest", "schedule", "seedaccount", "mailbox", "stream"])
def test_every_link_that_a_filter_offers_works(client, cast, rows, page):
    client.force_login(cast.owner)
    address = reverse(f"admin:seedtest_{page}_changelist")
    changelist = client.get(address).context["cl"]
    links = [one["query_string"] for spec in changelist.filter_specs for one in spec.choices(changelist)]
    assert links
    for link in links:
        assert client.get(address + link).status_code == 200, link


def test_a_member_of_two_workspaces_finds_each_row_in_its_own(client, cast, rows):
    models.Membership.objects.create(user=cast.stranger, workspace=cast.workspace, role="viewer")
    client.force_login(cast.stranger)
    client.get(reverse("admin:seedtest_workspace_enter", args=[cast.elsewhere.public_id]))
    assert "Sesame" not in client.get(reverse("admin:seedtest_stream_changelist")).content.decode()
    assert client.get(reverse("admin:seedtest_seedtest_change", args=[rows["seedtest"].public_id])).status_code == 200
    assert "Sesame stream" in client.get(reverse("admin:seedtest_stream_changelist")).content.decode()
    # There they only look.
    assert client.post(reverse("admin:seedtest_seedtest_cancel", args=[rows["seedtest"].public_id])).status_code == 403


def test_an_operator_sees_every_workspace(client, cast, rows):
    client.force_login(models.User.objects.create_superuser("root@people.example", "correct horse battery"))
    for name, address, _ in _addresses(rows):
        assert client.get(address).status_code != 500, name
    assert "Sesame test" in client.get(reverse("admin:seedtest_seedtest_changelist")).content.decode()
