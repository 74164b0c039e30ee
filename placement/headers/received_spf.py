"""Received-SPF (RFC 7208 9.1): the result and the identities the receiver checked; never raises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from placement.headers.addresses import normal_address
from placement.headers.block import Headers
from placement.headers.comments import split_comments
from placement.headers.received import is_below

_MAX_VALUE: Final = 4096
_MAX_FOUND: Final = 50
_RESULT: Final = re.compile(r"\s*([A-Za-z]{2,20})\b")
_PAIR: Final = re.compile(r'(?<![\w-])([A-Za-z][\w-]{0,40})\s{0,4}=\s{0,4}(?:"([^"]{0,500})"|([^\s;"]{1,500}))')
#: "google.com: domain of …", "protection.outlook.com: domain of …"
_WRITER: Final = re.compile(r"\s*([A-Za-z0-9.-]{1,253}): ")


@dataclass(frozen=True, slots=True)
class ReceivedSpf:
    result: str  # lower case
    comment: str = ""
    client_ip: str = ""
    envelope_from: str = ""
    helo: str = ""
    receiver: str = ""  # receiver=, else the name before the colon of the comment
    identity: str = ""
    mechanism: str = ""
    line: str = ""
    index: int = 0  # among the fields of the block


def read_received_spf(headers: Headers) -> tuple[ReceivedSpf, ...]:
    """Every Received-SPF that begins with a result word, the newest first."""
    found = (
        _one(index, field.unfolded)
        for index, field in enumerate(headers.fields)
        if field.name.lower() == "received-spf"
    )
    return tuple(one for one in found if one is not None)[:_MAX_FOUND]


def of_receiver(
    found: Sequence[ReceivedSpf], *, ends_at: int, own_hosts: Sequence[str], must_name: bool = False
) -> ReceivedSpf | None:
    """The one the receiver wrote: above `ends_at`, where its part ends, and under no stranger's name.

    `must_name`: one that names nobody is not believed either.
    """
    for one in found:
        own = is_below(one.receiver, own_hosts) if one.receiver else not must_name
        if own and one.index < ends_at:
            return one
    return None


def _one(index: int, text: str) -> ReceivedSpf | None:
    outside, comments = split_comments(text[:_MAX_VALUE])
    result = _RESULT.match(outside)
    if result is None:
        return None
    comment = comments[0] if comments else ""
    pairs: dict[str, str] = {}
    for name, quoted, bare in _PAIR.findall(outside):
        pairs.setdefault(name.lower(), quoted or bare)
    writer = _WRITER.match(comment)
    return ReceivedSpf(
        result=result.group(1).lower(),
        comment=comment,
        client_ip=normal_address(pairs.get("client-ip", "")),
        envelope_from=pairs.get("envelope-from", "").strip("<>"),
        helo=pairs.get("helo", ""),
        receiver=(pairs.get("receiver", "") or (writer.group(1) if writer else "")).lower(),
        identity=pairs.get("identity", ""),
        mechanism=pairs.get("mechanism", ""),
        line=text,
        index=index,
    )
