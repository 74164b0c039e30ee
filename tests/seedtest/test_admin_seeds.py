"""Seeds, mailboxes and settings in the admin: filled in for people, and no secret is ever shown."""

from __future__ import annotations

import io
import socket

import pytest
from django.urls import reverse

from seedtest import models
from seedtest.models.clock import db_now

PASSWORD = "hunter2-very-secret"


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def test_the_server_is_recognised_from_the_address(owner):
    page = reverse("admin:seedtest_seedaccount_recognise")
    found = owner.get(page, {"address": "anna@gmx.de"}).json()
    assert (found["provider"], found["host"], found["port"]) == ("gmx", "imap.gmx.net", 993)
    assert owner.get(page, {"address": "anna@acme.example"}).json()["host"] == ""


def test_adding_a_seed_leads_to_the_check_of_its_mailbox(owner, cast):
    values = {"address": "anna@gmail.com", "password": PASSWORD}
    answer = owner.post(reverse("admin:seedtest_seedaccount_add"), values, follow=True)
    mailbox = models.Mailbox.objects.get()
    assert answer.redirect_chain[0][0] == reverse("admin:seedtest_mailbox_check", args=[mailbox.public_id])
    assert (mailbox.workspace, mailbox.host) == (cast.workspace, "imap.gmail.com")
    assert PASSWORD not in answer.content.decode()


def test_an_unknown_provider_is_asked_for_beside_its_field(owner):
    values = {"address": "anna@acme.example", "password": PASSWORD}
    answer = owner.post(reverse("admin:seedtest_seedaccount_add"), values)
    assert "host" in answer.context["form"].errors
    assert PASSWORD not in answer.content.decode()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_csv_is_imported_whatever_the_spreadsheet_wrote(owner, cast, encoding):
    text = "address;password\nanna@gmail.com;pässwort\nnonsense;x\n"
    file = io.BytesIO(text.encode(encoding))
    file.name = "seeds.csv"
    answer = owner.post(reverse("admin:seedtest_seedaccount_import"), {"file": file})
    report = answer.context["report"]
    assert [(line.number, line.outcome) for line in report.lines] == [(2, "created"), (3, "error")]
    assert cast.workspace.seed_accounts.get().mailbox.secret.reveal() == "pässwort"
    assert "1 added, 1 needs a look" in answer.content.decode()
    assert "pässwort" not in answer.content.decode()


def test_an_empty_import_says_what_to_do(owner):
    answer = owner.post(reverse("admin:seedtest_seedaccount_import"), {"text": "  "})
    assert "Paste at least one line" in answer.content.decode()


def test_the_check_of_a_dead_host_says_what_to_do(owner, cast, make_seed):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    mailbox = make_seed(cast.workspace, port=port, tls="none").mailbox
    page = reverse("admin:seedtest_mailbox_check", args=[mailbox.public_id])
    assert "Check connection" in owner.get(page).content.decode()
    text = owner.post(page).content.decode()
    assert "The mail server could not be reached" in text
    assert "check host and port of the mailbox" in text


def test_looking_at_the_check_page_signs_in_nowhere(owner, cast, make_seed, monkeypatch):
    monkeypatch.setattr("seedtest.services.checking.ImapMailbox", None)
    mailbox = make_seed(cast.workspace).mailbox
    assert owner.get(reverse("admin:seedtest_mailbox_check", args=[mailbox.public_id])).status_code == 200


