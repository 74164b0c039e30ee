"""Small fields by which senders name their mail: Return-Path, List-Id, Feedback-ID, Precedence, BIMI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from placement.headers.block import Headers
from placement.headers.identity import first_address
from placement.headers.tag_lists import read_tags

_MAX_VALUE: Final = 1000
_LIST_ID: Final = re.compile(r"<([^<>\s]{1,255})>")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]*+={0,2}+\s*+")
_FEEDBACK_PARTS: Final = 4
#: Fastmail leaves the semicolon out between l= and a=.
_LOCATION_TAG: Final = re.compile(r"(?<![^\s;])(l|a)=([^\s;]{1,1000})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """The envelope sender as the receiver wrote it. `<>` is a bounce; no field at all is something else."""

    present: bool = False
    null: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class FeedbackId:
    """Gmail's Feedback-ID `campaign:customer:other:sender`; `identifiers` are what stands before the sender."""

    raw: str = ""
    identifiers: tuple[str, ...] = ()
    sender: str = ""


@dataclass(frozen=True, slots=True)
class BimiFields:
    """BIMI-Location is written by the receiver, BIMI-Selector by the sender; the logo itself is not kept."""

    selector: str = ""
    location: str = ""  # l=
    authority: str = ""  # a=
    indicator_bytes: int | None = None  # size of the logo a receiver put into BIMI-Indicator


@dataclass(frozen=True, slots=True)
class SenderFields:
    return_path: ReturnPath = ReturnPath()
    list_id: str = ""
    feedback_id: FeedbackId = FeedbackId()
    precedence: str = ""  # lower case: bulk · list · junk
    auto_submitted: str = ""
    bimi: BimiFields = BimiFields()


def read_sender_fields(headers: Headers) -> SenderFields:
    return SenderFields(
        return_path=_return_path(headers),
        list_id=_list_id(headers.first("List-Id")[:_MAX_VALUE]),
        feedback_id=_feedback_id(headers.first("Feedback-ID")[:_MAX_VALUE]),
        precedence=headers.first("Precedence")[:40].lower(),
        auto_submitted=headers.first("Auto-Submitted")[:40].partition(";")[0].strip().lower(),
        bimi=_bimi(headers),
    )


def _return_path(headers: Headers) -> ReturnPath:
    if "Return-Path" not in headers:
        return ReturnPath()
    text = headers.first("Return-Path")[:_MAX_VALUE]
    return ReturnPath(True, null="".join(text.split()) == "<>", address=first_address(text))


def _list_id(text: str) -> str:
    found = _LIST_ID.search(text)
    return (found.group(1) if found else text.strip()).lower()


def _feedback_id(text: str) -> FeedbackId:
    parts = [part.strip() for part in text.split(":")]
    if not text:
        return FeedbackId()
    return FeedbackId(text, tuple(parts[:-1][: _FEEDBACK_PARTS - 1]), parts[-1])


def _bimi(headers: Headers) -> BimiFields:
    location = {name.lower(): value for name, value in _LOCATION_TAG.findall(headers.first("BIMI-Location")[:4096])}
    return BimiFields(
        selector=read_tags(headers.first("BIMI-Selector")).get("s", ""),
        location=location.get("l", ""),
        authority=location.get("a", ""),
        indicator_bytes=_size(headers.first("BIMI-Indicator")),
    )


def _size(text: str) -> int | None:
    """Bytes behind the base64, None where there is none."""
    if not text or not _BASE64.fullmatch(text):
        return None
    return len("".join(text.split()).rstrip("=")) * 3 // 4
