"""The engine's readers as functions of hostile bytes, by name: what the fuzzer feeds and its findings repeat."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from placement import marker, providers
from placement.errors import PlacementError
from placement.folders import assign, decode_name, encode_name
from placement.headers import Headers, authentication_results
from placement.headers.arc import read_arc
from placement.headers.authres_grammar import parse
from placement.headers.encoded_words import decode_words
from placement.headers.list_unsubscribe import read_list_unsubscribe
from placement.headers.received import boundary, first_hop_at, route, sending_ip
from placement.headers.received_spf import read_received_spf
from placement.headers.sender_fields import read_sender_fields
from placement.headers.spam_verdicts import FAMILIES
from placement.mailbox import grammar
from placement.mailbox.faults import bye, refusal
from placement.mailbox.wire import Wire
from placement.providers import Provider
from placement.reading import moved_after_delivery, read
from placement.verify import HeaderBlock, verify
from placement.verify.compare import compare
from placement.vocabulary import FolderRole, ListedFolder, MarkerKind, MarkerRule, Tab
from tests.fakes import CannedStream, FakeDns

NOW = datetime(2026, 3, 4, 10, 21, tzinfo=UTC)
TOKEN = "abcdefghijklmnopqrstuvwxyz"
BOOK = marker.RuleBook.of(
    [
        MarkerRule(1, MarkerKind.TOKEN, TOKEN, in_body=True),
        MarkerRule(2, MarkerKind.HEADER, "spring", header="x-campaign"),
        MarkerRule(3, MarkerKind.HEADER_PREFIX, "spring:", header="feedback-id"),
        MarkerRule(4, MarkerKind.SENDER_SUBJECT, "Spring is here", from_domain="sender.example"),
    ]
)
#: One of every kind of Authentication-Results: above the boundary, without authserv-id, many, at the bottom, none.
RECEIVERS = ("gmail", "outlook_com", "yahoo", "icloud", "mailru", "gmx", "fastmail", "proton", "generic")

#: One unsigned 64-bit number a reader, in the order of NAMES: how many inputs it was given.
COUNTS = Path(__file__).resolve().parents[2] / "var" / "fuzz" / "counts"

Reader = Callable[[bytes], object]


def run(name: str, data: bytes) -> None:
    """One input through one reader. What it says must fit into a database; its own errors are answers too."""
    try:
        found = READERS[name](data)
    except PlacementError as error:
        found = str(error)
    for text in _texts(found):
        assert "\0" not in text, f"PostgreSQL stores no NUL: {text[:80]!r}"
        text.encode()  # half characters have no UTF-8


def _texts(value: object) -> Iterator[str]:
    """Every string of a value; raw bytes are allowed to be anything."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, tuple | list | set | frozenset):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.items()
        else:
            waiting += [getattr(one, name) for name in _fields(type(one))]


@cache
def _fields(of: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(of)) if is_dataclass(of) else ()


def _block(data: bytes) -> object:
    headers = Headers.parse(data)
    shown = [headers.decoded(name) for name in ("Subject", "From", "List-ID")]
    return headers, shown, read_sender_fields(headers)


def _believing(data: bytes) -> object:
    headers = Headers.parse(data)
    above = authentication_results.read(headers, wrote=lambda name: "mx" in name, missing_authserv_id=False)
    return above, authentication_results.read(
        headers, wrote=lambda _: True, missing_authserv_id=True, position="bottom", at_most=2
    )


def _reading(provider: Provider) -> Reader:
    def read_everything(data: bytes) -> object:
        reading = read(data, provider, extra_authserv_ids=("mx.own.example",))
        return reading, moved_after_delivery(reading, FolderRole.JUNK)

    return read_everything


def _keys(data: bytes) -> object:
    headers = Headers.parse(data)
    found = marker.recognise(headers, BOOK, internaldate=NOW)
    return marker.keys(headers), found, marker.message_key(headers, data), marker.is_answer(headers)


def _body(data: bytes) -> object:
    head, gap, body = data.partition(b"\n\n")
    return marker.recognise_body(body, head + gap, BOOK)


def _folders(data: bytes) -> object:
    """A line a folder: raw name, TAB, delimiter, TAB, attributes."""
    rows = [(*line.split(b"\t"), b"", b"")[:3] for line in data.split(b"\n")[:100]]
    listed = [
        ListedFolder(name, decode_name(name), decode_name(delimiter), frozenset(decode_name(flags).lower().split()))
        for name, delimiter, flags in rows
    ]
    names = [encode_name(one.name) for one in listed]
    categories = (("Newsletter", Tab.NEWSLETTERS),)
    return names, assign(listed, junk_names=("Spam", "INBOX.spam"), category_folders=categories)


