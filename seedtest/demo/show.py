"""What the demo writes on the terminal: how it comes up, live progress, the report, the rules, the way to the admin."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from seedtest.demo.providers import PROVIDERS, rule_lines

Body = Mapping[str, Any]
#: Placement → colour; the order of the columns.
COLOURS = {
    "waiting": "cyan", "inbox": "green", "spam": "red", "other": "yellow", "missing": "magenta", "rejected": "red",
    "not_sent": "yellow", "unknown": "yellow",
}  # fmt: skip
#: Shown also when they are nowhere; the others only where there is something to show.
ALWAYS = frozenset({"inbox", "spam", "missing", "rejected"})
#: What a provider does not show or has not got says nothing about the message.
SILENT_TABS = frozenset({"not_exposed", "off", "unknown"})
WORLD_NAMES = {provider.catalog_id: provider.name for provider in PROVIDERS}
NARROWEST = 100  # of a terminal that says nothing about its width, as in a log


class Screen:
    """Writes to a terminal, or plain lines to a file."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = max(self._console.width, NARROWEST)
        self._began = time.monotonic()

    def step(self, words: str) -> None:
        self._console.print(f"[dim]{time.monotonic() - self._began:5.1f} s[/]  {escape(words)}")

    def problem(self, words: str) -> None:
        self._console.print(Text(words, style="bold red"))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        live = Live(console=self._console, auto_refresh=False, transient=True)
        with live:
            yield Progress(live)

    def report(self, body: Body) -> None:
        self._console.print()
        self._console.print(_report_table(body))
        for line in (*_headline(body), *_findings(body)):
            self._console.print(line)

    def rules(self) -> None:
        self._console.print()
        self._console.print(_rules_table())

    def limits(self, body: Body) -> None:
        self._console.print()
        self._console.print(Panel(Text("\n".join(body["limits"])), title="What this does not say", style="dim"))

    def way_in(self, url: str, email: str, password: str) -> None:
        lines = Text.assemble(
            ("\nThe same report in the admin:  ", "bold"), url, "\n",
            ("Log in as  ", "bold"), email, ("  with the password  ", "bold"), password, "\n",
            ("Ctrl-C", "bold"), " stops everything.",
        )  # fmt: skip
        self._console.print(lines, soft_wrap=True)  # an address that is broken in two cannot be clicked


class Progress:
    """The table that is drawn anew with every answer."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._began = time.monotonic()

    def show(self, body: Body) -> None:
        counts = body["counts"]
        seconds = time.monotonic() - self._began
        words = f"{body['status_text']}: {counts['total'] - counts['waiting']} of {counts['total']} seeds decided"
        title = Text(f"{words}, {seconds:.0f} s", style="bold")
        self._live.update(Group(title, _progress_table(body["providers"])), refresh=True)


def _columns(rows: Iterable[Body], *, waiting: bool) -> list[str]:
    seen = {name for row in rows for name in COLOURS if row["counts"][name]}
    return [name for name in COLOURS if name in ALWAYS or name in seen or (waiting and name == "waiting")]


def _narrow(title: str | None = None) -> Table:
    """Without lines, so that ten columns fit 80 characters."""
    style = "bold underline"
    return Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style=style, title=title, title_justify="left")


def _progress_table(rows: list[Body]) -> Table:
    columns = _columns(rows, waiting=True)
    table = _narrow()
    table.add_column("Provider", no_wrap=True)
    for name in columns:
        table.add_column(_title(name), justify="right")
    for row in rows:
        table.add_row(_provider(row), *(_count(row, name) for name in columns))
    return table


def _report_table(body: Body) -> Table:
    columns = _columns(body["providers"], waiting=False)
    table = _narrow(title=escape(body["name"]))
    table.add_column("Provider", no_wrap=True)
    for name in columns:
        table.add_column(_title(name), justify="left" if name == "inbox" else "right", no_wrap=True)
    for name in ("SPF", "DKIM", "DMARC"):
        table.add_column(name, justify="right")
    table.add_column("Median", justify="right")
    for row in body["providers"]:
        table.add_row(_provider(row), *(_cell(row, name) for name in columns), *_authentication(row), _median(row))
    whole = {**body, "tabs": {}}
    table.add_row(
        Text("All", style="bold"), *(_cell(whole, name) for name in columns), *_authentication(body), _median(body)
    )
    return table


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _provider(row: Body) -> Text:
    own = WORLD_NAMES.get(row["provider"], "")
    name = row["name"].partition(" / ")[0]
    return Text.assemble((own, "bold"), (f"\nlike {name}", "dim")) if own else Text(name, style="bold")


def _count(row: Body, name: str) -> Text:
    count = row["counts"][name]
    return Text(str(count) if count else "·", style=COLOURS[name] if count else "dim")


def _cell(row: Body, name: str) -> RenderableType:
    if name != "inbox":
        return _count(row, name)
    counts = row["counts"]
    tabs = [f"{count} {tab}" for tab, count in row["tabs"].items() if tab not in SILENT_TABS]
    style = COLOURS[name] if counts["inbox"] else "dim"
    return Text.assemble((f"{counts['inbox']} of {counts['n']}", style), "".join(f"\n{tab}" for tab in tabs))


def _authentication(row: Body) -> list[str]:
    return [_passed(row["authentication"][method]) for method in ("spf", "dkim", "dmarc")]


def _passed(said: Mapping[str, int]) -> str:
    """Of the messages found; where no receiver said a word there is nothing to count."""
    told = said["passed"] + said["failed"] + said["none"]
    return f"{said['passed']}/{told}" if told else "·"


def _median(row: Body) -> str:
    delivery = row["delivery_seconds"]
    if not delivery:
        return "·"
    # Most servers note the arrival in whole seconds.
    return f"{delivery['p50']:.0f} s" if delivery["p50"] >= 1 else "< 1 s"


def _headline(body: Body) -> Iterator[RenderableType]:
    inbox = body["rates"]["inbox"]
    if inbox["rate"] is not None:
        yield Text(f"Inbox {inbox['count']} of {inbox['n']} ({inbox['rate']:.0%}).", style="bold")
    yield Text(
        "SPF, DKIM, DMARC: how many passed, of the messages whose receiver said a word about it. "
        "Median: from handing over to arrival.",
        style="dim",
    )


def _findings(body: Body) -> Iterator[RenderableType]:
    for finding in body["findings"]:
        yield Text.assemble(
            "\n", (finding["title"], "bold"), f"\n{finding['detail']}\n{finding['next_step']}",
            *(f"\n  {line}" for line in finding["evidence"]),
        )  # fmt: skip


def _rules_table() -> Table:
    table = Table("Provider", "When", "Then", title="How this world files mail: the first line that fits",
                  title_justify="left", box=SIMPLE_HEAD)  # fmt: skip
    former = ""
    for line in rule_lines():
        if former and line.provider != former:
            table.add_section()
        table.add_row("" if line.provider == former else line.provider, escape(line.when), escape(line.outcome))
        former = line.provider
    return table