def test_an_empty_password_keeps_the_stored_one_and_a_new_one_is_sealed(owner, cast, make_seed):
    mailbox = make_seed(cast.workspace, secret=PASSWORD, state="needs_sign_in").mailbox
    page = reverse("admin:seedtest_mailbox_change", args=[mailbox.public_id])
    text = owner.get(page).content.decode()
    assert PASSWORD not in text and "••••" not in text and mailbox.secret.token not in text
    _save(owner, page, mailbox, secret="")
    mailbox.refresh_from_db()
    assert (mailbox.secret.reveal(), mailbox.state) == (PASSWORD, "needs_sign_in")
    _save(owner, page, mailbox, secret="a new one")
    mailbox.refresh_from_db()
    assert (mailbox.secret.reveal(), mailbox.state) == ("a new one", "new")
    _save(owner, page, mailbox, secret="", switched_off="on")
    mailbox.refresh_from_db()
    assert mailbox.state == "disabled"


@pytest.mark.parametrize("moved", [{"host": "imap.elsewhere.example"}, {"port": "2993"}, {"tls": "starttls"}])
def test_a_stored_password_is_not_sent_to_another_server_by_who_does_not_know_it(owner, cast, make_seed, moved):
    mailbox = make_seed(cast.workspace, secret=PASSWORD, host="imap.acme.example").mailbox
    page = reverse("admin:seedtest_mailbox_change", args=[mailbox.public_id])
    answer = owner.post(page, _given(mailbox) | {"secret": ""} | moved)
    assert "secret" in answer.context["adminform"].form.errors
    _save(owner, page, mailbox, secret="known", **moved)
    changed = models.Mailbox.objects.get(pk=mailbox.pk)
    assert str(getattr(changed, next(iter(moved)))) == next(iter(moved.values()))


@pytest.mark.parametrize("host", ["IMAP.GMAIL.COM", "imap.gmail.com."])
def test_the_login_of_another_mailbox_is_not_taken_by_writing_its_host_another_way(owner, cast, make_seed, host):
    make_seed(cast.elsewhere, address="anna@gmail.com", login="anna@gmail.com", host="imap.gmail.com")
    mailbox = make_seed(cast.workspace, host="imap.acme.example").mailbox
    page = reverse("admin:seedtest_mailbox_change", args=[mailbox.public_id])
    answer = owner.post(page, _given(mailbox) | {"host": host, "login": "anna@gmail.com", "secret": PASSWORD})
    assert answer.status_code == 200 and "mailbox_login_once" in str(answer.context["errors"])
    assert models.Mailbox.objects.get(pk=mailbox.pk).host == "imap.acme.example"


def test_the_password_of_a_sending_profile_does_not_follow_it_to_another_server(owner, cast):
    values = {"name": "Ours", "host": "smtp.acme.example", "port": "587", "tls": "starttls", "username": "acme"}
    profile = models.SendingProfile.objects.create(workspace=cast.workspace, **values, password=PASSWORD)
    page = reverse("admin:seedtest_sendingprofile_change", args=[profile.public_id])
    owner.post(page, values | {"host": "smtp.elsewhere.example", "secret": ""})
    profile.refresh_from_db()
    assert profile.host == "smtp.acme.example"


def test_a_mailbox_that_was_set_aside_is_released_by_hand(owner, cast, make_seed):
    mailbox = make_seed(cast.workspace, state="quarantined", attempts=5).mailbox
    page = reverse("admin:seedtest_mailbox_change", args=[mailbox.public_id])
    _save(owner, page, mailbox, secret="", switched_off="on")
    mailbox.refresh_from_db()
    assert mailbox.state == "quarantined"
    _save(owner, page, mailbox, secret="")
    mailbox.refresh_from_db()
    assert (mailbox.state, mailbox.attempts) == ("new", 0)


