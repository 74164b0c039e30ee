"""Seed tests in the admin: a marketer opens one, watches its page, and nothing hostile is rendered as code."""

from __future__ import annotations

import zlib
from datetime import timedelta

import pytest
from django.urls import reverse

from seedtest import models

ADD = "admin:seedtest_seedtest_add"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def marketer(client, cast, make_seed):
    make_seed(cast.workspace, "gmail", "anna@gmail.example")
    make_seed(cast.workspace, "yahoo", "ben@yahoo.example")
    client.force_login(cast.teammate)
    return client


def _page(test, name="change"):
    return reverse(f"admin:seedtest_seedtest_{name}", args=[test.public_id])


def _fill(**values):
    return {"name": "Spring", "mode": "esp", "carry": "own", "window_starts_at": "", "window_ends_at": ""} | values


def test_a_marketer_opens_a_test_with_a_name_alone(marketer, cast):
    form = marketer.get(reverse(ADD)).context["form"]
    assert form["window_ends_at"].initial - form["window_starts_at"].initial == timedelta(hours=2)
    answer = marketer.post(reverse(ADD), _fill(), follow=True)
    test = cast.workspace.seed_tests.get()
    assert answer.redirect_chain[0][0] == _page(test)
    assert (test.created_by, test.status, test.results.count()) == (cast.teammate, "waiting", 2)
    text = answer.content.decode()
    token = test.markers.get().value
    assert f"X-Seedtest-ID: {token}" in text
    assert "anna@gmail.example\nben@yahoo.example" in text


def test_a_second_click_starts_no_second_test(marketer):
    text = marketer.get(reverse(ADD)).content.decode()
    assert 'data-busy="Starting …"' in text[text.index("st-newtest") :].split(">")[0]


def test_times_are_read_in_the_workspaces_zone_which_the_page_names(marketer, cast, now):
    day = now + timedelta(days=1)
    window = {"window_starts_at": f"{day:%Y-%m-%d}T09:00", "window_ends_at": f"{day:%Y-%m-%d}T11:00"}
    answer = marketer.post(reverse(ADD), _fill(**window), follow=True)
    test = cast.workspace.seed_tests.get()
    assert test.window_starts_at.hour in (7, 8)  # nine in Berlin
    assert "Times in Europe/Berlin" in answer.content.decode()
    assert ", 09:00 CE" in answer.content.decode()


@pytest.mark.parametrize(
    ("values", "marker"),
    [
        ({"carry": "esp", "preset": "Mailchimp|Feedback-ID", "header_value": "a:b"}, ("header", "feedback-id", "a:b")),
        (
            {"carry": "esp", "preset": "other|", "header_name": "X-Own", "header_value": "spring", "is_prefix": "on"},
            ("header_prefix", "x-own", "spring"),
        ),
        ({"carry": "subject", "from_domain": "acme.example", "subject": "Hello"}, ("sender_subject", "", "Hello")),
    ],
)
def test_the_way_of_recognising_becomes_a_marker(marketer, cast, values, marker):
    marketer.post(reverse(ADD), _fill(**values))
    kinds = cast.workspace.seed_tests.get().markers.exclude(kind="token").values_list("kind", "header", "value")
    assert list(kinds) == [marker]


def test_a_visible_line_is_offered_when_it_was_chosen(marketer, cast):
    answer = marketer.post(reverse(ADD), _fill(carry="body"), follow=True)
    marker = cast.workspace.seed_tests.get().markers.get()
    assert marker.in_body
    assert f"Ref: {marker.value}" in answer.content.decode()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"carry": "esp"}, "preset"),
        ({"carry": "esp", "preset": "other|", "header_value": "x"}, "header_name"),
        ({"carry": "esp", "preset": "other|", "header_name": "Subject", "header_value": "x"}, "header_name"),
        ({"carry": "subject", "from_domain": "acme.example"}, "subject"),
        ({"carry": "subject", "from_domain": "no domain", "subject": "x"}, "from_domain"),
        ({"mode": "service"}, "sending_profile"),
        ({"window_starts_at": "2026-01-01T10:00"}, "window_starts_at"),
        ({"min_inbox": "120"}, "min_inbox"),
    ],
)
def test_what_is_missing_is_said_beside_its_field(marketer, cast, values, field):
    answer = marketer.post(reverse(ADD), _fill(**values))
    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert not cast.workspace.seed_tests.exists()


