"""IDLE as bytes in and bytes out: what counts as new mail, wherever the packets are cut, and how a watch ends."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import pytest

from placement.errors import Disconnected, FolderUnavailable, MailboxError, ProtocolError, Throttled
from placement.mailbox.secrecy import Secrets
from placement.mailbox.watching import MAX_LINE, ROUND_BYTES, FolderWatch, Heard, Step
from placement.vocabulary import Cursor

KNOWN = Cursor(uidvalidity=7, uidnext=11)
OPENED = (
    b"* FLAGS (\\Answered \\Seen)\r\n* OK [PERMANENTFLAGS ()] Read-only mailbox.\r\n* 10 EXISTS\r\n* 0 RECENT\r\n"
    b"* OK [UIDVALIDITY 7] UIDs valid\r\n* OK [UIDNEXT 11] Predicted next UID\r\nW1 OK [READ-ONLY] Examine done.\r\n"
)
AGREED = b"+ idling\r\n"


def watch(known: Cursor | None = KNOWN) -> FolderWatch:
    talk = FolderWatch(b'EXAMINE "INBOX"', known)
    assert talk.begin() == b'W1 EXAMINE "INBOX"\r\n'
    return talk


def idling(known: Cursor | None = KNOWN) -> FolderWatch:
    talk = watch(known)
    assert talk.hear(OPENED) == Heard(False, b"W2 IDLE\r\n")
    assert talk.hear(AGREED) == Heard()
    assert talk.idling
    return talk


def heard_in(talk: FolderWatch, pieces: Iterable[bytes]) -> tuple[int, bytes]:
    """(how often mail was heard of, everything that is to be sent)"""
    all_heard = [talk.hear(piece) for piece in pieces]
    return sum(one.new_mail for one in all_heard), b"".join(one.answer for one in all_heard)


def opened_with(exists: int = 10, *, uidnext: bytes = b"* OK [UIDNEXT 11] next\r\n", validity: int = 7) -> bytes:
    return b"* %d EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %d] ok\r\n%bW1 OK done\r\n" % (exists, validity, uidnext)


def test_a_message_that_comes_is_heard():
    assert idling().hear(b"* 11 EXISTS\r\n* 1 RECENT\r\n").new_mail


def test_whatever_the_packets_the_same_is_heard():
    whole = OPENED + AGREED + b"* OK Still here\r\n* 11 EXISTS\r\n* 1 RECENT\r\n* 3 EXPUNGE\r\n"
    for cut in range(1, len(whole)):
        talk = watch()
        count, sent = heard_in(talk, (whole[:cut], whole[cut:]))
        assert (bool(count), sent, talk.idling) == (True, b"W2 IDLE\r\n", True), whole[:cut]


def test_single_bytes_are_enough():
    talk = watch()
    stream = OPENED + AGREED + b"* 11 EXISTS\r\n"
    assert heard_in(talk, (bytes([byte]) for byte in stream)) == (1, b"W2 IDLE\r\n")


@pytest.mark.parametrize(
    "noise",
    [
        b"* OK Still here\r\n",
        b"* 10 EXISTS\r\n",
        b"* 0 RECENT\r\n",
        b"* 3 FETCH (FLAGS (\\Seen))\r\n",
        b"* FLAGS (EXISTS)\r\n",
        b"* NO [ALERT] Your mailbox is nearly full {5}\r\n",
        b"* CAPABILITY IMAP4rev1 IDLE\r\n",
        b'* LIST () "/" {11}\r\n* 99 EXISTS\r\n',
        b"* 4 FETCH (BODY[HEADER] {15}\r\n* 99 EXISTS\r\n\r\n FLAGS ())\r\n",
        b"* 4 FETCH (A {2}\r\n\r\n B {13}\r\n* 99 EXISTS\r\n)\r\n",
    ],
)
def test_what_is_no_new_mail_wakes_nobody_and_does_not_confuse(noise: bytes):
    for size in (1, 2, 7, len(noise)):
        talk = idling()
        assert heard_in(talk, _cut(noise, size)) == (0, b"")
        assert talk.hear(b"* 11 EXISTS\r\n").new_mail


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_a_message_that_takes_the_place_of_an_expunged_one_is_heard():
    talk = idling()
    assert not talk.hear(b"* 4 EXPUNGE\r\n").new_mail
    assert talk.hear(b"* 10 EXISTS\r\n").new_mail


def test_a_count_that_fell_without_a_word_is_the_new_count():
    talk = idling()
    assert not talk.hear(b"* 2 EXISTS\r\n").new_mail
    assert talk.hear(b"* 3 EXISTS\r\n").new_mail


def test_more_expunges_than_messages_are_survived():
    talk = idling()
    assert not talk.hear(b"* 1 EXPUNGE\r\n" * 30).new_mail
    assert talk.hear(b"* 1 EXISTS\r\n").new_mail


def test_recent_alone_is_news_too():
    talk = idling()
    assert talk.hear(b"* 1 RECENT\r\n").new_mail
    assert not talk.hear(b"* 1 RECENT\r\n").new_mail


@pytest.mark.parametrize(
    ("answer", "news"),
    [
        (opened_with(), False),
        (opened_with(11, uidnext=b"* OK [UIDNEXT 12] next\r\n"), True),
        (opened_with(9, uidnext=b"* OK [UIDNEXT 12] next\r\n"), True),  # it came, and others went
        (opened_with(validity=8), True),
        (opened_with(uidnext=b""), True),  # a server that does not say: better to look
        (b"* 10 EXISTS\r\n* 11 EXISTS\r\n" + opened_with(11), True),  # it came while the folder was being opened
    ],
)
def test_mail_that_came_before_the_watch_began_is_not_missed(answer: bytes, news: bool):
    assert watch().hear(answer) == Heard(news, b"W2 IDLE\r\n")


def test_a_folder_that_was_never_read_is_looked_into():
    assert watch(None).hear(OPENED).new_mail


@pytest.mark.parametrize("moment", ["before the server agrees", "after DONE", "between OK and the next IDLE"])
def test_mail_is_heard_at_any_moment(moment: str):
    talk = watch() if moment == "before the server agrees" else idling()
    if moment == "before the server agrees":
        assert talk.hear(OPENED + b"* 11 EXISTS\r\n").new_mail
        return
    talk.renew()
    before, after = (b"* 11 EXISTS\r\n", b"") if moment == "after DONE" else (b"", b"* 11 EXISTS\r\n")
    assert talk.hear(before + b"W2 OK Idle completed.\r\n" + after) == Heard(True, b"W3 IDLE\r\n")


def test_an_idle_is_renewed_and_goes_on():
    talk = idling()
    for number in range(2, 40):
        assert talk.renew() == b"DONE\r\n"
        assert talk.renew() == b""  # not twice while the answer is out
        assert talk.hear(b"W%d OK Idle completed.\r\n" % number) == Heard(False, b"W%d IDLE\r\n" % (number + 1))
        talk.hear(AGREED)
    assert talk.hear(b"* 11 EXISTS\r\n").new_mail


def test_a_goodbye_is_said_in_the_middle_of_idle_and_nothing_is_heard_after_it():
    talk = idling()
    assert talk.end() == b"DONE\r\nW3 LOGOUT\r\n"
    assert talk.hear(b"* 11 EXISTS\r\n* BYE\r\nW2 OK\r\nW3 OK\r\n") == Heard()
    assert talk.step is Step.OVER


def test_a_goodbye_before_idle_ends_nothing_that_was_not_begun():
    assert watch().end() == b"W2 LOGOUT\r\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (b"* BYE Server shutting down.\r\n", Disconnected),
        (b"* BYE\r\n", Disconnected),
        (b"* BYE [ALERT] Too many simultaneous connections\r\n", Throttled),
        (b"W2 OK Idle terminated\r\n", Disconnected),  # asked again at once, it could do so for ever
        (b"W2 NO IDLE is switched off\r\n", FolderUnavailable),
        (b"W2 BAD Unknown command\r\n", FolderUnavailable),
        (b"W1 OK again\r\n", ProtocolError),
        (b"+ go on\r\n", ProtocolError),
        (b"HTTP/1.1 400 Bad Request\r\n", ProtocolError),
        (b"\r\n", ProtocolError),
        (b"* 1 FETCH (X {999999999}\r\n", ProtocolError),
        (b"x" * (MAX_LINE + 1), ProtocolError),
    ],
)
def test_a_watch_ends_with_an_error_that_says_why(words: bytes, error: type[MailboxError]):
    with pytest.raises(error):
        heard_in(idling(), _cut(words, 4096))


def test_mail_that_is_told_of_in_the_same_breath_as_a_goodbye_is_not_forgotten():
    talk = idling()
    with pytest.raises(Disconnected):
        talk.hear(b"* 11 EXISTS\r\n* BYE\r\n")
    assert talk.last_words_were_mail


def test_a_server_that_refuses_idle_is_told_from_one_that_hangs_up():
    talk = watch()
    talk.hear(OPENED)
    with pytest.raises(FolderUnavailable):
        talk.hear(b"W2 NO [CANNOT] not here\r\n")


def test_a_folder_that_cannot_be_opened_ends_the_watch():
    with pytest.raises(FolderUnavailable):
        watch().hear(b"W1 NO [NONEXISTENT] no such mailbox\r\n")


def test_a_flood_ends_the_watch_and_a_renewal_begins_a_new_account():
    piece = b"* 1 FETCH (FLAGS (\\Seen))\r\n" * 2000
    rounds = ROUND_BYTES // len(piece)
    talk = idling()
    for number in (2, 3):
        heard_in(talk, itertools.repeat(piece, rounds - 1))
        talk.renew()
        talk.hear(b"W%d OK done\r\n+ idling\r\n" % number)
    with pytest.raises(ProtocolError, match="keeps talking"):
        heard_in(talk, itertools.repeat(piece, rounds + 1))


def outcome(pieces: Iterable[bytes]) -> tuple[str, bool, bytes, Step]:
    """What a watch makes of these bytes: how it ended, whether mail was heard of, what it said."""
    talk, news, sent = watch(), False, b""
    try:
        for piece in pieces:
            heard = talk.hear(piece)
            news, sent = news or heard.new_mail, sent + heard.answer
    except MailboxError as error:
        return type(error).__name__, False, b"", talk.step
    return "", news, sent, talk.step


@pytest.mark.parametrize("seed", range(30))
def test_spoilt_bytes_end_a_watch_the_same_way_however_they_are_cut(seed: int):
    chance = random.Random(seed)
    words = [
        b"* 11 EXISTS\r\n",
        b"* 1 RECENT\r\n",
        b"* 2 EXPUNGE\r\n",
        b"W2 OK\r\n",
        b"* X {3}\r\n",
        b"+\r\n",
        b"\0",
        b"}",
    ]
    for _ in range(40):
        data = bytearray(OPENED + AGREED + b"".join(chance.choices(words[:3], k=3)))
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.choice(words)
        cuts = sorted(chance.choices(range(len(data)), k=5))
        pieces = [bytes(data[a:b]) for a, b in itertools.pairwise([0, *cuts, len(data)])]
        assert outcome(pieces) == outcome([bytes(data)])


@pytest.mark.parametrize("line", [b"* BYE user seed, %b, go\r\n", b"W1 NO cannot take %b\r\n", b"nonsense %b\r\n"])
@pytest.mark.parametrize("before", [0, 185])
def test_a_server_that_quotes_the_login_does_not_put_it_into_the_error(line, before):
    talk = FolderWatch(b'EXAMINE "INBOX"', KNOWN, Secrets("Geheim-Wort-1234"))
    talk.begin()
    with pytest.raises(MailboxError) as caught:
        talk.hear(line % (b"x" * before + b" Geheim-Wort-1234"))
    assert "Geheim" not in str(caught.value)
