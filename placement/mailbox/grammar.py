"""IMAP responses into values: one tokenizer without modes, then LIST, STATUS, FETCH, SEARCH and QUOTA.

Every parser takes a response as the wire gives it: text, literal, text, … (RFC 9051 section 9), and never
raises anything but ProtocolError.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone

from placement.errors import ProtocolError
from placement.mailbox.contract import Fetched
from placement.modified_utf7 import decode_name
from placement.moments import can_be
from placement.vocabulary import FolderStatus, ListedFolder

Response = tuple[bytes, ...]
Token = bytes | list["Token"] | None
#: What one line of a LIST answer says: a folder, or statuses.
Line = tuple[ListedFolder | None, Mapping[bytes, FolderStatus]]

HEADER_CAP = 256 * 1024
#: What a server says when it gives no date that can be read; before every test, so it can match none by time.
NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)

#: Beyond these a folder is not named: no known server allows names so long, and no seed has so many.
MAX_NAME = 512  # characters
MAX_FOLDERS = 2000
_MAX_RAW_NAME = 8 * MAX_NAME  # a character alone takes at most eight in modified UTF-7, "&2D3eAA-"

_DEPTH = 16
_TOKEN = re.compile(rb'[ \t]+|(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>[^ \t()"]+)', re.S)
_ESCAPE = re.compile(rb"\\(.)", re.S)
_DATE = re.compile(
    r" ?(\d{1,2})-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-(\d{4}) "
    r"(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CODE = re.compile(rb"\* OK \[(UIDVALIDITY|UIDNEXT) (\d{1,10})\]", re.I)
_NUMBER = re.compile(rb"\d{1,18}")  # what a signed 64-bit column of a database holds
_EXISTS = re.compile(rb"\* (\d{1,10}) EXISTS", re.I)
_FETCH = re.compile(rb"\* \d{1,10} FETCH ", re.I)
#: RFC 8474 4 allows less; whatever else a server says is no identity, and no database stores a NUL.
_IDENTITY = re.compile(rb"[!-~]{1,255}")
_UNSAFE_NAME = re.compile(rb"[\r\n\0]")


def tokens(response: Response) -> list[Token]:
    """A response as nested lists. Atoms, strings and literals are bytes, NIL is None."""
    top: list[Token] = []
    stack = [top]
    for index, part in enumerate(response):
        if index % 2:
            stack[-1].append(part)
        else:
            _read_text(part, stack)
    if len(stack) != 1:
        raise ProtocolError(_OUT_OF_STEP)
    return top


_OUT_OF_STEP = (
    "The server's answer does not follow the IMAP grammar (a bracket or a length is wrong). Nothing of this "
    "session is kept; the mailbox is tried again later. If it stays, report it with the server's name."
)


def _read_text(text: bytes, stack: list[list[Token]]) -> None:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ProtocolError(_OUT_OF_STEP)
        position = found.end()
        _take(found, stack)


def _take(found: re.Match[bytes], stack: list[list[Token]]) -> None:
    match found.lastgroup:
        case "open":
            _open(stack)
        case "close":
            _close(stack)
        case "quoted":
            stack[-1].append(_ESCAPE.sub(rb"\1", found["quoted"]))
        case "atom":
            atom = found["atom"]
            stack[-1].append(None if atom.upper() == b"NIL" else atom)


def _open(stack: list[list[Token]]) -> None:
    if len(stack) > _DEPTH:
        raise ProtocolError(_OUT_OF_STEP)
    inner: list[Token] = []
    stack[-1].append(inner)
    stack.append(inner)


def _close(stack: list[list[Token]]) -> None:
    if len(stack) == 1:
        raise ProtocolError(_OUT_OF_STEP)
    stack.pop()


def is_data(response: Response, name: bytes) -> bool:
    return response[0][: len(name) + 3].upper().rstrip() == b"* " + name


# --- folder names ---------------------------------------------------------------------------------------


def name_key(raw_name: bytes) -> bytes:
    """INBOX is one folder in whatever case it is written (RFC 9051 5.1)."""
    return b"INBOX" if raw_name.upper() == b"INBOX" else raw_name


# --- LIST and STATUS ------------------------------------------------------------------------------------


class Listing:
    """The folders of one session. It hears most lines again, word for word, so each is read once."""

    def __init__(self) -> None:
        self._responses: tuple[Response, ...] = ()
        self._lines: dict[Response, Line] = {}
        self._folders: list[ListedFolder] = []
        self._beyond = 0

    def read(self, responses: Collection[Response]) -> list[ListedFolder]:
        """At most MAX_FOLDERS; what else a server says in between is not kept."""
        lists = [one for one in responses if is_data(one, b"LIST")]
        heard = (*lists[:MAX_FOLDERS], *[one for one in responses if is_data(one, b"STATUS")][:MAX_FOLDERS])
        self._beyond = max(0, len(lists) - MAX_FOLDERS)
        if heard != self._responses:
            lines = [self._lines.get(one) or _line(one) for one in heard]
            self._lines = dict(zip(heard, lines, strict=True))
            self._responses, self._folders = heard, _listed_folders(lines)
        return list(self._folders)

    @property
    def unnamed(self) -> int:
        """Folders of the last answer that are not named, so that nobody can look into them."""
        return unnamed_folders(self._responses, self._folders) + self._beyond


def listed_folders(responses: Collection[Response]) -> list[ListedFolder]:
    return _listed_folders(map(_line, responses))


def _line(response: Response) -> Line:
    if is_data(response, b"LIST"):
        return _listed(response), {}
    return None, _status(response) if is_data(response, b"STATUS") else {}


def _listed_folders(lines: Iterable[Line]) -> list[ListedFolder]:
    """Every folder that can be named again. A line no grammar allows loses that folder, not the mailbox."""
    statuses: dict[bytes, FolderStatus] = {}
    found: dict[str, ListedFolder] = {}
    for folder, told in lines:
        statuses.update(told)
        # Two raw names may decode to one: arrivals are kept by name, so the first one stands.
        if folder is not None:
            found.setdefault(folder.name, folder)
    return [_with_status(folder, statuses.get(name_key(folder.raw_name))) for folder in found.values()]


def _with_status(one: ListedFolder, status: FolderStatus | None) -> ListedFolder:
    return ListedFolder(one.raw_name, one.name, one.delimiter, one.attributes, status) if status else one


def unnamed_folders(responses: Collection[Response], listed: Collection[ListedFolder]) -> int:
    """Folders the server listed that `listed` does not name: unreadable lines, and names that fall together."""
    names = {name_key(folder.raw_name) for folder in listed}
    lines = [_listed(response) for response in responses if is_data(response, b"LIST")]
    return sum(folder is None or name_key(folder.raw_name) not in names for folder in lines)


def _listed(response: Response) -> ListedFolder | None:
    try:
        _, _, attributes, delimiter, raw_name, *_ = tokens(response)
    except (ProtocolError, ValueError):
        return None
    raw_name = b"NIL" if raw_name is None else raw_name
    if not isinstance(raw_name, bytes) or not raw_name or _UNSAFE_NAME.search(raw_name):
        return None
    if len(raw_name) > _MAX_RAW_NAME or len(name := decode_name(raw_name)) > MAX_NAME:
        return None
    return ListedFolder(
        raw_name=raw_name,
        name=name,
        delimiter=decode_name(delimiter) if isinstance(delimiter, bytes) else "",
        attributes=frozenset(_words(attributes)),
    )


def _words(token: Token) -> Iterator[str]:
    for word in token if isinstance(token, list) else ():
        if isinstance(word, bytes):
            yield word.decode("ascii", "replace").lower()


def folder_statuses(responses: Collection[Response]) -> dict[bytes, FolderStatus]:
    """STATUS lines by `name_key`; one without UIDVALIDITY and UIDNEXT says nothing of use."""
    found = {}
    for response in responses:
        if is_data(response, b"STATUS"):
            found.update(_status(response))
    return found


def _status(response: Response) -> dict[bytes, FolderStatus]:
    try:
        _, _, raw_name, items = tokens(response)
    except (ProtocolError, ValueError):
        return {}
    if not isinstance(raw_name, bytes):
        return {}
    numbers = _pairs(items)
    uidvalidity, uidnext = number(numbers.get("UIDVALIDITY")), number(numbers.get("UIDNEXT"))
    if not uidvalidity or not uidnext:
        return {}
    return {name_key(raw_name): FolderStatus(uidvalidity, uidnext, number(numbers.get("MESSAGES")))}


def _pairs(token: Token) -> dict[str, Token]:
    if not isinstance(token, list):
        return {}
    keys, values = token[::2], token[1::2]
    pairs = zip(keys, values, strict=False)
    return {key.decode("latin-1").upper(): value for key, value in pairs if isinstance(key, bytes)}


def number(token: Token) -> int | None:
    """None for what is no number, or for one of more than 18 digits."""
    if not isinstance(token, bytes) or not _NUMBER.fullmatch(token):
        return None
    return int(token)


# --- an opened folder -----------------------------------------------------------------------------------


def opened_uidvalidity(responses: Collection[Response]) -> int | None:
    codes = (_CODE.match(response[0]) for response in responses)
    return next((int(code[2]) for code in codes if code and code[1].upper() == b"UIDVALIDITY"), None)


def opened_exists(responses: Collection[Response]) -> int:
    counts = (_EXISTS.match(response[0]) for response in responses)
    return max((int(count[1]) for count in counts if count), default=0)


def searched_uids(responses: Collection[Response]) -> set[int]:
    found: set[int] = set()
    for response in responses:
        if is_data(response, b"SEARCH"):
            found.update(int(word) for word in response[0].split()[2:] if _NUMBER.fullmatch(word))
    return found


def fetched_items(responses: Collection[Response]) -> dict[int, dict[str, Token]]:
    """FETCH data by UID. A server may answer one message in several lines, and volunteer flags (no UID)."""
    found: dict[int, dict[str, Token]] = {}
    for response in responses:
        if not _FETCH.match(response[0]):
            continue
        items = _fetched_pairs(response)
        uid = number(items.get("UID"))
        if uid:
            found.setdefault(uid, {}).update(items)
    return found


def _fetched_pairs(response: Response) -> dict[str, Token]:
    """Strictly pairs: one item too few would shift a header block to where nobody looks for it."""
    items = tokens(response)[3:]
    if len(items) != 1 or not isinstance(items[0], list) or len(items[0]) % 2:
        raise ProtocolError(_OUT_OF_STEP)
    return _pairs(items[0])


def section(items: Mapping[str, Token], name: str) -> bytes | None:
    """BODY[HEADER] and BODY[HEADER]<0> are the same section: some servers ignore a partial fetch."""
    for key in (f"BODY[{name}]<0>", f"BODY[{name}]"):
        value = items.get(key, b"")
        if key in items:
            return value if isinstance(value, bytes) else b""
    return None


def fetched_message(uid: int, items: Mapping[str, Token]) -> Fetched | None:
    """None for a line that carries no header: somebody's flags changed."""
    block = section(items, "HEADER")
    if block is None:
        return None
    return Fetched(
        uid=uid,
        internaldate=internal_date(items.get("INTERNALDATE")),
        size=number(items.get("RFC822.SIZE")) or 0,
        header_block=block[:HEADER_CAP],
        truncated=len(block) > HEADER_CAP,
        gm_msgid=_identity(items.get("X-GM-MSGID")),
        email_id=_identity(items.get("EMAILID")),
    )