def test_we_send_it_ourselves_from_a_pasted_message(marketer, cast):
    profile = models.SendingProfile.objects.create(workspace=cast.workspace, name="Ours", host="127.0.0.1")
    source = "From: news@acme.example\r\nSubject: Hello\r\n\r\nHi"
    values = _fill(mode="service", sending_profile=profile.pk, source_0=source, min_inbox="90")
    marketer.post(reverse(ADD), values)
    test = cast.workspace.seed_tests.get()
    assert (test.status, test.message.subject, test.outbounds.count()) == ("sending", "Hello", 2)
    assert test.policy == {"min_inbox_rate": 0.9}


def test_no_usable_seed_is_said(client, cast):
    client.force_login(cast.teammate)
    answer = client.post(reverse(ADD), _fill())
    assert "No usable seed is left" in answer.content.decode()


@pytest.fixture
def measured(cast, make_seed, make_test, now):
    """A finished test: one in the inbox, one in a spam folder with a hostile name, one missing, one not looked at."""
    seeds = [make_seed(cast.workspace, name) for name in ("gmail", "yahoo", "gmx", "icloud")]
    test = make_test(
        cast.workspace, seeds, name=f"Spring {HOSTILE}", status="complete", completed_at=now, dispatch="confirmed"
    )
    found = {"received_at": now, "matched_by": "own_header", "match_where": "X-Seedtest-ID"}
    values = {
        "gmail": {"placement": "inbox", "tab": "promotions", "folder": "INBOX", **found},
        "yahoo": {"placement": "spam", "folder": f"Bulk {HOSTILE}", "evidence_line": f"{HOSTILE} is flagged", **found},
        "gmx": {"placement": "missing", "reason": "full_check_empty", "deadline_at": now, "full_check_started_at": now},
        "icloud": {"placement": "unknown", "reason": "auth_failed", "detail": f"said {HOSTILE}"},
    }
    for provider, changed in values.items():
        test.results.filter(provider=provider).update(**changed)
    return test


def _keep_evidence(result, block, now):
    folder = models.FolderCursor.objects.create(
        mailbox=result.mailbox, name="INBOX", role="inbox", source=50, seen_at=now
    )
    arrival = models.Arrival.objects.create(
        mailbox=result.mailbox, folder=folder, uidvalidity=1, uid=1, message_key="id:1", internaldate=now,
        placement="inbox", subject=HOSTILE, first_seen_at=now, result=result,
    )  # fmt: skip
    models.Evidence.objects.create(arrival=arrival, header_block=zlib.compress(block), sha256="x", created_at=now)


def test_the_page_says_the_result_in_one_sentence(marketer, measured):
    text = marketer.get(_page(measured)).content.decode()
    assert "Inbox at 1 of 3 seeds that we could look at; 1 in spam at Yahoo Mail, 1 missing at GMX." in text
    assert "Promotions" in text
    assert "Seed accounts do not open, click or reply" in text


def test_hostile_names_subjects_and_folders_are_text(marketer, measured, now):
    _keep_evidence(measured.results.get(provider="yahoo"), f"Subject: {HOSTILE}\r\n".encode(), now)
    pages = [_page(measured), "/admin/", reverse("admin:seedtest_seedtest_changelist")]
    evidence = reverse(
        "admin:seedtest_seedtest_evidence",
        args=[measured.public_id, measured.results.get(provider="yahoo").public_id],
    )
    for page in (*pages, evidence):
        text = marketer.get(page).content.decode()
        assert HOSTILE not in text, page
        assert "&lt;script&gt;alert(1)" in text, page


def test_a_shared_mailbox_shows_neither_address_nor_headers(marketer, cast, measured, make_seed, now):
    result = measured.results.get(provider="gmail")
    _keep_evidence(result, b"Delivered-To: secret@gmail.example\r\n", now)
    address = result.mailbox.address
    evidence = reverse("admin:seedtest_seedtest_evidence", args=[measured.public_id, result.public_id])
    assert "secret@gmail.example" in marketer.get(evidence).content.decode()
    make_seed(cast.elsewhere, mailbox=result.mailbox)
    assert marketer.get(evidence).status_code == 404
    rows = marketer.get(_page(measured)).content.decode().partition("Seed by seed")[2].partition("Test ID and seed")[0]
    assert address not in rows
    assert f"{address[0]}•••@" in rows


