"""The evidence page of one result: what stands on it, who may open it, and what can be saved from it."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from seedtest import models
from seedtest.reports.evidence import evidence_of
from seedtest.reports.header_lines import header_lines
from seedtest.services import verifying
from tests.fakes import FakeDns
from tests.seedtest.received_mail import BLOCK, BODY, TO_JUNK, arrive


@pytest.fixture
def result(cast, make_seed, make_test, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    seed = make_seed(cast.workspace, "gmail")
    return arrive(make_test(cast.workspace, [seed]), seed)


def signed_in(user) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def marketer(cast) -> Client:
    return signed_in(cast.teammate)


def address(result, kind: str = "evidence") -> str:
    return reverse(f"admin:seedtest_seedtest_{kind}", args=[result.test.public_id, result.public_id])


def page(client: Client, result) -> str:
    answer = client.get(address(result))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_every_part(marketer, result):
    text = page(marketer, result)
    for part in (
        "What the receiver said", "What we verified", "Route", "The provider's filter", "List headers",
        "The headers as they came", "192.0.2.7", "mta.esp.example", "mx.google.com", "List-Unsubscribe-Post",
    ):  # fmt: skip
        assert part in text, part


def test_both_opinions_stand_side_by_side(marketer, result):
    verifying.verify_batch([models.ReceivedMessage.objects.get().pk], resolver=FakeDns())
    table = page(marketer, result).partition("Two opinions")[2].partition("</table>")[0]
    dkim = table.partition(">DKIM<")[2].partition("</tr>")[0]
    assert re.findall(r'st-badge st-(\w+)">([^<]+)<', dkim) == [("good", "pass"), ("warn", "none")]
    assert "carries no DKIM signature" in dkim


def test_a_message_that_was_not_checked_says_so(marketer, result):
    assert "was not checked" in page(marketer, result)


def test_the_delays_of_the_route_are_drawn_to_scale(marketer, result):
    drawn = page(marketer, result).partition("st-hops")[2].partition("</ol>")[0]
    assert re.findall(r"width:([\d.]+)%", drawn) == ["100.00", "40.00"]
    assert "+5 s" in drawn and "+2 s" in drawn


def test_the_quoted_lines_are_marked_with_words_and_not_by_colour_alone(marketer, result):
    raw = page(marketer, result).partition('class="st-raw"')[2]
    marked = re.findall(r'st-raw-(\w+)"[^>]*>(?:<span class="st-raw-mark">([^<]+)</span>)?<code>([\w-]+):', raw)
    assert ("believed", "counts", "Authentication-Results") in marked
    assert ("doubted", "not believed", "Authentication-Results") in marked
    assert ("boundary", "sending IP", "Received") in marked
    assert [one for one in marked if one[0] == "boundary"] == [("boundary", "sending IP", "Received")]
    assert ("list", "list", "List-Unsubscribe") in marked


def test_of_two_lines_with_the_same_text_only_the_real_one_counts(cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmail")
    own = BLOCK.partition(b"Authentication-Results: ")[2].partition(b"\r\n")[0]
    twice = BLOCK.replace(b"From: Brand", b"Authentication-Results: " + own + b"\r\nFrom: Brand")
    found = evidence_of(arrive(make_test(cast.workspace, [seed]), seed, twice))
    marks = [one.mark for one in header_lines(found.block, found.reading) if one.text.startswith("Authentication")]
    assert marks == ["believed", "doubted", "doubted"]


def test_a_received_spf_that_came_with_the_message_is_marked_as_not_believed(cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmail")
    forged = BLOCK.replace(
        b"From: Brand", b"Received-SPF: pass client-ip=192.0.2.99; receiver=mx.google.com\r\nFrom: Brand"
    )
    found = evidence_of(arrive(make_test(cast.workspace, [seed]), seed, forged))
    marks = [one.mark for one in header_lines(found.block, found.reading) if one.text.startswith("Received-SPF")]
    assert marks == ["doubted"]


def test_hostile_text_stays_text(marketer, cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmail")
    hostile = BLOCK.replace(b"198.51.100.9", b"198.51.100.9 <img src=x onerror=alert(2)>").replace(
        b"<https://esp.example/u/1>", b"<javascript:alert(3)>"
    )
    text = page(marketer, arrive(make_test(cast.workspace, [seed]), seed, hostile))
    assert "<script>alert(1)" not in text and "&lt;script&gt;alert(1)" in text
    assert "<img src=x" not in text
    assert 'href="javascript' not in text


def test_a_large_header_is_shown_in_part_and_the_file_has_it_all(marketer, cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmail")
    large = b"".join(b"X-Fill-%d: %s\r\n" % (n, b"y" * 900) for n in range(250)) + BLOCK
    result = arrive(make_test(cast.workspace, [seed]), seed, large)
    assert len(page(marketer, result)) < 400_000
    assert marketer.get(address(result, "evidence_headers")).content == large


def test_the_headers_can_always_be_saved(marketer, result):
    answer = marketer.get(address(result, "evidence_headers"))
    assert answer.content == BLOCK
    assert answer["Content-Disposition"] == f'attachment; filename="headers-{result.public_id}.eml"'
    assert answer["Content-Type"] == "message/rfc822"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Security-Policy"].startswith("sandbox")


def test_a_whole_message_can_be_saved_where_it_is_kept(marketer, cast, make_seed, make_test, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    seed = make_seed(cast.workspace, "gmail")
    kept = arrive(make_test(cast.workspace, [seed]), seed, keep=True)
    assert address(kept, "evidence_message") in page(marketer, kept)
    answer = marketer.get(address(kept, "evidence_message"))
    assert answer.content == BLOCK + BODY
    assert answer["Content-Security-Policy"].startswith("sandbox")


def test_where_only_headers_are_kept_no_message_is_offered(marketer, result):
    assert address(result, "evidence_message") not in page(marketer, result)
    assert marketer.get(address(result, "evidence_message")).status_code == 404


@pytest.mark.parametrize("kind", ["evidence", "evidence_headers", "evidence_message"])
def test_a_stranger_gets_404_and_nobody_a_login_page(cast, make_seed, make_test, kind, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    seed = make_seed(cast.workspace, "gmail")
    kept = arrive(make_test(cast.workspace, [seed]), seed, keep=True)
    assert signed_in(cast.teammate).get(address(kept, kind)).status_code == 200
    assert signed_in(cast.stranger).get(address(kept, kind)).status_code == 404
    anonymous = Client().get(address(kept, kind))
    assert (anonymous.status_code, "/login/" in anonymous["Location"]) == (302, True)


@pytest.mark.parametrize("kind", ["evidence", "evidence_headers", "evidence_message"])
def test_a_mailbox_that_others_use_too_shows_nothing(cast, make_seed, make_test, kind, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    seed = make_seed(cast.workspace, "gmail")
    kept = arrive(make_test(cast.workspace, [seed]), seed, keep=True)
    make_seed(cast.elsewhere, mailbox=seed.mailbox)
    assert signed_in(cast.owner).get(address(kept, kind)).status_code == 404


def test_a_result_of_another_test_is_not_found_under_this_one(marketer, cast, make_seed, make_test, result):
    other = make_test(cast.workspace, [make_seed(cast.workspace)])
    url = reverse("admin:seedtest_seedtest_evidence", args=[other.public_id, result.public_id])
    assert marketer.get(url).status_code == 404


def test_a_folder_that_the_provider_states_is_shown_beside_ours(marketer, cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "outlook_com")
    moved = arrive(make_test(cast.workspace, [seed]), seed, TO_JUNK)
    assert "Moved after delivery" in page(marketer, moved)
    test_page = marketer.get(reverse("admin:seedtest_seedtest_change", args=[moved.test.public_id])).content.decode()
    assert "into the junk folder, by its own header" in test_page


def test_the_page_of_the_test_says_as_whom_and_leads_to_the_evidence(marketer, result):
    text = marketer.get(reverse("admin:seedtest_seedtest_change", args=[result.test.public_id])).content.decode()
    told = text.partition("Authenticated as")[2].partition("</section>")[0]
    assert "DKIM d=esp.example s=s1" in told and "not your From domain, passed at 1 of 1" in told
    assert address(result) in text


def test_the_owner_decides_whether_whole_messages_are_kept(cast):
    url = reverse("admin:seedtest_workspace_change", args=[cast.workspace.public_id])
    form = {
        "name": "Acme",
        "timezone": "Europe/Berlin",
        "keep_raw": "on",
        "raw_max_kb": "64",
        "raw_retention_days": "7",
    }
    assert signed_in(cast.owner).post(url, form).status_code == 302
    cast.workspace.refresh_from_db()
    assert (cast.workspace.keep_raw, cast.workspace.raw_max_kb, cast.workspace.raw_retention_days) == (True, 64, 7)
