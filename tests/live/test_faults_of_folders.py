"""Folders renamed, rebuilt, moved between, not to be opened; deadlines; servers that are down (FAULTS 16, 18, 19)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from placement.marker import OWN_HEADER
from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import closing, intake, polling, seed_watch, seeding
from seedtest.services.intake import NewTest
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.dovecot_config import PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tables_in_order")]


@pytest.fixture
def add(dovecot: Dovecot) -> Callable[[str], models.SeedAccount]:
    """A seed on an emptied mailbox, its cursors set by a first look."""
    workspace = models.Workspace.objects.create(name="Brand")

    def _add(user: str, *, at: Dovecot = dovecot) -> models.SeedAccount:
        where = {"host": "127.0.0.1", "port": at.imaps_port, "login": user, "tls": "ssl"}
        account = seeding.add_seed(
            workspace, f"{user}@seed.example", PASSWORD, provider="generic", overrides=where
        ).account
        models.Mailbox.objects.filter(pk=account.mailbox_id).update(ca_pem=at.ca_file.read_text())
        look(account)
        return account

    return _add


def look(seed: models.SeedAccount) -> models.Mailbox:
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(
        next_poll_at=db_now(), backoff_until=None, rechecked_at=None
    )
    assert polling.poll([seed.mailbox_id], owner="this test") == 1
    seed.mailbox.refresh_from_db()
    return seed.mailbox


def sent(seed: models.SeedAccount, dovecot: Dovecot, place: str) -> models.SeedResult:
    """A test whose one message the seed's server has filed in `place`; nobody has looked yet."""
    test = intake.open_test(seed.workspace, NewTest(name="Any", sent_at=db_now()), now=db_now())
    token = test.markers.get(kind="token").value
    lines = [f"{OWN_HEADER}: {token}", "From: news@brand.example", f"Message-ID: <{test.pk}@brand.example>"]
    lines += ["Subject: Offers", f"X-Seed-Placement: {place}"]
    dovecot.deliver(seed.mailbox.login, ("\r\n".join([*lines, "", "Hello."]) + "\r\n").encode())
    return test.results.get()


def judged(result: models.SeedResult) -> tuple[str, str]:
    result.refresh_from_db()
    assert result.messages.count() <= 1, "the same message, wherever it stands, is one message"
    return result.placement, result.folder


def past_its_deadline(result: models.SeedResult) -> None:
    models.SeedResult.objects.filter(pk=result.pk).update(deadline_at=db_now())
    models.SeedTest.objects.filter(pk=result.test_id).update(first_arrival_at=db_now())


def test_a_junk_folder_renamed_after_the_message_came_counts_it_once(add, dovecot):
    seed = add("su-rename")
    result = sent(seed, dovecot, "junk")
    look(seed)
    dovecot.doveadm("mailbox", "rename", "-u", "su-rename", "Junk", "Junk E-Mail")
    look(seed)
    look(seed)
    assert judged(result)[0] == "spam"


def test_a_junk_folder_renamed_before_anybody_looked_is_still_junk(add, dovecot):
    seed = add("fr-rename")
    result = sent(seed, dovecot, "junk")
    dovecot.doveadm("mailbox", "rename", "-u", "fr-rename", "Courrier indésirable", "Pourriel")
    look(seed)
    assert judged(result)[0] == "spam"


def test_a_rebuilt_folder_finds_its_messages_once_and_keeps_their_history(add, dovecot):
    seed = add("de-rebuilt")
    result = sent(seed, dovecot, "junk")
    look(seed)
    first = models.Arrival.objects.get(result=result)
    dovecot.doveadm("mailbox", "update", "--uid-validity", "4712", "-u", "de-rebuilt", "Spamverdacht")
    look(seed)
    look(seed)
    assert judged(result) == ("spam", "Spamverdacht")
    assert {row.uidvalidity for row in models.Arrival.objects.filter(result=result)} == {first.uidvalidity, 4712}


@pytest.mark.parametrize(("there", "after"), [("Junk", "spam"), ("Notifications", "other")])
def test_a_message_that_is_moved_is_one_message_in_its_new_place(add, dovecot, there, after):
    user = f"su-moves-{after}"
    seed = add(user)
    result = sent(seed, dovecot, "inbox")
    look(seed)
    assert judged(result)[0] == "inbox"
    dovecot.doveadm("move", "-u", user, there, "mailbox", "INBOX", "all")
    past_its_deadline(result)
    for _ in range(3):
        look(seed)
    result.refresh_from_db()
    assert result.first_placement == "inbox"
    assert result.messages.count() == 1
    assert (result.current_placement == after) or result.gone_at is not None


def test_a_folder_that_cannot_be_opened_is_not_a_folder_without_the_message(add, dovecot):
    seed = add("su-locked")
    result = sent(seed, dovecot, "junk")
    folder = dovecot.directory / "mail" / "su-locked" / "Maildir" / ".Junk"
    held = folder.stat().st_mode
    past_its_deadline(result)
    hidden = folder.with_name("hidden-by-a-test")
    folder.rename(hidden)
    folder.symlink_to("/nonexistent/nowhere")
    try:
        look(seed)
        assert judged(result)[0] in ("waiting", "unknown"), "a failed SELECT is no miss"
    finally:
        folder.unlink()
        hidden.rename(folder)
        folder.chmod(held)
    models.SeedResult.objects.filter(pk=result.pk).update(placement="waiting")
    look(seed)
    assert judged(result)[0] == "spam"


