"""Seeds as tables: many accounts in from a CSV, a seed list out as plain lines or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from seedtest.models import Workspace
from seedtest.services.exporting import HandedOut
from seedtest.services.seeding import SeedingError, add_seed, is_address

COLUMNS = ("address", "password", "provider", "host", "port", "tls", "login", "mailbox_type", "region", "egress")
#: Words people really put above their columns.
_ALIASES = {
    "email": "address", "e-mail": "address", "mail": "address", "email address": "address", "app password": "password",
    "pass": "password", "server": "host", "imap host": "host", "imap_host": "host", "imap port": "port",
    "imap_port": "port", "encryption": "tls", "username": "login", "user": "login", "type": "mailbox_type",
    "country": "region", "egress_route": "egress", "egress route": "egress", "way out": "egress", "route": "egress",
}  # fmt: skip
MAX_LINES = 2000
MAX_CHARACTERS = 1_000_000
#: Characters with which a cell becomes a formula in a spreadsheet (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """What became of one line. `message` never holds the password."""

    number: int
    address: str
    outcome: str  # created | skipped | error
    message: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    lines: tuple[ImportedLine, ...]

    def of(self, outcome: str) -> tuple[ImportedLine, ...]:
        return tuple(line for line in self.lines if line.outcome == outcome)

    @property
    def created(self) -> tuple[ImportedLine, ...]:
        return self.of("created")

    @property
    def skipped(self) -> tuple[ImportedLine, ...]:
        return self.of("skipped")

    @property
    def errors(self) -> tuple[ImportedLine, ...]:
        return self.of("error")


def import_csv(workspace: Workspace, text: str) -> ImportReport:
    """Add a seed a line. A bad line is reported with its number and stops no other; nothing is lost silently."""
    if len(text) > MAX_CHARACTERS:
        return ImportReport(
            (ImportedLine(1, "", "error", "The file is larger than 1 MB. Split it and import it in parts."),)
        )
    return ImportReport(tuple(_outcomes(workspace, text.removeprefix("\ufeff").replace("\0", ""))))


def _outcomes(workspace: Workspace, text: str) -> Iterator[ImportedLine]:
    rows = _rows(text)
    try:
        number, cells = next(rows)
    except StopIteration:
        yield ImportedLine(1, "", "error", "There is no line to import. Put one mailbox on each line: address,password")
        return
    except csv.Error:
        yield _unreadable(1)
        return
    columns = _header(cells)
    if columns is None:
        yield _add(workspace, number, dict(zip(COLUMNS, cells, strict=False)))
        columns = COLUMNS
    elif "address" not in columns:
        yield ImportedLine(
            number, "", "error", "The header has no column “address”. Name the columns address,password,…"
        )
        return
    yield from _rest(workspace, rows, columns)


def _rest(
    workspace: Workspace, rows: Iterator[tuple[int, list[str]]], columns: tuple[str, ...]
) -> Iterator[ImportedLine]:
    done, number = 0, 0
    while True:
        try:
            number, cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield _unreadable(number + 1)
            return
        done += 1
        if done >= MAX_LINES:
            yield ImportedLine(
                number, "", "error", f"Only {MAX_LINES} lines are read at once. Import from here on again."
            )
            return
        yield _add(workspace, number, dict(zip(columns, cells, strict=False)))


def _unreadable(number: int) -> ImportedLine:
    return ImportedLine(
        number,
        "",
        "error",
        "This line cannot be read as CSV (a quote that is never closed?). It and what follows was left out.",
    )


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every line that holds something. The separator is the one the first line uses."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [cell.strip() for cell in cells]


def _header(cells: list[str]) -> tuple[str, ...] | None:
    """The columns this line names, or None where it already is a mailbox."""
    names = tuple(_ALIASES.get(cell.lower(), cell.lower().replace(" ", "_")) for cell in cells)
    return names if set(names) & set(COLUMNS) and not any("@" in cell for cell in cells) else None


def _add(workspace: Workspace, number: int, row: Mapping[str, str]) -> ImportedLine:
    address = row.get("address", "")[:254]
    overrides = {name: row[name] for name in ("host", "port", "tls", "login") if row.get(name)}
    try:
        added = add_seed(
            workspace, address, row.get("password", ""), provider=row.get("provider") or None, overrides=overrides,
            mailbox_type=row.get("mailbox_type", ""), region=row.get("region", ""), egress=row.get("egress", ""),
        )  # fmt: skip
    except SeedingError as error:
        # What is no address may be a password in the wrong column: it is not repeated.
        shown = "" if error.field == "address" and not is_address(address) else address
        return ImportedLine(number, shown, "error", str(error))
    if added.created:
        return ImportedLine(number, address, "created")
    return ImportedLine(
        number, address, "skipped", "It is already a seed of this workspace; its password was left as it is."
    )


def as_lines(export: HandedOut) -> str:
    """Plain addresses, one a line: what most ESPs take by copy and paste."""
    return "".join(f"{account.mailbox.address}\n" for account in export.accounts)


def as_csv(export: HandedOut, *, now: datetime) -> str:
    """A table whose header line names the list, its version and the day."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    stamp = f"{export.name} v{export.version} {now:%Y-%m-%d}"
    writer.writerow(["email", "provider", "mailbox_type", "region", _cell(stamp)])
    for account in export.accounts:
        told = (account.mailbox.provider, account.mailbox_type, account.region)
        writer.writerow([_address(account.mailbox.address), *(_cell(value) for value in told)])
    return out.getvalue()


def _address(address: str) -> str:
    """As it is: an ESP sends to what it reads. -anna@ and +anna@ are no formulas; only = or | could make one."""
    return _cell(address) if address.startswith("=") or "|" in address else address


def _cell(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
