"""What a report says of authentication: as whom, before how often; opinions that differ; folders that are stated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest import models, reports
from seedtest.reports import readings
from tests.seedtest.received_mail import BLOCK, TO_JUNK, arrive
from tests.seedtest.scans import INBOX, JUNK


@pytest.fixture
def report(cast, make_seed, make_test):
    """Two Gmail seeds got a newsletter that an ESP signed in its own name."""
    seeds = [make_seed(cast.workspace, "gmail"), make_seed(cast.workspace, "gmail")]
    test = make_test(cast.workspace, seeds)
    for seed in seeds:
        arrive(test, seed)
    return reports.build(test)


def findings(report, code):
    return [one for one in report.findings if one.code == code]


def test_it_says_as_whom_before_how_often(report):
    (row,) = report.providers
    for told in (row.authenticated_as, report.totals.authenticated_as):
        assert (told.from_domains, told.return_paths) == (("brand.example",), ("mail.esp.example",))
        names = [(one.method, one.domain, one.selector, one.aligned, one.passed) for one in told.identities]
        assert names == [("dkim", "esp.example", "s1", False, 2), ("spf", "mail.esp.example", "", False, 2)]
        assert (told.aligned, told.not_aligned, told.unknown) == (0, 2, 0)


def test_an_esps_own_domain_that_aligns_with_nothing_is_the_finding_with_its_fix(report):
    (told,) = findings(report, "not_aligned")
    assert told.severity == "high"
    assert "2 of 2 messages" in told.detail
    assert "DKIM d=esp.example s=s1 and SPF mail.esp.example" in told.detail
    assert "set up DKIM for brand.example" in told.next_step
    assert told.evidence and "mx.google.com" in told.evidence[0]


def test_one_aligned_signature_is_enough(cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmail")
    test = make_test(cast.workspace, [seed])
    one, two = b"dkim=pass header.i=@esp", b"dkim=pass header.i=@news.brand.example; dkim=pass header.i=@esp"
    both = BLOCK.replace(one, two)
    arrive(test, seed, both)
    built = reports.build(test)
    assert built.totals.authenticated_as.aligned == 1
    assert findings(built, "not_aligned") == []


def test_silence_is_unknown_and_no_finding(cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmx")
    test = make_test(cast.workspace, [seed])
    arrive(test, seed, b"From: a@brand.example\r\nSubject: Hello\r\n\r\n")
    built = reports.build(test)
    told = built.totals.authenticated_as
    assert (told.identities, told.aligned, told.not_aligned, told.unknown) == ((), 0, 0, 1)
    assert findings(built, "not_aligned") == []


def checked(result, *, found=(), **checks):
    message = models.ReceivedMessage.objects.get(result=result)
    methods = ("spf", "dkim", "dmarc", "arc", "bimi", "one_click")
    summary = dict.fromkeys(methods, "none") | {name: one["result"] for name, one in checks.items()}
    return models.Verification.objects.create(
        message=message, attempts=1, verified_at=result.test.created_at, summary=summary, checks=checks,
        findings=list(found),
    )  # fmt: skip


def test_where_the_receiver_is_silent_our_own_check_names_the_domains(cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmx")
    test = make_test(cast.workspace, [seed])
    result = arrive(test, seed, b"From: a@brand.example\r\nSubject: Hello\r\n\r\n")
    signature = {"result": "headers_only", "domain": "esp.example", "selector": "s1", "aligned": False}
    spf = {"result": "none", "domain": "", "aligned": None}
    checked(result, dkim={"result": "headers_only", "says": "", "signatures": [signature]}, spf=spf)
    built = reports.build(test)
    (identity,) = built.totals.authenticated_as.identities
    assert (identity.domain, identity.passed, identity.by_us) == ("esp.example", 1, True)
    assert "own check" in findings(built, "not_aligned")[0].evidence[0]
    assert built.seeds[0].checked["dkim"] == "headers_only"


def test_a_receiver_that_differs_from_our_check_is_a_finding_with_both_sides(cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "gmail")
    test = make_test(cast.workspace, [seed])
    result = arrive(test, seed)
    differs = {"code": "spf_differs", "severity": "medium", "title": "", "detail": "", "fix": "",
               "evidence": "The receiver: spf=pass\nOur check: spf=fail"}  # fmt: skip
    checked(result, found=[differs, differs | {"code": "dkim_short_key", "evidence": "something else"}])
    (told,) = findings(reports.build(test), "checks_differ")
    assert told.evidence == ("Gmail: The receiver: spf=pass\nOur check: spf=fail",)


def test_a_check_that_is_only_claimed_says_nothing_yet(cast, make_seed, make_test, now):
    seed = make_seed(cast.workspace, "gmail")
    test = make_test(cast.workspace, [seed])
    arrive(test, seed)
    models.Verification.objects.create(message=models.ReceivedMessage.objects.get(), attempts=1, again_at=now)
    assert reports.build(test).seeds[0].checked is None


def test_a_folder_that_the_provider_states_is_kept_beside_the_one_we_found(cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "outlook_com")
    test = make_test(cast.workspace, [seed])
    result = arrive(test, seed, TO_JUNK, INBOX)
    assert (result.placement, result.stated_folder) == ("inbox", "junk")
    (told,) = findings(reports.build(test), "moved_after_delivery")
    assert "delivered to junk, found in inbox" in told.evidence[0]
    assert "dest:J" in told.evidence[0]


def test_a_stated_folder_that_agrees_is_no_finding(cast, make_seed, make_test):
    seed = make_seed(cast.workspace, "outlook_com")
    test = make_test(cast.workspace, [seed])
    result = arrive(test, seed, TO_JUNK, JUNK)
    assert (result.placement, result.stated_folder) == ("spam", "junk")
    assert findings(reports.build(test), "moved_after_delivery") == []


def test_a_message_dated_before_it_was_sent_is_a_clock_finding_and_no_negative_time(report, now):
    test = models.SeedTest.objects.get()
    test.results.update(
        dispatch="confirmed", dispatched_at=now, received_at=now - timedelta(minutes=1), delivery_seconds=None
    )
    built = reports.build(test)
    assert findings(built, "clock_skew")[0].evidence[0].endswith("60 s early")
    assert built.providers[0].delivery is None


def test_what_is_forged_below_the_boundary_names_nobody(report):
    said = report.seeds[0].authentication
    assert (said.dmarc.result, len(said.untrusted)) == ("fail", 1)


def test_the_api_gives_the_summary_our_checks_and_where_the_evidence_is(report, ours):
    test = models.SeedTest.objects.get()
    body = ours.get(f"/tests/{test.public_id}").json()
    assert next(iter(body["authentication"])) == "authenticated_as"
    assert body["providers"][0]["authentication"]["authenticated_as"]["identities"][0]["domain"] == "esp.example"
    (row, _) = ours.get(f"/tests/{test.public_id}/results").json()["data"]
    assert row["evidence_url"] == f"/api/v1/results/{row['id']}/evidence"
    assert (row["checks"], row["stated_folder"]) == (None, "")


def test_an_own_server_is_believed_once_its_name_is_entered_in_the_mailbox(cast, make_seed, make_test):
    own = b"Authentication-Results: mx.own.example; spf=fail smtp.mailfrom=a@brand.example\r\n" + BLOCK
    seed = make_seed(cast.workspace, "generic", authserv_ids="mx2.own.example, MX.own.example")
    test = make_test(cast.workspace, [seed])
    arrive(test, seed, own)
    message = models.ReceivedMessage.objects.get()
    assert readings.read_for(own, message.arrival.mailbox).authentication.spf.result == "fail"
    models.Mailbox.objects.update(authserv_ids="")
    message = models.ReceivedMessage.objects.get()
    assert readings.read_for(own, message.arrival.mailbox).authentication.spf is None
