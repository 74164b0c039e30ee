"""What opening a test writes, and what it refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest import models
from seedtest.services import intake
from seedtest.services.intake import IntakeError, MatchRequest, NewTest


def codes(error: pytest.ExceptionInfo[IntakeError]) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.code) for fault in error.value.errors}


@pytest.fixture
def profile(cast):
    return models.SendingProfile.objects.create(
        workspace=cast.workspace, name="Postfix", host="smtp.acme.example", password="smtp password"
    )


@pytest.fixture
def message(cast, now):
    raw = b"From: Acme <news@acme.example>\r\nSubject: Spring\r\n\r\nHello\r\n"
    return intake.keep_message(cast.workspace, raw, now=now)


def test_an_esp_test_waits_with_one_result_a_seed_and_a_minted_marker(cast, make_seed, now):
    gmail, gmx = make_seed(cast.workspace, "gmail"), make_seed(cast.workspace, "gmx")
    test = intake.open_test(cast.workspace, NewTest(name="Spring"), now=now)
    assert test.status == "waiting"
    assert {result.seed_account for result in test.results.all()} == {gmail, gmx}
    assert {result.placement for result in test.results.all()} == {"waiting"}
    marker = test.markers.get()
    assert marker.kind == "token" and len(marker.value) == 26
    assert test.outbounds.count() == 0


def test_the_clock_does_not_run_before_anything_is_known_of_the_sending(cast, make_seed, now):
    make_seed(cast.workspace)
    test = intake.open_test(cast.workspace, NewTest(name="Spring"), now=now)
    assert test.deadline_at is None
    assert test.results.get().deadline_at is None
    assert test.results.get().dispatch == "unknown"


def test_a_send_window_starts_the_clock_at_its_end_and_assumes_the_dispatch(cast, make_seed, now):
    make_seed(cast.workspace, "gmail")
    ends = now + timedelta(hours=2)
    test = intake.open_test(cast.workspace, NewTest(name="Spring", window_ends_at=ends), now=now)
    assert test.deadline_at > ends
    assert test.results.get().dispatch == "assumed"


def test_a_message_sent_in_the_last_minute_of_the_window_has_its_whole_allowance(cast, make_seed, now):
    make_seed(cast.workspace, "generic")
    new = NewTest(name="Spring", window_ends_at=now + timedelta(hours=2))
    test = intake.open_test(cast.workspace, new, now=now)
    assert test.start_by > test.deadline_at


def test_a_past_send_is_declared_with_its_time(cast, make_seed, now):
    make_seed(cast.workspace)
    sent = now - timedelta(minutes=10)
    test = intake.open_test(cast.workspace, NewTest(name="Spring", sent_at=sent), now=now)
    assert (test.sent_at, test.sent_at_source, test.window_starts_at) == (sent, "api", sent)
    assert test.deadline_at is not None


def test_a_service_test_has_one_queued_envelope_a_seed(cast, make_seed, now, profile, message):
    seeds = [make_seed(cast.workspace), make_seed(cast.workspace)]
    new = NewTest(name="Spring", mode="service", sending_profile=profile, message=message)
    test = intake.open_test(cast.workspace, new, now=now)
    assert test.status == "sending"
    assert {(one.account, one.status) for one in test.outbounds.all()} == {(seed, "queued") for seed in seeds}


def test_a_disabled_seed_and_a_quarantined_mailbox_are_left_out(cast, make_seed, now):
    good, off, bad = (make_seed(cast.workspace) for _ in range(3))
    models.SeedAccount.objects.filter(pk=off.pk).update(enabled=False)
    models.Mailbox.objects.filter(pk=bad.mailbox_id).update(state="quarantined")
    test = intake.open_test(cast.workspace, NewTest(name="Spring"), now=now)
    assert [result.seed_account for result in test.results.all()] == [good]


def test_a_seed_list_a_provider_filter_and_a_cap_choose_the_seeds(cast, make_seed, now):
    listed = [make_seed(cast.workspace, "gmail") for _ in range(3)] + [make_seed(cast.workspace, "gmx")]
    make_seed(cast.workspace, "gmail")
    seed_list = models.SeedList.objects.create(workspace=cast.workspace, name="Core", version=4)
    seed_list.seed_accounts.set(listed)
    new = NewTest(name="Spring", seed_list=seed_list, provider_filter=("gmail",), max_seeds_per_provider=2)
    test = intake.open_test(cast.workspace, new, now=now)
    assert [result.seed_account for result in test.results.order_by("id")] == listed[:2]
    assert test.seed_list_version == 4


def test_no_usable_seed_is_an_error_and_leaves_nothing_behind(cast, now):
    with pytest.raises(IntakeError) as error:
        intake.open_test(cast.workspace, NewTest(name="Spring"), now=now)
    assert codes(error) == {("#", "no_seeds")}
    assert not models.SeedTest.objects.exists()


def test_seeds_of_another_workspace_are_never_used(cast, make_seed, now):
    make_seed(cast.elsewhere)
    with pytest.raises(IntakeError):
        intake.open_test(cast.workspace, NewTest(name="Spring"), now=now)


@pytest.mark.parametrize("field", ["stream", "seed_list", "sending_profile", "message"])
def test_a_row_of_another_workspace_is_an_unknown_id(cast, make_seed, now, profile, message, field):
    make_seed(cast.workspace)
    rows = {
        "stream": lambda: models.Stream.objects.create(workspace=cast.elsewhere, name="Theirs"),
        "seed_list": lambda: models.SeedList.objects.create(workspace=cast.elsewhere, name="Theirs"),
        "sending_profile": lambda: models.SendingProfile.objects.create(
            workspace=cast.elsewhere, name="Theirs", host="smtp.elsewhere.example"
        ),
        "message": lambda: intake.keep_message(cast.elsewhere, message.raw, now=now),
    }
    fields = {"sending_profile": profile, "message": message, "mode": "service"} | {field: rows[field]()}
    with pytest.raises(IntakeError) as error:
        intake.open_test(cast.workspace, NewTest(name="Spring", **fields), now=now)
    assert codes(error) == {(f"#/{field}", "unknown_id")}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": " "}, ("#/name", "invalid")),
        ({"from_domain": "not a domain"}, ("#/from_domain", "invalid")),
        ({"settle_seconds": 1}, ("#/settle_seconds", "invalid")),
        ({"max_seeds_per_provider": 0}, ("#/max_seeds_per_provider", "invalid")),
        ({"provider_filter": ("gmial",)}, ("#/provider_filter/0", "unknown_provider")),
        ({"mode": "service"}, ("#/sending_profile", "required")),
        ({"match": MatchRequest(header="Subject", value="x")}, ("#/match/header/name", "unsuitable")),
        ({"match": MatchRequest(header="Bad Name", value="x")}, ("#/match/header/name", "invalid")),
        ({"match": MatchRequest(header="Feedback-ID")}, ("#/match/header", "invalid")),
        ({"match": MatchRequest(header="Feedback-ID", prefix="a")}, ("#/match/header/prefix", "too_short")),
        ({"match": MatchRequest(header="Feedback-ID", prefix="=?utf-8?q??=")}, ("#/match/header/prefix", "too_short")),
        ({"match": MatchRequest(header="Feedback-ID", value="=?utf-8?q??=")}, ("#/match/header/value", "invalid")),
        ({"match": MatchRequest(subject="Hello")}, ("#/match/subject", "from_domain_required")),
        ({"domain_mix": {"gmail.com": -1}}, ("#/domain_mix", "invalid")),
        ({"domain_mix": {"gmail.com": float("nan")}}, ("#/domain_mix", "invalid")),
        ({"domain_mix": {"gmail.com": 0}}, ("#/domain_mix", "invalid")),
        ({"policy": {"min_inbox_rate": 90}}, ("#/policy/min_inbox_rate", "invalid")),
        ({"policy": {"no_spam_at": ["gmial"]}}, ("#/policy/no_spam_at/0", "unknown_provider")),
        ({"policy": {"no_spam_at": ["gmail"] * 101}}, ("#/policy/no_spam_at", "too_many")),
        ({"policy": {"typo": 1}}, ("#/policy", "unknown_field")),
        ({"meta": {"text": "nul \x00"}}, ("#/meta", "invalid")),
        ({"meta": {"text": "half \ud800"}}, ("#/meta", "invalid")),
        ({"meta": {"text": "x" * 9000}}, ("#/meta", "invalid")),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_named_by_its_field(cast, make_seed, now, fields, expected):
    make_seed(cast.workspace)
    with pytest.raises(IntakeError) as error:
        intake.open_test(cast.workspace, NewTest(**({"name": "Spring"} | fields)), now=now)
    assert expected in codes(error)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({"sent_at": 1}, ("#/sent_at", "in_the_future")),
        ({"sent_at": -24 * 15}, ("#/sent_at", "too_old")),
        ({"window_starts_at": 2, "window_ends_at": 1}, ("#/send_window/ends_at", "invalid")),
        ({"window_ends_at": 24 * 40}, ("#/send_window", "too_far")),
        ({"window_starts_at": -1, "sent_at": -2}, ("#/sent_at", "before_window")),
    ],
)
def test_times_that_cannot_be_are_refused(cast, make_seed, now, window, expected):
    make_seed(cast.workspace)
    times = {name: now + timedelta(hours=hours) for name, hours in window.items()}
    with pytest.raises(IntakeError) as error:
        intake.open_test(cast.workspace, NewTest(name="Spring", **times), now=now)
    assert expected in codes(error)


def test_a_from_domain_groups_tests_into_one_stream(cast, make_seed, now):
    make_seed(cast.workspace)
    first, second = (
        intake.open_test(cast.workspace, NewTest(name=name, from_domain="News.Acme.example"), now=now)
        for name in ("One", "Two")
    )
    assert first.stream == second.stream
    assert first.stream.from_domain == "news.acme.example"


def test_opening_wakes_the_mailboxes_of_the_seeds(cast, make_seed, now, django_capture_on_commit_callbacks):
    seed = make_seed(cast.workspace, next_poll_at=now + timedelta(hours=4))
    with django_capture_on_commit_callbacks(execute=True):
        intake.open_test(cast.workspace, NewTest(name="Spring"), now=now)
    seed.mailbox.refresh_from_db()
    assert seed.mailbox.next_poll_at == now


def test_text_that_is_no_message_is_refused(cast, now):
    with pytest.raises(IntakeError) as error:
        intake.keep_message(cast.workspace, b"just some words", now=now)
    assert codes(error) == {("#/message", "invalid")}


def test_a_kept_message_is_kept_byte_for_byte_and_its_subject_decoded(cast, now):
    raw = b"From: a@acme.example\nSubject: =?utf-8?q?Fr=C3=BChling?=\n\nbare LF\r and CR\n\xff"
    message = intake.keep_message(cast.workspace, raw, now=now)
    message.refresh_from_db()
    assert message.raw == raw
    assert (message.subject, message.from_address) == ("Frühling", "a@acme.example")
