"""Scan results as the engine would give them, so that recording can be told stories without a mail server."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction

from placement.classify import classify
from placement.headers import Headers
from placement.marker import keys, message_key
from placement.vocabulary import (
    Authentication,
    AuthResult,
    Cursor,
    Folder,
    FolderRole,
    FolderState,
    FullCheck,
    Match,
    MatchKind,
    Place,
    RoleSource,
    ScanResult,
    Sighting,
    Tab,
)
from seedtest import models
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.services.recording import Look

_uid = itertools.count(1)
UIDVALIDITY = 7

INBOX = Folder(b"INBOX", "INBOX", FolderRole.INBOX, RoleSource.STANDARD)
JUNK = Folder(b"Junk", "Junk", FolderRole.JUNK, RoleSource.SPECIAL_USE)
TRASH = Folder(b"Trash", "Trash", FolderRole.TRASH, RoleSource.SPECIAL_USE)
RECEIPTS = Folder(b"Receipts", "Receipts", FolderRole.OTHER, RoleSource.NONE)


def block(subject: str = "Hello", sender: str = "news@brand.example", message_id: str = "<1@brand.example>") -> bytes:
    lines = (
        "Return-Path: <bounce@mail.brand.example>",
        "Received: from mta.brand.example (mta.brand.example [192.0.2.7]) by mx.seed.example; "
        "Sun, 22 Nov 2026 09:00:00 +0000",
        f"From: Brand <{sender}>",
        f"Subject: {subject}",
        "Date: Sun, 22 Nov 2026 09:00:00 +0000",
        f"Message-ID: {message_id}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def seen(
    folder: Folder = INBOX,
    *,
    test: models.SeedTest | None = None,
    tab: Tab | None = None,
    tabs: str = "none",
    headers: bytes = b"",
    internaldate: datetime | None = None,
    uid: int | None = None,
    key: str = "",
    rivals: Sequence[models.SeedTest] = (),
) -> Sighting:
    headers = headers or block()
    read = Headers.parse(headers)
    return Sighting(
        place=Place(folder.name, UIDVALIDITY, uid or next(_uid)),
        internaldate=internaldate or datetime.now(UTC).replace(microsecond=0),
        size=2000,
        header_block=headers,
        truncated=False,
        message_key=key or message_key(read, headers),
        keys=keys(read),
        verdict=classify(folder, tab=tab, tabs=tabs),
        authentication=Authentication(
            spf=AuthResult("spf", "pass", "mail.brand.example"), dkim=(AuthResult("dkim", "pass", "brand.example"),)
        ),
        match=Match(test.pk, MatchKind.OWN_HEADER, "X-Seedtest-ID", "token") if test else None,
        rivals=tuple(Match(one.pk, MatchKind.CAMPAIGN_HEADER, "Feedback-ID", "value") for one in rivals),
    )


def scanned(
    *sightings: Sighting,
    folders: Iterable[Folder] = (INBOX, JUNK, TRASH, RECEIPTS),
    full_check: FullCheck | None = None,
    junk_visible: bool = True,
    gone: Sequence[Place] = (),
    quota_used: float | None = None,
    backlog: bool = False,
    messages: int | None = None,
) -> ScanResult:
    top = max([one.place.uid for one in sightings], default=0) + 1
    states = tuple(FolderState(folder, Cursor(UIDVALIDITY, top), messages=messages) for folder in folders)
    return ScanResult(
        folders=states,
        sightings=sightings,
        junk_visible=junk_visible,
        full_check=full_check,
        gone=tuple(gone),
        quota_used=quota_used,
        backlog=backlog,
    )


LOOKED_EVERYWHERE = FullCheck(complete=True, folders=4)


def look_at(
    seed: models.SeedAccount, *, shared: bool = False, started_at: datetime | None = None, window: int | None = None
) -> Look:
    """Claim the seed's mailbox as a worker would."""
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(
        next_poll_at=db_now(), backoff_until=None, auth_backoff_until=None
    )
    with transaction.atomic():
        now = db_now()
        (claim,) = claims.claim([seed.mailbox_id], now, owner="worker", lease=timedelta(seconds=60))
    return Look(claim=claim, started_at=started_at or now, shared=shared, window=window)
