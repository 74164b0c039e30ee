"""One pass over a real Dovecot, over verified TLS: what it finds, what it costs, what it leaves untouched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest

from placement import providers
from placement.errors import ConnectFailed, Disconnected, LoginRefused
from placement.mailbox import ImapMailbox, Login, shared_ssl_context
from placement.scan import scan
from placement.vocabulary import Cursor, MarkerKind, MarkerRule, Place, Placement, ScanOrder, ScanResult
from tests.fakes import dial
from tests.live.servers.dovecot import Dovecot

TOKEN = "abcdefghijklmnopqrstuvwxyz"
RULE = MarkerRule(test=1, kind=MarkerKind.TOKEN, value=TOKEN)
HOST = "imap.seed.example"
NOBODY: Mapping[str, Cursor] = {}
SAMPLE = 300
LONG_AGO = date(2020, 1, 1)


def message(*headers: str, placement: str = "inbox") -> bytes:
    lines = ("From: Shop <news@sender.example>", "Subject: Sale", f"X-Seed-Placement: {placement}", *headers)
    return "".join(f"{line}\r\n" for line in (*lines, "", "Hello")).encode()


def marked(placement: str = "inbox") -> bytes:
    return message(f"X-Seedtest-ID: {TOKEN}", placement=placement)


def opened(dovecot: Dovecot, user: str, **changes: object) -> ImapMailbox:
    values = {"tls": "ssl", "port": dovecot.imaps_port, "secret": dovecot.password} | changes
    context = shared_ssl_context(str(dovecot.ca_file))
    login = Login(host=HOST, user=user, **values)
    return ImapMailbox.open(login, dial=dial, deadline_seconds=20, ssl_context=context)


def run(
    dovecot: Dovecot,
    user: str,
    cursors: Mapping[str, Cursor] = NOBODY,
    *,
    rules: Sequence[MarkerRule] = (RULE,),
    **order: object,
) -> ScanResult:
    with opened(dovecot, user) as mailbox:
        return scan(
            mailbox,
            provider=providers.GENERIC,
            cursors=cursors,
            overrides={},
            ask=lambda: rules,
            order=ScanOrder(**order),
        )


def cursors_after(result: ScanResult) -> dict[str, Cursor]:
    return {state.folder.name: state.cursor for state in result.folders if state.cursor}


@pytest.mark.parametrize(
    ("user", "junk"),
    [
        ("su-scan", "Junk"),
        ("de-scan", "Spamverdacht"),
        ("fr-scan", "Courrier indésirable"),
        ("cp-scan", "INBOX.spam"),
    ],
)
def test_new_mail_is_found_in_the_inbox_and_in_junk_whatever_it_is_called(dovecot, user, junk):
    before = cursors_after(run(dovecot, user))
    dovecot.deliver(user, marked())
    dovecot.deliver(user, marked("junk"))
    result = run(dovecot, user, before)
    found = {one.place.folder: (one.verdict.placement, one.match.test) for one in result.sightings}
    assert found == {"INBOX": (Placement.INBOX, 1), junk: (Placement.SPAM, 1)}
    assert run(dovecot, user, cursors_after(result)).sightings == ()


def test_an_account_whose_junk_folder_is_hidden_says_so(dovecot):
    dovecot.deliver("nojunk-scan", marked("junk"))
    result = run(dovecot, "nojunk-scan", full_check_since=LONG_AGO)
    assert (result.junk_visible, result.sightings, result.full_check.complete) == (False, (), True)


def test_a_poll_with_nothing_new_is_one_command_on_the_wire(dovecot):
    user = "su-scanwire"
    cursors = cursors_after(run(dovecot, user))
    dovecot.record_wire(user)
    traffic = run(dovecot, user, cursors).traffic
    said = [line.split(b" ")[1] for line in dovecot.wire_log(user)]
    assert said in ([b"LIST"], [b"LIST", b"LOGOUT"])
    assert (traffic.commands, traffic.writes) == (1, 1)


def test_fifty_open_tests_cost_the_commands_of_one(dovecot):
    user = "su-fifty"
    before = cursors_after(run(dovecot, user))
    dovecot.deliver(user, marked())
    dovecot.deliver(user, marked("junk"))
    many = [RULE, *(MarkerRule(test, MarkerKind.TOKEN, f"{test:026d}") for test in range(2, 51))]
    one, fifty = (run(dovecot, user, before, rules=rules).traffic for rules in ([RULE], many))
    assert (fifty.commands, fifty.writes) == (one.commands, one.writes) == (6, 2)
    # Not to the byte: Dovecot says how long each command took, in as many words as there is to say.
    assert fifty.bytes_in <= one.bytes_in * 1.05


def test_scanning_changes_no_flag(dovecot):
    user = "su-scanflags"
    for placement in ("inbox", "junk", "trash"):
        dovecot.deliver(user, marked(placement))
    before = {folder: dovecot.flags(user, folder) for folder in ("INBOX", "Junk", "Trash")}
    body_rule = MarkerRule(1, MarkerKind.TOKEN, "z" * 26, in_body=True)
    result = run(dovecot, user, {"INBOX": Cursor(1, 1)}, rules=[body_rule], full_check_since=LONG_AGO)
    assert len(result.sightings) == 3
    assert {folder: dovecot.flags(user, folder) for folder in before} == before


def test_the_full_check_finds_mail_in_ordinary_folders_and_in_the_trash(dovecot):
    user = "su-scanfull"
    for placement in ("other", "trash", "inbox"):
        dovecot.deliver(user, marked(placement))
    result = run(dovecot, user, full_check_since=LONG_AGO)
    assert sorted(one.place.folder for one in result.sightings) == ["INBOX", "Notifications", "Trash"]
    assert result.full_check.complete
    assert result.quota_used is not None


def test_a_message_moved_away_is_gone_and_found_in_its_new_place(dovecot):
    user = "su-moved"
    dovecot.deliver(user, marked("junk"))
    seen = run(dovecot, user, {"INBOX": Cursor(1, 1)})
    place = seen.sightings[0].place
    dovecot.doveadm("move", "-u", user, "INBOX", "mailbox", "Junk", "all")
    result = run(dovecot, user, cursors_after(seen), recheck=(place,))
    assert result.gone == (place,)
    assert [one.place.folder for one in result.sightings] == ["INBOX"]
    assert result.sightings[0].message_key == seen.sightings[0].message_key


def test_a_folder_made_anew_is_read_again(dovecot):
    user = "su-anew"
    dovecot.deliver(user, marked("junk"))
    before = cursors_after(run(dovecot, user))
    dovecot.doveadm("mailbox", "delete", "-u", user, "-s", "Junk")
    dovecot.doveadm("mailbox", "create", "-u", user, "Junk")
    dovecot.deliver(user, marked("junk"))
    result = run(dovecot, user, before)
    assert [one.place.folder for one in result.sightings] == ["Junk"]
    assert next(state for state in result.folders if state.folder.name == "Junk").reset


def test_a_backlog_is_worked_off_without_a_gap(dovecot):
    user, seen = "su-backlog", []
    cursors = cursors_after(run(dovecot, user))
    for _ in range(7):
        dovecot.deliver(user, marked())
    backlog = True
    while backlog:
        result = run(dovecot, user, cursors, max_messages=3)
        seen += [one.place for one in result.sightings]
        cursors, backlog = cursors_after(result), result.backlog
    assert seen == [Place("INBOX", seen[0].uidvalidity, uid) for uid in dovecot.uids(user)]


def test_a_body_line_is_found(dovecot):
    user = "su-body"
    cursors = cursors_after(run(dovecot, user))
    dovecot.deliver(user, message().replace(b"Hello", f"Hello\r\n\r\nRef: {TOKEN}".encode()))
    body_rule = MarkerRule(1, MarkerKind.TOKEN, TOKEN, in_body=True)
    assert run(dovecot, user, cursors, rules=[body_rule]).sightings[0].match.test == 1


def test_a_wrong_password_is_refused(dovecot):
    with pytest.raises(LoginRefused):
        opened(dovecot, "su-01", secret="wrong")


def test_starttls_and_sasl_plain_work_too(dovecot):
    with opened(dovecot, "su-01", tls="starttls", port=dovecot.imap_port) as mailbox:
        assert mailbox.list_folders()
    with pytest.raises(LoginRefused):
        opened(dovecot, "su-01", secret="пароль")


def test_a_session_kicked_out_ends_as_disconnected(dovecot):
    with opened(dovecot, "su-kicked") as mailbox:
        dovecot.doveadm("kick", "su-kicked")
        with pytest.raises(Disconnected):
            mailbox.list_folders()


def test_a_certificate_of_an_unknown_authority_is_refused(dovecot):
    login = Login(HOST, dovecot.imaps_port, "ssl", "su-01", dovecot.password)
    with pytest.raises(ConnectFailed, match="certificate"):
        ImapMailbox.open(login, dial=dial, deadline_seconds=10)


def _received(corpus: Path) -> list[bytes]:
    rows = [json.loads(line) for line in (corpus / "manifest.jsonl").read_text("utf-8").splitlines()]
    paths = [corpus / row["path"] for row in rows if row["kind"] == "received" and row["bytes"] < 200_000]
    step = max(len(paths) // SAMPLE, 1)
    return [path.read_bytes() for path in paths[::step] if path.is_file()]


@pytest.mark.corpus
def test_real_messages_are_found_with_their_headers_byte_for_byte(dovecot, corpus):
    user, delivered = "su-scancorpus", 0
    before = cursors_after(run(dovecot, user))
    for number, raw in enumerate(_received(corpus)):
        folder = ("inbox", "junk")[number % 2]
        dovecot.deliver(user, f"X-Seedtest-ID: {TOKEN}\r\nX-Seed-Placement: {folder}\r\n".encode() + raw)
        delivered += 1
    result = run(dovecot, user, before, max_messages=delivered)
    assert delivered >= SAMPLE
    assert len(result.sightings) == delivered
    assert all(one.match is not None for one in result.sightings)
    for name in ("INBOX", "Junk"):
        found = {one.place.uid: one.header_block for one in result.sightings if one.place.folder == name}
        assert found == dovecot.header_blocks(user, name)
