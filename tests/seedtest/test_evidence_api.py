"""GET /results/{id}/evidence: what is given, in which shape, and to whom it is a plain 404."""

from __future__ import annotations

import base64
import hashlib

import pytest

from seedtest import models
from seedtest.services import verifying
from tests.fakes import FakeDns
from tests.seedtest.received_mail import BLOCK, BODY, FORGED, GMAIL, TO_JUNK, arrive


@pytest.fixture
def result(cast, make_seed, make_test, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    seed = make_seed(cast.workspace, "gmail")
    return arrive(make_test(cast.workspace, [seed]), seed)


def address(result) -> str:
    return f"/results/{result.public_id}/evidence"


def test_the_raw_header_block_comes_with_its_sum(ours, result):
    body = ours.get(address(result)).json()
    assert (body["header_block"].encode(), body["encoding"]) == (BLOCK, "utf-8")
    assert (body["sha256"], body["truncated"]) == (hashlib.sha256(BLOCK).hexdigest(), False)
    assert (body["result"], body["test"], body["folder"]) == (result.public_id, result.test.public_id, "INBOX")


def test_bytes_that_are_no_utf_8_can_be_had_back(ours, cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmail")
    odd = BLOCK.replace(b"Brand <", b"Br\xe4nd\xff <")
    body = ours.get(address(arrive(make_test(cast.workspace, [seed]), seed, odd))).json()
    assert body["header_block"].encode(body["encoding"]) == odd


def test_what_was_read_has_the_shape_of_explain(ours, result):
    reading = ours.get(address(result)).json()["reading"]
    assert list(reading) == ["provider", "authentication", "untrusted", "says", "route", "checks", "findings"]
    assert reading["authentication"]["dmarc"] == {
        "result": "fail", "authserv_id": "mx.google.com", "header": "Authentication-Results", "line": GMAIL,
    }  # fmt: skip
    assert [one["line"] for one in reading["untrusted"]] == [FORGED]
    assert reading["route"]["sending_ip"] == "192.0.2.7"


def test_lists_and_every_statement_are_given_too(ours, result):
    body = ours.get(address(result)).json()
    assert body["list_headers"]["list_unsubscribe"] == "<https://esp.example/u/1>"
    assert body["list_headers"]["return_path"] == "bounce@mail.esp.example"
    assert [one["method"] for one in body["reported"]] == ["dkim", "spf", "dmarc"]
    assert body["reported"][0]["properties"]["header.s"] == "s1"


def test_a_message_that_was_not_checked_says_so(ours, result):
    body = ours.get(address(result)).json()
    assert body["verified_at"] is None
    assert {check["result"] for check in body["reading"]["checks"].values()} == {"unknown"}


def test_our_own_check_stands_beside_the_receivers_word(ours, result):
    verifying.verify_batch([models.ReceivedMessage.objects.get().pk], resolver=FakeDns())
    body = ours.get(address(result)).json()
    assert body["verified_at"]
    assert body["reading"]["checks"]["dkim"]["result"] == "none"
    assert "dkim_differs" in {one["code"] for one in body["reading"]["findings"]}


def test_a_folder_stated_by_the_provider_is_a_finding(ours, cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "outlook_com")
    shown = arrive(make_test(cast.workspace, [seed]), seed, TO_JUNK)
    body = ours.get(address(shown)).json()
    assert "moved_after_delivery" in {one["code"] for one in body["reading"]["findings"]}
    assert body["verdict_headers"][-1]["delivery_folder"] == "junk"


def test_a_whole_message_is_announced(ours, cast, make_seed, make_test, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    seed = make_seed(cast.workspace, "gmail")
    shown = arrive(make_test(cast.workspace, [seed]), seed, keep=True)
    raw = ours.get(address(shown)).json()["raw_message"]
    assert raw == {"size": len(BLOCK + BODY), "sha256": hashlib.sha256(BLOCK + BODY).hexdigest(), "truncated": False}


def test_another_workspace_gets_a_plain_404(theirs, ours, result):
    refused, unknown = theirs.get(address(result)), theirs.get("/results/res_0123456789012345678901/evidence")
    assert (refused.status_code, unknown.status_code) == (404, 404)
    assert refused.json()["type"] == unknown.json()["type"]
    assert ours.get(address(result)).status_code == 200


def test_a_key_without_the_scope_is_refused(cast, caller, result):
    assert caller(cast.workspace, scopes=["seeds:read"]).get(address(result)).status_code == 403


def test_a_seed_without_a_message_has_no_evidence(ours, cast, make_seed, make_test):
    test = make_test(cast.workspace, [make_seed(cast.workspace)])
    assert ours.get(address(test.results.get())).status_code == 404
    (row,) = ours.get(f"/tests/{test.public_id}/results").json()["data"]
    assert row["evidence_url"] is None


@pytest.mark.parametrize("how", ["used by others too", "of the operator's pool", "owned by another workspace"])
def test_a_mailbox_that_is_not_ours_alone_shows_nothing(ours, cast, make_seed, result, how):
    mailbox = result.mailbox
    if how == "used by others too":
        make_seed(cast.elsewhere, mailbox=mailbox)
    else:
        owner = None if how == "of the operator's pool" else cast.elsewhere
        models.Mailbox.objects.filter(pk=mailbox.pk).update(workspace=owner)
    assert ours.get(address(result)).status_code == 404
    (row,) = ours.get(f"/tests/{result.test.public_id}/results").json()["data"]
    assert row["evidence_url"] is None


def test_hostile_headers_are_given_as_they_are(ours, cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmail")
    hostile = b"X: \x00\xed\xa0\x80\r\nSubject: </script>\r\n" + BLOCK
    body = ours.get(address(arrive(make_test(cast.workspace, [seed]), seed, hostile))).json()
    assert base64.b64encode(body["header_block"].encode(body["encoding"])) == base64.b64encode(hostile)
