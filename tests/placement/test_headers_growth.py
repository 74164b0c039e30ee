"""Hostile input ten times as long costs at most fifteen times as much; where time grows with its square, 100 times."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from time import thread_time

import pytest

from placement.folders import assign, decode_name
from placement.headers import Headers
from placement.headers.authentication_results import read
from placement.headers.authres_grammar import parse_value
from placement.headers.encoded_words import decode_words
from placement.headers.hops import parse_hop
from placement.headers.identity import first_address
from placement.headers.received import sending_ip
from placement.headers.sender_fields import read_sender_fields
from placement.headers.spam_verdicts import FAMILIES
from placement.mailbox.faults import refusal
from placement.marker import RuleBook, keys, recognise, recognise_body
from placement.message_body import visible_html
from placement.providers import get
from placement.reading import read as read_everything
from placement.verify import spf
from placement.vocabulary import ListedFolder, MarkerKind, MarkerRule
from tests.fakes import FakeDns

BOOK = RuleBook.of([MarkerRule(1, MarkerKind.TOKEN, "a" * 26, in_body=True)])
SUBJECTS = RuleBook.of([MarkerRule(1, MarkerKind.SENDER_SUBJECT, "Sale", from_domain="s.example")])
NOW = datetime(2026, 3, 4, tzinfo=UTC)
HTML = b"Content-Type: text/html\r\n"
PARTS = b'Content-Type: multipart/mixed; boundary="b"\r\n'
SMALL, FACTOR, ALLOWED = 10_000, 10, 15


def authenticate(text: str) -> object:
    return read(Headers.parse(text.encode()), wrote=lambda _: True, missing_authserv_id=True)


def body(head: bytes) -> Callable[[str], object]:
    return lambda text: recognise_body(text.encode(), head, BOOK)


def part(parameters: str) -> Callable[[str], object]:
    start = f"--b\r\nContent-Type: multipart/x; {parameters}"
    return lambda text: recognise_body(f"{start}{text}\r\n\r\nx".encode(), PARTS, BOOK)


def everything(text: str) -> object:
    return read_everything(text.encode(), get("outlook_com"))


def every_verdict(value: str) -> object:
    return [reader(value) for family in FAMILIES for reader in family.headers.values()]


def explanation(text: str) -> object:
    dns = FakeDns({"s.example": {"TXT": ["v=spf1 exp=why.example -all"]}, "why.example": {"TXT": [f"%%{text}"]}})
    return spf.check("192.0.2.7", "a@s.example", "", dns, NOW)


READERS: dict[str, tuple[Callable[[str], object], list[str]]] = {
    "block": (
        lambda text: Headers.parse(text.encode()),
        ["A: 1\n", " \n", "x\n", ":", "A:\n ", "\r", "A" * 50, "From x\n", "A :"],
    ),
    "encoded words": (decode_words, ["=?", "=?a?q?", "=?a?q?x?= ", "=?utf-8?b?=", "?=", "=?a*"]),
    "results": (parse_value, ["(", "((a)", '"\\', "a=", ";", "\\", "=;"]),
    "result headers": (
        authenticate,
        ["Authentication-Results: a; dkim=pass\n", "Authentication-Results: (\n"],
    ),
    "addresses": (first_address, ['"', '"\\', '""', "(", "()", "<", "<@", "a@", "<a@b>,"]),
    "route": (
        lambda text: sending_ip(Headers.parse(text.encode())),
        ["Received: from a by b\n", "Received: from [10.0.0.1] by \n"],
    ),
    "keys": (
        lambda text: keys(Headers.parse(b"To: " + text.encode())),
        ["a" * 26 + "@", "+" + "a" * 26, "Received: x for <a@b>\n", "\nFeedback-ID: 1"],
    ),
    "a logo": (lambda text: read_sender_fields(Headers.parse(f"BIMI-Indicator: A{text}!".encode())), [" "]),
    "hops": (parse_hop, ["(", "from ", "a [", "; ", "with TLS1_", "helo=", "(HELO ", "a.[1.2.3.4]"]),
    "everything": (
        everything,
        [
            "Received: from a (b [192.0.2.1]) by c; 1\n",
            "ARC-Seal: i=1; d=a\nARC-Authentication-Results: i=1; (\n",
            "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\n",
            "Received-SPF: pass (a: b) client-ip=\n",
            "X-Forefront-Antispam-Report: CIP:1;SCL:9;\n",
            "List-Unsubscribe: <<https://a>\n",
        ],
    ),
    "every verdict": (every_verdict, ["tests=A,", "A(1.0)", "a:", "RULE 1.5 ", "=;", "False [", "score=", "9", "("]),
    "a part's parameters": (part('a="'), [";", '\\";', "a=b;", '";a="']),
    "a boundary's charset": (part("boundary*=punycode''"), ["a"]),
    "why SPF fails": (explanation, ["a.", "%{l}"]),
    "names": (lambda text: decode_name(text.encode()), ["&", "&-", "&AOk-", "&AAAAAAA", "-"]),
    "html": (
        visible_html,
        ["<", "<a", "<a '", "<!--", "<div hidden>", "</div>", "&amp", '<a b="', "<!", "< ", '</a "> "'],
    ),
    "html body": (body(HTML), ["<!--", '<a "', "Ref: ", "Ref:" + " " * 30, "a" * 26]),
    "parts": (
        body(PARTS),
        ["--b\r\n", "--b\r\n\r\nx\r\n", "--b--\r\n", "--b\r\nA:", "--b\r\nContent-Type: text/html"],
    ),
    "a refusal": (lambda text: refusal("NO", text), ["too many ", "[LIMIT"]),
    "a folder's role": (lambda text: assign([ListedFolder(b"x", text, "/", frozenset())]), ["\u0315\u0300", "junk/"]),
    "a subject": (
        lambda text: recognise(
            Headers.parse(f"From: a@s.example\nSubject: {text}".encode()), SUBJECTS, internaldate=NOW
        ),
        ["\u0315\u0300"],
    ),
}
CASES = [
    pytest.param(reader, piece, id=f"{name}: {piece[:12]!r}")
    for name, (reader, pieces) in READERS.items()
    for piece in pieces
]


def cost(reader: Callable[[str], object], text: str, repeats: int) -> float:
    """Median CPU time of this thread for a number of runs."""
    samples = []
    for _ in range(5):
        start = thread_time()
        for _ in range(repeats):
            reader(text)
        samples.append(thread_time() - start)
    return median(samples)


def repeats_for(reader: Callable[[str], object], text: str) -> int:
    """Enough runs for two milliseconds, so that the clock's grain and a passing neighbour weigh little."""
    repeats = 1
    while cost(reader, text, repeats) < 0.002 and repeats < 4096:
        repeats *= 2
    return repeats


@pytest.mark.parametrize(("reader", "piece"), CASES)
def test_cost_grows_no_faster_than_the_input(reader: Callable[[str], object], piece: str):
    small = piece * (SMALL // len(piece))
    large = piece * (SMALL * FACTOR // len(piece))
    repeats = repeats_for(reader, small)
    gc.collect()
    ratios = []
    for _ in range(6):  # a neighbour on the machine may spoil some looks, not all
        ratios.append(cost(reader, large, repeats) / cost(reader, small, repeats))
        if ratios[-1] <= ALLOWED:
            return
    pytest.fail(f"{FACTOR} times the input cost {min(ratios):.0f} times as much")
