"""One message from a file: read for its provider, checked where DNS may be asked. Needs no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from placement.headers import Headers
from placement.providers import Provider
from placement.reading import Reading, read
from placement.verify import Resolver
from seedtest.reports import readings
from seedtest.services import examining, guessing

MAX_FILE: Final = 64 * 1024 * 1024
_PATTERN: Final = "*.eml"


class Unreadable(Exception):
    """The file holds no message that could be read; says why."""


@dataclass(frozen=True, slots=True)
class Explained:
    """`how` says why this provider: it was given, or what the guess rests on."""

    provider: Provider
    how: str
    reading: Reading
    document: dict[str, Any]


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Each file, and of a folder every .eml file in it; where it has none, every file."""
    for path in paths:
        if path.is_dir():
            found = _visible(path, path.rglob(_PATTERN)) or _visible(path, path.rglob("*"))
            yield from found
        else:
            yield path


def _visible(folder: Path, found: Iterable[Path]) -> Sequence[Path]:
    shown = (one for one in found if not any(part.startswith(".") for part in one.relative_to(folder).parts))
    return sorted(one for one in shown if one.is_file())


def load(path: Path) -> bytes:
    """Raises Unreadable."""
    try:
        with path.open("rb") as file:
            message = file.read(MAX_FILE)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from error
    if not any(field.name for field in Headers.parse(message).fields):
        raise Unreadable(f"{path} holds no header line. Give a message as it was received: “show original”, saved.")
    return message


def explain(
    message: bytes,
    *,
    now: datetime,
    provider: Provider | None = None,
    authserv_ids: Iterable[str] = (),
    resolver: Resolver | None = None,
) -> Explained:
    """`now` stands for the time of receipt where the message does not tell it."""
    known = guessing.Guess(provider, "It was given.") if provider else guessing.guess(message, resolver)
    reading = read(message, known.provider, extra_authserv_ids=authserv_ids)
    findings = [readings.read_finding(one) for one in reading.findings]
    checks = readings.switched_off()
    if resolver is not None:
        checked = examining.check(message, reading, resolver, _received_at(reading) or now)
        checks, findings = checked.checks, [*findings, *checked.findings]
    if provider is None:
        findings.append(_guessed(known))
    return Explained(known.provider, known.how, reading, readings.document(reading, checks, findings))


def _received_at(reading: Reading) -> datetime | None:
    return next((leg.hop.at for leg in reversed(reading.route.legs) if leg.hop.at), None)


def _guessed(known: guessing.Guess) -> dict[str, Any]:
    return readings.note(
        "provider_guessed",
        f"Read as a message received at {known.provider.name}",
        f"{known.how} Name the provider (--provider) if that is wrong: only its own headers are believed.",
    )
