"""IMAP servers that are silent, drip, hang up, throttle or flood: an end, a reason, a back-off (FAULTS 13–15, 17)."""

from __future__ import annotations

import resource
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from django.conf import LazySettings

from placement.marker import OWN_HEADER
from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import intake, polling, seeding
from seedtest.services.intake import NewTest
from tests.fakes import Box, Letter, ScriptedImapServer, Step, bye, drip, flood, hang_up, header_block, silence
from tests.live.servers.proxy import Proxy, Rules

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tables_in_order")]

PASSWORD = "the seed's password"
GIB = 1024**3
#: What one poll may add to the memory of its process, whatever the server sends.
MEMORY_KIB = 300 * 1024


@pytest.fixture(autouse=True)
def _short_sessions(settings: LazySettings) -> None:
    settings.SESSION_DEADLINE, settings.LEASE_SECONDS, settings.PACE = 2.0, 4.0, 1.0


@pytest.fixture
def seed_at() -> Callable[[int], models.Mailbox]:
    """A mailbox at this port of a test's own server, without TLS."""

    def add(port: int) -> models.Mailbox:
        workspace = models.Workspace.objects.create(name="Brand")
        where = {"host": "127.0.0.1", "port": port, "login": "seed", "tls": "none"}
        account = seeding.add_seed(
            workspace, "seed@seed.example", PASSWORD, provider="generic", overrides=where
        ).account
        return account.mailbox

    return add


def look(mailbox: models.Mailbox) -> models.Mailbox:
    models.Mailbox.objects.filter(pk=mailbox.pk).update(next_poll_at=db_now())
    polling.poll([mailbox.pk], owner="this test")
    mailbox.refresh_from_db()
    return mailbox


def assert_put_off(mailbox: models.Mailbox, reason: str) -> None:
    """Nothing is held, nothing is hidden, and nobody knocks again at once."""
    assert mailbox.state_reason == reason, mailbox.state_detail
    assert mailbox.state_detail
    assert (mailbox.lease_until, mailbox.attempts) == (None, 0)
    assert max(filter(None, (mailbox.backoff_until, mailbox.auth_backoff_until))) > db_now()
    assert polling.poll([mailbox.pk], owner="this test") == 0


BROKEN: dict[str, tuple[dict[str, Step], str]] = {
    "silent after the login": ({"LIST": silence}, "timed_out"),
    "a drip in the list": ({"LIST": drip(b"* OK still here\r\n", 0.05)}, "timed_out"),
    "a black hole in the fetch": ({"EXAMINE": silence}, "timed_out"),
    "hung up in the fetch": ({"UID FETCH": hang_up(b"* 1 FETCH (UID 1 BODY[HEADER]<0> {50")}, "mailbox_unreachable"),
    "a goodbye": ({"LIST": bye("[UNAVAILABLE] shutting down")}, "mailbox_unreachable"),
    "too many connections": (
        {"LOGIN": b"%(tag)s NO [ALERT] Too many simultaneous connections. (Failure)\r\n"}, "throttled",
    ),
    "a throttle": ({"LIST": bye("Request is throttled. Suggested Backoff Time: 900000 milliseconds")}, "throttled"),
    "a login that cannot be checked": ({"LOGIN": b"%(tag)s NO [UNAVAILABLE] try later\r\n"}, "mailbox_unreachable"),
}  # fmt: skip


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_a_server_that_breaks_off_ends_the_look_and_is_left_alone_for_a_while(seed_at, how):
    answers, reason = BROKEN[how]
    with ScriptedImapServer(Box(letters=[Letter(1)]), answers=answers) as server:
        mailbox = seed_at(server.port)
        models.FolderCursor.objects.create(
            mailbox=mailbox, name="INBOX", role="inbox", source=1, uidvalidity=7, uidnext=1, seen_at=db_now()
        )
        assert_put_off(look(mailbox), reason)
        assert server.verbs().count("LOGIN") == 1


def test_a_server_that_accepts_and_says_nothing_ends_at_the_wall_clock(seed_at):
    with ScriptedImapServer(Box(), greeting=silence) as server:
        assert_put_off(look(seed_at(server.port)), "timed_out")


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (Rules(limit_answer=300), "mailbox_unreachable"),  # RST in the middle of an answer
        (Rules(black_hole=True), "timed_out"),
        (Rules(latency=0.8), "timed_out"),
    ],
    ids=["reset", "black hole", "too slow"],
)
def test_a_broken_wire_ends_the_look_and_is_left_alone_for_a_while(seed_at, rules, reason):
    letters = [Letter(uid, header_block("X-Long: " + "x" * 900)) for uid in range(1, 6)]
    with ScriptedImapServer(Box(letters=letters)) as server, Proxy(server.port) as way:
        way.rules = rules
        mailbox = seed_at(way.port)
        assert_put_off(look(mailbox), reason)
        way.rules = Rules(slice_bytes=7)  # nothing is wrong with small packets
        models.Mailbox.objects.update(backoff_until=None, auth_backoff_until=None)
        assert look(mailbox).state_reason == "junk_not_visible"


def count_logins_of_an_hour(mailbox: models.Mailbox, settings: LazySettings) -> None:
    """Somebody hints at the mailbox every half minute."""
    for _ in range(120):
        settings.CLOCK_OFFSET_SECONDS += 30
        polling.poll([mailbox.pk], owner="this test")