def _imap(data: bytes) -> object:
    replies = Wire(CannedStream(data)).run([b"NOOP", b"NOOP"], budget=1_000_000)
    lines = [line for reply in replies for line in reply.untagged]
    told = [str(error) for reply in replies for error in (refusal(reply.status, reply.text), bye(reply.text))]
    return told, _folders_in(lines), _messages_in(lines), grammar.quota_used(lines)


def _folders_in(lines: list[grammar.Response]) -> object:
    opened = grammar.opened_uidvalidity(lines), grammar.opened_exists(lines), grammar.searched_uids(lines)
    return opened, assign(grammar.listed_folders(lines)), grammar.folder_statuses(lines)


def _messages_in(lines: list[grammar.Response]) -> object:
    items = grammar.fetched_items(lines)
    headers = [grammar.fetched_message(uid, one) for uid, one in items.items()]
    return headers, [(grammar.section(one, "TEXT"), grammar.gmail_id(one)) for one in items.values()]


def _checked(data: bytes) -> object:
    """First line: sending IP, HELO, envelope sender; then the zone, a line "---", and the message."""
    world, _, message = data.partition(b"\n---\n")
    first, _, zone = world.partition(b"\n")
    ip, helo, envelope = (*first.decode("utf-8", "replace").replace("\0", "").split(" "), "", "", "")[:3]
    found = verify(
        message if b"\n\n" in message or b"\r\n\r\n" in message else HeaderBlock(message),
        sending_ip=ip,
        helo=helo,
        envelope_from=envelope,
        resolver=_zone(zone),
        now=NOW,
    )
    theirs = authentication_results.read(Headers.parse(message), wrote=lambda _: True, missing_authserv_id=True)
    return found, compare(found, theirs)


def _zone(text: bytes) -> FakeDns:
    """A line a record: name, type, value. Only TXT may hold any byte, as in the answers of a real resolver."""
    records: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    down = set()
    for line in text.split(b"\n")[:100]:
        name, kind, value = (*line.split(b" ", 2), b"", b"", b"")[:3]
        owner, of = name.decode("latin-1").lower(), kind.decode("latin-1")
        if of == "DOWN":
            down.add(owner)
        elif of in _RECORDS:
            records[owner][of] += _RECORDS[of](value)
    return FakeDns(records, down)


def _addresses(value: bytes) -> list[str]:
    """A real answer holds packed bytes, so nothing but an address comes out of it."""
    try:
        return [str(ipaddress.ip_address(value.decode("ascii", "replace").partition("%")[0]))]
    except ValueError:
        return []


def _hosts(value: bytes) -> list[str]:
    """Names as dnspython writes them."""
    return ["".join(chr(byte) if 0x20 < byte < 0x7F else f"\\{byte:03}" for byte in value)]


_RECORDS: Mapping[str, Callable[[bytes], list[Any]]] = {
    "TXT": lambda value: [value],
    "A": _addresses,
    "AAAA": _addresses,
    "MX": lambda value: [(10, host) for host in _hosts(value)],
    "PTR": _hosts,
}


def _route(data: bytes) -> object:
    headers = Headers.parse(data)
    edge = boundary(headers, stated=("192.0.2.7",), own_hosts=("mailbox.example",))
    return route(headers, edge), route(headers), sending_ip(headers, ("mailbox.example",)), first_hop_at(headers)


def _verdicts(data: bytes) -> object:
    value = Headers.parse(b"X: " + data).first("X")
    return [reader(value) for family in FAMILIES for reader in family.headers.values()]


def _text(reader: Callable[[str], object]) -> Reader:
    """A value as the block reader hands it on."""
    return lambda data: reader(Headers.parse(b"X: " + data).first("X"))


def _of_headers(reader: Callable[[Headers], object]) -> Reader:
    return lambda data: reader(Headers.parse(data))


READERS: Mapping[str, Reader] = {
    "block": _block,
    "authentication_results": _believing,
    "results_value": _text(parse),
    "encoded_words": _text(decode_words),
    "keys": _keys,
    "body": _body,
    "folders": _folders,
    "imap": _imap,
    "verify": _checked,
    "route": _route,
    "list_unsubscribe": _of_headers(read_list_unsubscribe),
    "received_spf": _of_headers(read_received_spf),
    "arc": _of_headers(read_arc),
    "spam_verdicts": _verdicts,
    **{f"reading_{name}": _reading(providers.get(name)) for name in RECEIVERS},
}
NAMES = tuple(READERS)


def split(data: bytes) -> tuple[str, bytes]:
    """The first byte of a fuzzer's input chooses the reader."""
    return NAMES[data[0] % len(NAMES)], data[1:]


def joined(name: str, data: bytes) -> bytes:
    return bytes([NAMES.index(name)]) + data
