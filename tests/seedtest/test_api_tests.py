"""Opening, reading, cancelling and re-checking a test through the API."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from placement import providers
from seedtest import models
from seedtest.models.base import new_public_id
from seedtest.reports import building
from seedtest.services import outgoing

EML = "From: Acme <news@acme.example>\r\nSubject: Spring\r\n\r\nHello\r\n"


@pytest.fixture
def seeds(cast, make_seed):
    return [make_seed(cast.workspace, "gmail", region="DE"), make_seed(cast.workspace, "gmx", mailbox_type="business")]


def stamp(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_an_opened_test_says_where_to_send_and_what_to_carry(ours, seeds):
    answer = ours.post("/tests", {"name": "Spring"})
    body = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/tests/{body['id']}" == body["links"]["self"]
    assert body.keys() == {"id", "status", "marker", "seeds", "deadline_at", "links"}
    token = models.Marker.objects.get(kind="token").value
    assert body["marker"] == {
        "header": "X-Seedtest-ID", "value": token, "body_line": f"Ref: {token}", "rules": [],
    }  # fmt: skip
    assert body["seeds"] == [
        {"email": seeds[0].mailbox.address, "plus_email": None, "provider": "gmail", "region": "DE",
         "mailbox_type": "consumer"},
        {"email": seeds[1].mailbox.address, "plus_email": None, "provider": "gmx", "region": "",
         "mailbox_type": "business"},
    ]  # fmt: skip
    assert (body["status"], body["deadline_at"]) == ("waiting", None)


@pytest.mark.parametrize(("status", "given"), [("verified", "a+tok@x.example"), ("unverified", None), ("no", None)])
def test_a_plus_address_is_offered_only_where_it_is_proven_to_arrive(status, given):
    proven = providers.SubaddressStatus(status)
    catalog = providers.Provider(
        id="p", name="P", kind=providers.Kind.CONSUMER, auth=providers.GENERIC.auth,
        subaddress=providers.Subaddress(separator="+", status=proven),
    )  # fmt: skip
    assert building.plus_address(catalog, "a@x.example", "tok") == given


def test_every_documented_field_is_taken(ours, cast, seeds, now):
    seed_list = models.SeedList.objects.create(workspace=cast.workspace, name="Core")
    seed_list.seed_accounts.set(seeds)
    stream = models.Stream.objects.create(workspace=cast.workspace, name="News", from_domain="acme.example")
    asked = {
        "name": "Spring",
        "stream": stream.public_id,
        "seed_list": seed_list.public_id,
        "provider_filter": ["gmail", "gmx"],
        "max_seeds_per_provider": 1,
        "match": {"header": {"name": "Feedback-ID", "value": "spring:1"}, "subject": "Hi", "in_body": True},
        "send_window": {"starts_at": stamp(now), "ends_at": stamp(now + timedelta(hours=1))},
        "settle_seconds": 300,
        "domain_mix": {"gmail.com": 70, "gmx.de": 30.5},
        "policy": {"min_inbox_rate": 0.9, "no_spam_at": ["gmail"], "auth_must_pass": True},
        "meta": {"campaign": 7, "nested": {"text": "ü"}},
    }
    opened = ours.post("/tests", asked)
    assert opened.status_code == 201, opened.json()
    read = ours.get(opened["Location"]).json()
    for name in ("name", "stream", "domain_mix", "policy", "meta"):
        assert read[name] == asked[name]
    assert read["send_window"] == asked["send_window"]
    assert read["deadline_at"] is not None
    assert read["marker"]["rules"] == [
        "header feedback-id: spring:1", "From acme.example with the subject “Hi”",
    ]  # fmt: skip
    test = models.SeedTest.objects.get()
    assert test.settle_seconds == 300
    assert test.markers.get(kind="token").in_body


@pytest.mark.parametrize(
    "message", [{"eml": EML}, {"raw_base64": base64.b64encode(EML.encode()).decode()}], ids=["eml", "base64"]
)
def test_with_a_message_and_a_profile_we_send_it(ours, recurring, message):
    asked = {"name": "Spring", "sending_profile": recurring.sending_profile.public_id, "message": message}
    opened = ours.post("/tests", asked)
    assert opened.json()["status"] == "sending"
    test = models.SeedTest.objects.get()
    assert test.message.raw == EML.encode()
    assert test.outbounds.count() == 1


def test_a_message_of_ten_megabytes_fits_in_base64(ours, recurring):
    header = b"From: news@acme.example\r\n\r\n"
    raw = header + (b"x" * 98 + b"\r\n") * ((outgoing.MAX_BYTES - len(header)) // 100)
    message = {"raw_base64": base64.b64encode(raw).decode()}
    answer = ours.post(
        "/tests", {"name": "Large", "message": message, "sending_profile": recurring.sending_profile.public_id}
    )
    assert answer.status_code == 201, answer.content


def test_bytes_that_are_no_text_survive_base64(ours, recurring):
    raw = b"From: a@acme.example\r\nSubject: \xff\r\n\r\n\x00\xfe"
    message = {"raw_base64": base64.b64encode(raw).decode()}
    ours.post("/tests", {"name": "Spring", "sending_profile": recurring.sending_profile.public_id, "message": message})
    assert models.SeedTest.objects.get().message.raw == raw


@pytest.mark.parametrize("field", ["stream", "seed_list", "sending_profile"])
def test_an_id_of_another_workspace_is_the_same_unknown_id_as_a_random_one(ours, theirs, recurring, cast, seeds, field):
    stream = models.Stream.objects.create(workspace=cast.workspace, name="News")
    real = {
        "stream": stream.public_id,
        "seed_list": recurring.seed_list.public_id,
        "sending_profile": recurring.sending_profile.public_id,
    }[field]
    answers = [
        theirs.post("/tests", {"name": "Spring", "message": {"eml": EML}, field: one})
        for one in (real, new_public_id(real[:3]))
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    first, second = (answer.json() for answer in answers)
    assert first["errors"] == second["errors"]
    assert first["errors"][0]["code"] == "unknown_id"
    assert not models.OutgoingMessage.objects.filter(workspace=cast.elsewhere).exists()


def test_a_refused_test_leaves_nothing_behind(ours, recurring):
    asked = {"name": "Spring", "message": {"eml": EML}, "sending_profile": recurring.sending_profile.public_id}
    before = models.OutgoingMessage.objects.count()
    answer = ours.post("/tests", asked | {"provider_filter": ["zoho"]})
    assert answer.json()["errors"][0]["code"] == "no_seeds"
    assert models.OutgoingMessage.objects.count() == before


def test_a_test_reads_as_its_report(ours, cast, seeds, make_test, now):
    test = make_test(cast.workspace, seeds, policy={"no_spam_at": ["gmx"]}, status="complete", completed_at=now)
    inbox, spam = test.results.order_by("id")
    models.SeedResult.objects.filter(pk=inbox.pk).update(placement="inbox", tab="promotions")
    models.SeedResult.objects.filter(pk=spam.pk).update(placement="spam")
    body = ours.get(f"/tests/{test.public_id}").json()
    assert body["verdict"] == {
        "outcome": "fail", "final": True,
        "reasons": [{"rule": "no_spam_at", "outcome": "fail", "detail": "GMX: 1 of 1 in spam, wanted none."}],
    }  # fmt: skip
    assert (body["counts"]["n"], body["rates"]["inbox"]["rate"]) == (2, 0.5)
    gmail, gmx = body["providers"]
    assert (gmail["headline"], gmail["tabs"]) == ("1 of 1 in the inbox", {"promotions": 1})
    assert gmail["rates"]["inbox"]["method"] == "wilson95"
    assert gmx["rates"]["spam"]["count"] == 1
    assert body["provisional"] is False
    assert body["limits"] and body["definitions_version"]
    assert body["created_at"].endswith("Z")


def test_results_are_one_row_a_seed_in_the_documented_shape(ours, cast, seeds, make_test, now):
    test = make_test(cast.workspace, seeds[:1], status="complete", completed_at=now)
    said = {
        "spf": {"method": "spf", "result": "pass", "domain": "acme.example", "aligned": True},
        "dkim": [{"method": "dkim", "result": "pass", "domain": "acme.example", "selector": "s1", "aligned": True}],
        "dmarc": {"method": "dmarc", "result": "pass", "policy": "reject", "disposition": "none"},
    }
    test.results.update(placement="inbox", tab="primary", folder="INBOX", received_at=now, authentication=said)
    body = ours.get(f"/tests/{test.public_id}/results").json()
    (row,) = body["data"]
    assert row["spf"] == {"result": "pass", "domain": "acme.example", "aligned": True}
    assert row["dkim"] == [{"result": "pass", "d": "acme.example", "s": "s1", "aligned": True}]
    assert row["dmarc"] == {"result": "pass", "policy": "reject", "disposition": "none"}
    assert (row["arc"], row["bimi"]) == (None, None)
    assert (row["placement"], row["tab"], row["folder"]) == ("inbox", "primary", "INBOX")
    assert row["received_at"] == stamp(now)
    assert row["delivery_seconds"] is None
    assert row["email"] == seeds[0].mailbox.address


def test_an_open_test_is_provisional_and_its_rates_null_over_nothing(ours, seeds):
    opened = ours.post("/tests", {"name": "Spring"}).json()
    body = ours.get(opened["links"]["self"]).json()
    assert body["provisional"] is True
    assert body["rates"]["inbox"] == {
        "count": 0, "n": 0, "rate": None, "ci_low": None, "ci_high": None, "method": "not_enough_history",
    }  # fmt: skip
    assert body["verdict"]["outcome"] == "inconclusive"


def test_cancelling_ends_the_test_and_again_changes_nothing(ours, seeds):
    links = ours.post("/tests", {"name": "Spring"}).json()["links"]
    first = ours.post(links["cancel"])
    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert ours.post(links["cancel"]).json()["version"] == first.json()["version"]


def test_a_recheck_wakes_the_mailboxes(ours, seeds, now, django_capture_on_commit_callbacks):
    links = ours.post("/tests", {"name": "Spring"}).json()["links"]
    models.Mailbox.objects.update(next_poll_at=now + timedelta(hours=4))
    with django_capture_on_commit_callbacks(execute=True):
        assert ours.post(links["recheck"]).status_code == 200
    assert not models.Mailbox.objects.filter(next_poll_at__gt=now + timedelta(minutes=5)).exists()


def test_seeds_are_listed_with_their_providers(ours, seeds):
    rows = {row["id"]: row for row in ours.get("/seeds").json()["data"]}
    assert rows[seeds[0].public_id]["email"] == seeds[0].mailbox.address
    assert rows[seeds[1].public_id]["provider_name"] == "GMX"