def gmail_id(items: Mapping[str, Token]) -> str:
    return _identity(items.get("X-GM-MSGID"))


def _identity(token: Token) -> str:
    inner = token[0] if isinstance(token, list) and token else token
    return inner.decode("ascii") if isinstance(inner, bytes) and _IDENTITY.fullmatch(inner) else ""


def internal_date(token: Token) -> datetime:
    found = _DATE.fullmatch(token.decode("ascii", "replace")) if isinstance(token, bytes) else None
    if found is None:
        return NO_DATE
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes)) * (-1 if sign == "-" else 1)
    try:
        local = datetime(
            int(year),
            MONTHS.index(month) + 1,
            int(day),
            int(hour),
            int(minute),
            min(int(second), 59),
            tzinfo=timezone(offset),
        )
        moment = local.astimezone(UTC)
    except (ValueError, OverflowError):
        return NO_DATE
    return moment if can_be(moment) else NO_DATE


# --- QUOTA ----------------------------------------------------------------------------------------------


def quota_used(responses: Collection[Response]) -> float | None:
    """The fullest limit of all quota roots (RFC 9208), 0..1."""
    shares = [share for response in responses if is_data(response, b"QUOTA") for share in _shares(response)]
    return min(max(shares), 1.0) if shares else None


def _shares(response: Response) -> Iterator[float]:
    resources = tokens(response)[-1]
    if not isinstance(resources, list):
        return
    for used, limit in zip(resources[1::3], resources[2::3], strict=False):
        amount, ceiling = number(used), number(limit)
        if amount is not None and ceiling:
            yield amount / ceiling
