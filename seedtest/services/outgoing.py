"""Messages we send ourselves: kept as given, and made ready for one seed by surgery on the header's bytes.

No parser and no generator in between: what a receiver's filter reads is what the customer wrote, down to the folding
of a field and the 8-bit bytes of a broken one. Only the fields named here change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import NamedTuple

from placement import marker
from placement.headers import Headers, identity
from seedtest.models.people import Workspace
from seedtest.models.sending import OutgoingMessage
from seedtest.services import visible_line

MAX_BYTES = 10 * 1024 * 1024
#: Postfix takes a header of 100 KB. Millions of empty fields would take a gigabyte to hold.
MAX_HEADER, MAX_FIELDS = 1024 * 1024, 2000
CRLF = b"\r\n"

#: What a receiver or a relay wrote into an exported message. A second copy of it would be read as the verdict of a
#: receiver that has not seen this message; DKIM-Signature and ARC cover fields that change here, so they would fail
#: where the sender's real mail passes: no signature is better than a broken one (RFC 6376 section 6.1).
_REMOVED = frozenset(
    (
        b"received", b"x-received", b"return-path", b"delivered-to", b"x-delivered-to", b"x-original-to",
        b"envelope-to", b"x-envelope-to", b"apparently-to", b"x-apparently-to", b"bcc", b"x-seedtest-id",
        b"authentication-results", b"authentication-results-original", b"received-spf", b"dkim-signature",
        b"domainkey-signature",
    )
)  # fmt: skip
_REMOVED_PREFIXES = (
    b"arc-", b"resent-", b"x-spam", b"x-forefront-", b"x-microsoft-antispam", b"x-ms-exchange-", b"x-gm-",
    b"x-google-",
)  # fmt: skip
_REPLACED = frozenset((b"to", b"message-id", b"date"))

#: RFC 5322 section 3.6.8: printable ASCII without the colon.
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
#: A display name with its quoted strings, up to the angle bracket of the address.
_DISPLAY = re.compile(rb'((?:"(?:[^"\\]|\\.)*+"|[^"<])*+)<')
_LINE_END = re.compile(rb"\r+\n?|\n")
#: What may stand in an SMTP envelope and a header here: dot-atom local part, A-label domain.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,240}>")


class MessageError(ValueError):
    """The message or what should go into it cannot be sent. The text says why and what to do."""


class BadAddress(MessageError):
    """An address that no mail can be sent to or from."""


class HeaderInjection(MessageError):
    """A value that would begin a header line of its own."""


class Field(NamedTuple):
    """One header field: its name in lower case, and all its lines without the last line end."""

    name: bytes
    text: bytes

    @property
    def value(self) -> bytes:
        return self.text.partition(b":")[2].strip()


class Split(NamedTuple):
    fields: tuple[Field, ...]
    body: bytes


def store_message(workspace: Workspace, raw: bytes, *, now: datetime) -> OutgoingMessage:
    """Keep a message to measure, byte for byte. Raises MessageError."""
    if len(raw) > MAX_BYTES:
        size = f"{len(raw) / 1024 / 1024:.1f}"
        raise MessageError(f"The message has {size} MB; at most 10 MB can be sent. Leave out large attachments.")
    if not split(raw).fields:
        raise MessageError("This is no e-mail message: it does not begin with headers. Give its whole source (.eml).")
    headers = Headers.parse(raw)
    sender = identity.first_address(headers.first("From"))
    if not sender:
        raise MessageError("The message has no From address. Add a From header, like From: News <news@acme.example>.")
    message = OutgoingMessage(workspace=workspace, created_at=now)
    message.subject, message.from_address = _storable(identity.subject(headers), 500), _storable(sender, 320)
    message.raw = raw
    message.save()
    return message


def _storable(text: str, length: int) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:length]


def compose(
    raw: bytes,
    *,
    token: str,
    seed_address: str,
    message_id: str,
    date: datetime,
    from_address: str = "",
    in_body: bool = False,
) -> bytes:
    """The message for one seed, with CRLF line ends (RFC 5321 section 2.3.8). Raises MessageError.

    `from_address` replaces the address of From and keeps its display name; empty keeps From as it is.
    `in_body` also shows the marker as a line at the end of the text.
    """
    given = split(raw)
    if not given.fields:
        raise MessageError("The message has no headers, so it cannot be sent. Give its whole source (.eml).")
    body = _with_line(given, marker.body_line(token)) if in_body else given.body
    fresh = {
        b"to": _line("To", address(seed_address)),
        b"message-id": _line("Message-ID", _checked_message_id(message_id)),
        b"date": _line("Date", format_datetime(date)),
    }
    sender = address(from_address) if from_address else ""
    header = [_line(marker.OWN_HEADER, token), *_rewritten(given.fields, fresh, sender)]
    return CRLF.join([*header, b"", _with_crlf(body)])


def _with_line(given: Split, line: str) -> bytes:
    mime = (field.text for field in given.fields if field.name.startswith((b"content-", b"mime-version")))
    body = visible_line.added(CRLF.join(mime), _with_crlf(given.body), line)
    if body is None:
        raise MessageError(
            "The message has no text that a visible test ID could be added to, or too many parts or lines to look for "
            "it. Open the test without the body line."
        )
    return body


def address(text: str) -> str:
    """The address itself, once it is known to fit an envelope. Raises BadAddress, HeaderInjection."""
    _refuse_breaks(text)
    if not _ADDRESS.fullmatch(text) or ".." in text or text.startswith(".") or ".@" in text:
        raise BadAddress(f"“{text[:100]}” is not an address that mail can be sent to. Write it like name@acme.example.")
    return text


def sender_address(raw: bytes) -> str:
    """The address of From, "" without one."""
    return identity.first_address(Headers.parse(raw).first("From"))


def _checked_message_id(value: str) -> str:
    _refuse_breaks(value)
    if not _MESSAGE_ID.fullmatch(value):
        raise MessageError("A Message-ID is written <left@right>, in ASCII without spaces.")
    return value


def _refuse_breaks(value: str) -> None:
    if any(mark in value for mark in "\r\n\0"):
        raise HeaderInjection("A header value holds a line break or a NUL byte, which would begin a header of its own.")


def _line(name: str, value: str) -> bytes:
    _refuse_breaks(value)
    return f"{name}: {value}".encode("ascii")


def _rewritten(fields: Iterable[Field], fresh: dict[bytes, bytes], sender: str) -> Iterator[bytes]:
    """The fields that stay, the replaced ones in their old places, and at the end those that had none."""
    waiting = dict(fresh)
    for field in fields:
        if field.name in _REPLACED:
            if field.name in waiting:
                yield waiting.pop(field.name)
        elif field.name == b"from" and sender:
            yield _with_address(field, sender)
        elif not (sender and field.name == b"sender") and not _is_removed(field.name):
            yield field.text
    yield from waiting.values()


def _is_removed(name: bytes) -> bool:
    return name in _REMOVED or name.startswith(_REMOVED_PREFIXES)


def _with_address(field: Field, sender: str) -> bytes:
    """From with another address; the display name keeps its very bytes, encoded words and folding included."""
    display = _DISPLAY.match(field.value)
    name = display[1].strip() if display else b""
    return b"From: " + (name + b" " if name else b"") + f"<{sender}>".encode("ascii")


_LONG_HEADER = (
    f"The message has a header of more than 1 MB or of more than {MAX_FIELDS} fields, which mail servers refuse. "
    "Nothing was sent. Is the blank line between header and text missing?"
)


def split(raw: bytes) -> Split:
    """Header fields and body.

    A line that is no field ends the header, as Postfix and compat32 have it; but where a field follows at once it was
    a field gone wrong (seen: "quite Delivered-To: …"), and is folded into the one above.
    """
    text = raw if b"\n" in raw else raw.replace(b"\r", b"\n")  # old Mac line ends
    text = text.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")  # what editors and pasting put before the first header
    fields: list[list[bytes]] = []
    at = 0
    while at < len(text):
        end = text.find(b"\n", at) + 1 or len(text)
        line = _flat(text[at:end])
        if at > MAX_HEADER or len(fields) > MAX_FIELDS:
            raise MessageError(_LONG_HEADER)
        if not line:
            return Split(_as_fields(fields), text[end:])
        if not _take(line, fields, followed=_FIELD.match(text, end) is not None):
            return Split(_as_fields(fields), text[at:])
        at = end
    return Split(_as_fields(fields), b"")


def _flat(line: bytes) -> bytes:
    """A line without its end. A bare CR in it would break the field in two at some receivers (RFC 5322 2.2)."""
    return line.rstrip(b"\r\n").replace(b"\r", b" ").replace(b"\0", b"")


def _take(line: bytes, fields: list[list[bytes]], *, followed: bool) -> bool:
    """Add the line to the fields. False when it belongs to the body."""
    if line[:1] in (b" ", b"\t") and fields:
        fields[-1].append(line)
    elif _FIELD.match(line):
        fields.append([line])
    elif fields and followed:
        fields[-1].append(b" " + line)
    else:
        # mbox writes a line of its own above the header.
        return not fields and line.startswith((b"From ", b">From "))
    return True


def _as_fields(grouped: Iterable[list[bytes]]) -> tuple[Field, ...]:
    return tuple(Field(lines[0].partition(b":")[0].strip().lower(), CRLF.join(lines)) for lines in grouped)


def _with_crlf(text: bytes) -> bytes:
    """Every line end becomes CRLF. CR CR LF, what text-mode writers leave behind, is one line end."""
    return _LINE_END.sub(_one_line_end, text)


def _one_line_end(found: re.Match[bytes]) -> bytes:
    end = found[0]
    return CRLF if end.endswith(b"\n") else CRLF * len(end)