def test_an_open_page_updates_itself_only_when_something_changed(marketer, cast, make_test, now):
    test = make_test(cast.workspace, [cast.workspace.seed_accounts.first()])
    page = marketer.get(_page(test)).content.decode()
    part = reverse("admin:seedtest_seedtest_part", args=[test.public_id])
    assert f'hx-get="{part}?version={test.version}"' in page
    assert marketer.get(part, {"version": test.version}).status_code == 204
    test.raise_version()
    answer = marketer.get(part, {"version": test.version})
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()


def test_a_finished_page_rests(marketer, measured):
    assert 'hx-trigger="every' not in marketer.get(_page(measured)).content.decode()


def test_cancel_and_look_again_ask_for_a_post(marketer, cast, make_test):
    test = make_test(cast.workspace, [cast.workspace.seed_accounts.first()])
    for name in ("cancel", "recheck", "sent"):
        assert marketer.get(_page(test, name)).status_code == 403
    marketer.post(_page(test, "sent"))
    test.refresh_from_db()
    assert test.sent_at is not None
    marketer.post(_page(test, "recheck"))
    marketer.post(_page(test, "cancel"))
    test.refresh_from_db()
    assert test.status == "cancelled"


def test_only_an_administrator_deletes_a_test(marketer, cast, measured):
    page = _page(measured, "delete")
    assert marketer.post(page, {"post": "yes"}).status_code == 403
    marketer.force_login(cast.owner)
    assert marketer.post(page, {"post": "yes"}).status_code == 302
    assert not models.SeedTest.objects.exists()


def test_the_addresses_can_be_downloaded(marketer, cast, make_test):
    test = make_test(cast.workspace, list(cast.workspace.seed_accounts.all()))
    answer = marketer.get(_page(test, "seeds"))
    assert answer.content.decode() == "anna@gmail.example\nben@yahoo.example\n"
    assert "attachment" in answer["Content-Disposition"]


def test_the_tray_makes_a_test_of_what_arrived(marketer, cast, now):
    seed = cast.workspace.seed_accounts.first()
    folder = models.FolderCursor.objects.create(
        mailbox=seed.mailbox, name="INBOX", role="inbox", source=50, seen_at=now
    )
    models.Arrival.objects.create(
        mailbox=seed.mailbox, folder=folder, uidvalidity=1, uid=1, message_key="id:1", internaldate=now,
        placement="inbox", from_domain="acme.example", subject=HOSTILE, first_seen_at=now,
    )  # fmt: skip
    tray = marketer.get(reverse("admin:seedtest_arrival_changelist"))
    assert HOSTILE not in tray.content.decode()
    group = tray.context["groups"][0]["group"]
    claim = reverse("admin:seedtest_arrival_claim", args=[group.id])
    assert marketer.get(claim).status_code == 200
    answer = marketer.post(claim, {"name": "After the fact"}, follow=True)
    assert answer.status_code == 200
    test = cast.workspace.seed_tests.get()
    assert test.results.get(seed_account=seed).placement == "inbox"
    assert marketer.get(claim).status_code == 404


def test_the_addresses_that_are_not_on_the_list_can_be_copied_from_the_page(marketer, cast, make_seed, make_test, now):
    seeds = [make_seed(cast.workspace) for _ in range(8)]
    for _ in range(3):
        test = make_test(cast.workspace, seeds, status="complete", completed_at=now, deadline_at=now, now=now)
        test.results.update(placement="inbox", from_domain="brand.example", full_check_started_at=now)
        test.results.filter(seed_account=seeds[7]).update(placement="missing", from_domain="")
    page = marketer.get(_page(test)).content.decode()
    copied = page.partition('id="copy-again"')[2].partition("</textarea>")[0]
    assert seeds[7].mailbox.address in copied and seeds[0].mailbox.address not in copied