def test_a_wrong_password_is_tried_at_most_four_times_an_hour(seed_at, settings):
    refusal = b"%(tag)s NO [AUTHENTICATIONFAILED] Invalid credentials\r\n"
    with ScriptedImapServer(Box(), answers={"LOGIN": refusal}) as server:
        mailbox = seed_at(server.port)
        count_logins_of_an_hour(mailbox, settings)
        mailbox.refresh_from_db()
        assert mailbox.state == "needs_sign_in"
        assert 1 <= server.verbs().count("LOGIN") <= 4


def test_a_server_that_throttles_for_a_quarter_of_an_hour_is_asked_four_times_in_one(seed_at, settings):
    words = bye("Request is throttled. Suggested Backoff Time: 900000 milliseconds")
    with ScriptedImapServer(Box(), answers={"LIST": words}) as server:
        count_logins_of_an_hour(seed_at(server.port), settings)
        assert 3 <= server.verbs().count("LOGIN") <= 4


# --- too much of everything


def grown_by(act: Callable[[], object]) -> int:
    """KiB that the peak of this process's memory rose by."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    act()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


TOO_MUCH: dict[str, Step] = {
    "a literal of 2 GiB": hang_up(b"* 1 FETCH (UID 1 BODY[HEADER]<0> {2147483648}\r\n" + b"x" * 100_000),
    "a literal of 2 GiB that comes": flood(b"* 1 FETCH (UID 1 BODY[HEADER]<0> {2147483648}\r\n" + b"x" * 65536),
    "a line of a million characters": flood(b"* OK " + b"x" * 1_000_000),
    "answers without end": flood(b"* 1 FETCH (FLAGS (\\Seen))\r\n" * 1000),
}


@pytest.mark.parametrize("how", sorted(TOO_MUCH))
def test_a_flood_is_a_typed_error_in_bounded_memory(seed_at, how):
    with ScriptedImapServer(Box(letters=[Letter(1)]), answers={"UID FETCH": TOO_MUCH[how]}) as server:
        mailbox = seed_at(server.port)
        models.FolderCursor.objects.create(
            mailbox=mailbox, name="INBOX", role="inbox", source=1, uidvalidity=7, uidnext=1, seen_at=db_now()
        )
        assert grown_by(lambda: look(mailbox)) < MEMORY_KIB
        assert mailbox.state_reason in ("protocol_error", "timed_out", "mailbox_unreachable")
        assert_put_off(mailbox, mailbox.state_reason)


def test_a_folder_of_100000_messages_costs_a_bounded_look(seed_at, settings):
    """A first look starts at UIDNEXT; afterwards what is new comes in bounded helpings."""
    settings.SESSION_DEADLINE = 60.0
    letters = [Letter(uid) for uid in range(1, 100_001)]
    with ScriptedImapServer(Box(letters=letters), Box(b"Junk", "\\Junk")) as server:
        mailbox = seed_at(server.port)
        assert grown_by(lambda: look(mailbox)) < MEMORY_KIB
        assert mailbox.state == "healthy", mailbox.state_detail
        models.FolderCursor.objects.filter(mailbox=mailbox, name="INBOX").update(uidnext=1)
        assert grown_by(lambda: look(mailbox)) < MEMORY_KIB
        read = models.Arrival.objects.filter(mailbox=mailbox).count()
        assert 0 < read < 100_000
        assert mailbox.next_poll_at <= db_now(), "the rest is read at once, in helpings"


HOSTILE = [
    b"Subject: " + b"=?utf-8?b?" * 20_000,
    b"To: " + b"a@b.example, " * 20_000,
    b"Received: " + b"(" * 100_000,
    b"Content-Type: multipart/mixed; boundary=" + b"x" * 100_000,
    b"Authentication-Results: " + b"mx; dkim=pass (" * 10_000,
    b"Subject: \x00\xff\xfe" + bytes(range(1, 10)) * 1000,
    b"X" * 200_000,
]


def test_hostile_mime_neither_stops_a_look_nor_hides_the_message_beside_it(seed_at):
    hostile = [Letter(uid, header_block()[:-2] + line + b"\r\n\r\n") for uid, line in enumerate(HOSTILE, 1)]
    assert all(message_from_bytes(letter.block) is not None for letter in hostile)
    box = Box()
    with ScriptedImapServer(box, Box(b"Junk", "\\Junk")) as server:
        mailbox = seed_at(server.port)
        look(mailbox)
        test = intake.open_test(mailbox.workspace, NewTest(name="Beside"), now=db_now())
        token = test.markers.get(kind="token").value
        box.letters = [*hostile, Letter(99, header_block(f"{OWN_HEADER}: {token}"), arrived=db_now())]
        look(mailbox)
        assert test.results.get().placement == "inbox", mailbox.state_detail
        assert models.Arrival.objects.filter(mailbox=mailbox).count() == len(HOSTILE) + 1


def received(corpus: Path) -> list[bytes]:
    files = sorted(path for path in corpus.rglob("*.eml") if path.stat().st_size < 300_000)
    return [path.read_bytes() for path in files[:: max(1, len(files) // 300)]]


@pytest.mark.corpus
def test_real_and_malformed_messages_all_get_into_the_ledger(seed_at, corpus):
    blocks = [raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].replace(b"\n", b"\r\n") for raw in received(corpus)]
    box = Box()
    with ScriptedImapServer(box, Box(b"Junk", "\\Junk")) as server:
        mailbox = seed_at(server.port)
        look(mailbox)
        arrived = db_now() - timedelta(minutes=1)
        box.letters = [Letter(uid, block + b"\r\n\r\n", arrived=arrived) for uid, block in enumerate(blocks, 1)]
        look(mailbox)
        assert mailbox.state == "healthy", mailbox.state_detail
        assert models.Arrival.objects.filter(mailbox=mailbox).count() == len(blocks) > 100