# --- deadlines, and providers that are down


def test_a_seed_whose_server_is_down_past_the_deadline_is_unknown_and_the_others_count(add, dovecot, settings):
    settings.PACE = 1.0
    down, up = add("su-down"), add("su-up")
    test = intake.open_test(up.workspace, NewTest(name="Half", sent_at=db_now()), now=db_now())
    token = test.markers.get(kind="token").value
    dovecot.deliver("su-up", f"{OWN_HEADER}: {token}\r\nFrom: news@brand.example\r\n\r\nHi\r\n".encode())
    models.Mailbox.objects.filter(pk=down.mailbox_id).update(port=1, backoff_until=None)  # nobody listens there
    for _ in range(2):
        models.Mailbox.objects.update(next_poll_at=db_now(), backoff_until=None)
        polling.poll([down.mailbox_id, up.mailbox_id], owner="this test")
        test.results.filter(placement="waiting").update(deadline_at=db_now())
        closing.close_due(db_now())
    waits = test.results.get(seed_account=down)
    assert waits.placement == "waiting", "there is still grace"
    settings.CLOCK_OFFSET_SECONDS += closing.grace().total_seconds() + 1
    models.Mailbox.objects.update(next_poll_at=db_now(), backoff_until=None)
    polling.poll([down.mailbox_id], owner="this test")
    closing.close_due(db_now())
    closing.close_due(db_now())
    test.refresh_from_db()
    waits.refresh_from_db()
    assert (waits.placement, waits.reason) == ("unknown", "mailbox_unreachable")
    assert test.results.get(seed_account=up).placement == "inbox"
    assert test.status == "complete"


def test_a_provider_that_is_down_past_the_deadline_is_unknown_and_told_once(add, dovecot, settings):
    """One end of the test, and when it lasts for days a warning and then a quarantine for each of its seeds."""
    well = add("su-well")
    with Dovecot() as theirs:
        lost = [add(user, at=theirs) for user in ("su-lost1", "su-lost2")]
        theirs.kill()
        test = intake.open_test(well.workspace, NewTest(name="Outage", sent_at=db_now()), now=db_now())
        token = test.markers.get(kind="token").value
        dovecot.deliver("su-well", f"{OWN_HEADER}: {token}\r\nFrom: news@brand.example\r\n\r\nHi\r\n".encode())
        for _ in range(3):
            models.Mailbox.objects.update(next_poll_at=db_now(), backoff_until=None)
            polling.poll([seed.mailbox_id for seed in (well, *lost)], owner="this test")
            closing.close_due(db_now())
            test.results.filter(placement="waiting").update(deadline_at=db_now())
            settings.CLOCK_OFFSET_SECONDS += closing.grace().total_seconds() + 1
    closing.close_due(db_now())
    closing.close_due(db_now())
    assert set(test.results.filter(seed_account__in=lost).values_list("placement", "reason")) == {
        ("unknown", "mailbox_unreachable")
    }
    assert test.results.get(seed_account=well).placement == "inbox"
    for _ in range(3):
        settings.CLOCK_OFFSET_SECONDS += timedelta(days=2).total_seconds()
        look(well)
        seed_watch.watch(db_now())
    told = models.Event.objects.exclude(type="test.receiving").values_list("type", "data__seed")
    steps = [(kind, seed.public_id) for kind in ("seed.warning", "seed.quarantined") for seed in lost]
    assert sorted(told, key=str) == sorted([*steps, ("test.completed", None)], key=str)


@pytest.mark.parametrize(
    ("delivered", "found"),
    [("before", ("inbox", False)), ("between", ("inbox", False)), ("after", ("missing", True))],
)
def test_a_message_within_a_second_of_the_deadline_is_judged_by_the_full_check(
    add, dovecot, settings, delivered, found
):
    """Not INTERNALDATE nor a worker's clock: what the check that began after the deadline saw is what counts."""
    user = f"su-at-{delivered}"
    seed = add(user)
    test = intake.open_test(seed.workspace, NewTest(name="Edge", sent_at=db_now()), now=db_now())
    deadline = db_now()
    test.results.update(deadline_at=deadline)
    models.SeedTest.objects.filter(pk=test.pk).update(first_arrival_at=deadline)
    token = test.markers.get(kind="token").value
    message = f"{OWN_HEADER}: {token}\r\nFrom: news@brand.example\r\n\r\nHi\r\n".encode()
    moments = {"before": -1, "between": 1, "after": 2}
    if delivered != "after":
        settings.CLOCK_OFFSET_SECONDS = float(moments[delivered])
        dovecot.deliver(user, message)
        settings.CLOCK_OFFSET_SECONDS = 2.0
        look(seed)
    else:
        settings.CLOCK_OFFSET_SECONDS = 1.0
        look(seed)
        dovecot.deliver(user, message)
        look(seed)
    result = test.results.get()
    assert (result.placement, result.late_at is not None) == found
    assert result.current_placement == "inbox"
    assert result.placement != "missing" or result.full_check_started_at >= result.deadline_at
