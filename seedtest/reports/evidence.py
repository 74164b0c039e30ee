"""The evidence of one result: the header block of the measured message, what it says, and what we found ourselves."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from placement.headers import Headers
from placement.reading import Reading, moved_after_delivery
from placement.vocabulary import FolderRole
from seedtest.models import Arrival, RawMessage, ReceivedMessage, SeedResult, Verification
from seedtest.reports import readings
from seedtest.reports.readings import Document
from seedtest.reports.sharing import shared


@dataclass(frozen=True, slots=True)
class Evidence:
    """`document` is the same shape as `explain --json`."""

    block: bytes = field(repr=False)
    sha256: str
    truncated: bool
    received_at: datetime
    folder: str
    reading: Reading = field(repr=False)
    document: Document = field(repr=False)
    verified_at: datetime | None
    raw: RawMessage | None

    @property
    def subject(self) -> str:
        return Headers.parse(self.block).decoded("Subject")


def evidence_of(result: SeedResult) -> Evidence | None:
    """None where nothing is kept, or where the mailbox is used by others too."""
    if shared(SeedResult.objects.filter(pk=result.pk)).exists():
        return None
    message = result.messages.filter(is_variant=False).first()
    arrival = _arrival(result, message)
    if arrival is None:
        return None
    block = zlib.decompress(bytes(arrival.evidence.header_block))
    reading = readings.read_for(block, arrival.mailbox)
    checked = Verification.objects.filter(message=message, verified_at__isnull=False).first()
    return Evidence(
        block=block,
        sha256=arrival.evidence.sha256,
        truncated=arrival.evidence.truncated,
        received_at=arrival.internaldate,
        folder=arrival.folder.name,
        reading=reading,
        document=_document(reading, arrival, checked),
        verified_at=checked.verified_at if checked else None,
        raw=RawMessage.objects.filter(arrival=arrival).first(),
    )


def _arrival(result: SeedResult, message: ReceivedMessage | None) -> Arrival | None:
    """The first place of the measured message whose headers are still kept."""
    places = Arrival.objects.filter(result=result, evidence__isnull=False)
    places = places.filter(message_key=message.message_key) if message else places
    return places.select_related("evidence", "mailbox", "folder").order_by("pk").first()


def _document(reading: Reading, arrival: Arrival, checked: Verification | None) -> Document:
    checks: Mapping[str, Any] = checked.checks if checked else readings.not_checked()
    found: Sequence[Document] = checked.findings if checked else ()
    role = FolderRole(arrival.folder.operator_role or arrival.folder.role)
    moved = moved_after_delivery(reading, role)
    read = [*reading.findings, *((moved,) if moved else ())]
    return readings.document(reading, checks, [*map(readings.read_finding, read), *found])
