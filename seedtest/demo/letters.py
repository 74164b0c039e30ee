"""One message at the world's SMTP door: its bytes, its envelope and the few facts the providers decide on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from functools import cached_property

LINK = re.compile(rb"https?://[^\s\"'<>)]+", re.IGNORECASE)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].strip(" >").lower()


@dataclass(frozen=True)
class Letter:
    """A message as it came in. `raw` is stored byte for byte beneath the provider's own headers."""

    raw: bytes
    mail_from: str
    client_ip: str
    helo: str

    @cached_property
    def parsed(self) -> Message:
        return message_from_bytes(self.raw)

    @cached_property
    def subject(self) -> str:
        raw = str(self.parsed.get("Subject", ""))
        try:
            return str(make_header(decode_header(raw)))
        except (LookupError, UnicodeError, ValueError, MessageError):
            return raw

    @cached_property
    def from_domain(self) -> str:
        return domain_of(parseaddr(str(self.parsed.get("From", "")))[1])

    @cached_property
    def links(self) -> int:
        return sum(len(LINK.findall(body)) for body in self._texts())

    @property
    def shouts(self) -> bool:
        letters = [char for char in self.subject if char.isalpha()]
        return len(letters) >= 8 and all(char.isupper() for char in letters)

    def has(self, header: str) -> bool:
        return header in self.parsed

    def has_part(self, content_type: str) -> bool:
        return any(part.get_content_type() == content_type for part in self.parsed.walk())

    def _texts(self) -> list[bytes]:
        parts = [part for part in self.parsed.walk() if part.get_content_maintype() == "text"]
        return [body for part in parts if isinstance(body := part.get_payload(decode=True), bytes)]