def _given(mailbox):
    inline = {f"folders-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    names = ("address", "provider", "host", "port", "tls", "login", "auth_kind", "ca_pem")
    return inline | {name: getattr(mailbox, name) for name in names}


def _save(client, page, mailbox, **values):
    answer = client.post(page, _given(mailbox) | values)
    assert answer.status_code == 302, answer.context["errors"]


@pytest.mark.parametrize("text", ["nonsense", "-----BEGIN CERTIFICATE-----\nä\n-----END CERTIFICATE-----"])
def test_a_certificate_that_is_none_is_refused(owner, cast, make_seed, text):
    mailbox = make_seed(cast.workspace).mailbox
    page = reverse("admin:seedtest_mailbox_change", args=[mailbox.public_id])
    answer = owner.post(page, {"ca_pem": text})
    assert "no PEM certificate" in answer.content.decode()


def test_a_list_is_ticked_together_and_copied_with_its_version(owner, cast, make_seed):
    read = {"last_good_poll_at": db_now()}
    seeds = [make_seed(cast.workspace, address=f"{name}@gmail.example", **read) for name in ("anna", "ben")]
    owner.post(reverse("admin:seedtest_seedlist_add"), {"name": "Main", "accounts": [seed.pk for seed in seeds]})
    seed_list = cast.workspace.seed_lists.get()
    assert (seed_list.version, seed_list.members.count()) == (2, 2)
    text = owner.get(reverse("admin:seedtest_seedlist_export", args=[seed_list.public_id])).content.decode()
    assert "Version 2" in text and "anna@gmail.example\nben@gmail.example" in text
    table = owner.get(reverse("admin:seedtest_seedlist_csv", args=[seed_list.public_id]))
    assert table["Content-Disposition"] == 'attachment; filename="main-v2.csv"'


def test_a_list_may_have_thousands_of_seeds(owner, cast):
    mailboxes = models.Mailbox.objects.bulk_create(
        models.Mailbox(workspace=cast.workspace, address=one, login=one, host="127.0.0.1", secret="x")
        for one in (f"seed{number}@acme.example" for number in range(1100))
    )
    seeds = models.SeedAccount.objects.bulk_create(
        models.SeedAccount(workspace=cast.workspace, mailbox=mailbox) for mailbox in mailboxes
    )
    values = {"name": "Main", "accounts": [seed.pk for seed in seeds]}
    assert owner.post(reverse("admin:seedtest_seedlist_add"), values).status_code == 302
    assert cast.workspace.seed_lists.get().members.count() == 1100


def test_a_name_that_is_taken_is_said_instead_of_a_crash(owner, cast):
    for _ in range(2):
        answer = owner.post(reverse("admin:seedtest_seedlist_add"), {"name": "Main"})
    assert answer.status_code == 200
    assert cast.workspace.seed_lists.count() == 1


def test_a_name_that_is_taken_while_the_form_is_saved_is_said_too(owner, cast, monkeypatch):
    models.SeedList.objects.create(workspace=cast.workspace, name="Main")
    looks = [lambda *args, **kwargs: None, models.SeedList.validate_constraints]  # the first came a moment too early
    monkeypatch.setattr(models.SeedList, "validate_constraints", lambda *args, **kwargs: looks.pop(0)(*args, **kwargs))
    answer = owner.post(reverse("admin:seedtest_seedlist_add"), {"name": "Main"})
    assert answer.status_code == 200
    assert answer.context["errors"]
    assert cast.workspace.seed_lists.count() == 1


def test_a_new_key_is_shown_once(owner, cast):
    values = {"name": "Build server", "scopes": ["tests:read"]}
    answer = owner.post(reverse("admin:seedtest_apikey_add"), values)
    key = cast.workspace.api_keys.get()
    text = answer.context["text"]
    assert text in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    public_id, secret = models.ApiKey.parse(text)
    assert (public_id, key.opens_with(secret), key.scopes) == (key.public_id, True, ["tests:read"])
    for page in ("changelist", "change"):
        arguments = [key.public_id] if page == "change" else []
        later = owner.get(reverse(f"admin:seedtest_apikey_{page}", args=arguments)).content.decode()
        assert secret not in later and key.secret_sha256 not in later


def test_a_revoked_key_stays_in_the_list(owner, cast):
    key, _ = models.ApiKey.mint(workspace=cast.workspace, name="Old", scopes=["tests:read"])
    owner.post(reverse("admin:seedtest_apikey_revoke", args=[key.public_id]))
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert "Revoked" in owner.get(reverse("admin:seedtest_apikey_changelist")).content.decode()


def test_the_password_of_a_sending_profile_is_write_only(owner, cast):
    page = reverse("admin:seedtest_sendingprofile_add")
    values = {"name": "Ours", "host": "smtp.acme.example", "port": "587", "tls": "starttls", "username": "acme"}
    owner.post(page, values | {"secret": PASSWORD})
    profile = cast.workspace.sending_profiles.get()
    assert profile.password.reveal() == PASSWORD
    change = reverse("admin:seedtest_sendingprofile_change", args=[profile.public_id])
    assert PASSWORD not in owner.get(change).content.decode()
    owner.post(change, values | {"secret": "", "name": "Renamed"})
    profile.refresh_from_db()
    assert (profile.name, profile.password.reveal()) == ("Renamed", PASSWORD)


def test_a_schedule_shows_its_next_run_in_the_workspaces_time(owner, cast, make_seed):
    seed_list = models.SeedList.objects.create(workspace=cast.workspace, name="Main")
    profile = models.SendingProfile.objects.create(workspace=cast.workspace, name="Ours", host="127.0.0.1")
    message = models.OutgoingMessage(workspace=cast.workspace, subject="Hello")
    message.raw = b"From: a@acme.example\r\n\r\nHi"
    message.save()
    values = {
        "name": "Daily", "enabled": "on", "cron": "0 9 * * *", "timezone": "Europe/Berlin", "misfire": "skip",
        "seed_list": seed_list.pk, "sending_profile": profile.pk, "message": message.pk,
    }  # fmt: skip
    page = reverse("admin:seedtest_schedule_add")
    refused = owner.post(page, values | {"cron": "often"})
    assert "cron" in refused.context["adminform"].form.errors
    assert not cast.workspace.schedules.exists()
    owner.post(page, values)
    assert cast.workspace.schedules.get().next_run_at is not None
    assert ", 09:00 CE" in owner.get(reverse("admin:seedtest_schedule_changelist")).content.decode()


def test_members_come_by_invitation_and_the_last_owner_stays(owner, cast):
    answer = owner.get(reverse("admin:seedtest_membership_add"))
    assert answer["Location"] == reverse("admin:seedtest_invitation_add")
    mine = models.Membership.objects.get(user=cast.owner)
    owner.post(reverse("admin:seedtest_membership_change", args=[mine.pk]), {"role": "viewer"})
    owner.post(reverse("admin:seedtest_membership_delete", args=[mine.pk]), {"post": "yes"})
    assert cast.owner.role_in(cast.workspace) == "owner"


def test_an_administrator_makes_no_owner(client, cast):
    boss = models.User.objects.create_user("alva@people.example", "correct horse battery")
    models.Membership.objects.create(user=boss, workspace=cast.workspace, role="admin")
    client.force_login(boss)
    mate = models.Membership.objects.get(user=cast.teammate)
    client.post(reverse("admin:seedtest_membership_change", args=[mate.pk]), {"role": "owner"})
    assert cast.teammate.role_in(cast.workspace) == "marketer"


@pytest.mark.parametrize("kind", ["seedaccount", "sendingprofile", "apikey", "membership", "invitation"])
def test_a_marketer_leaves_the_machinery_alone(client, cast, kind):
    client.force_login(cast.teammate)
    assert client.get(reverse(f"admin:seedtest_{kind}_add")).status_code == 403


def test_the_home_page_says_what_to_do_first(owner, cast, make_seed):
    assert "Add a seed account" in owner.get("/admin/").content.decode()
    make_seed(cast.workspace, state="needs_sign_in", state_reason="auth_failed")
    text = owner.get("/admin/").content.decode()
    assert "Mailboxes that need you" in text
    assert "The login was refused" in text
    assert "New seed test" in text
