"""One explained message on the terminal: five short tables, the findings last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from seedtest.services.explaining import Explained

Document = Mapping[str, Any]

_COLOURS: Final = {
    "pass": "green", "headers_only": "green", "inbox": "green", "clean": "green",
    "fail": "red", "hardfail": "red", "permerror": "red", "spam": "red", "phish": "red", "malware": "red",
    "softfail": "yellow", "neutral": "yellow", "policy": "yellow", "bulk": "yellow", "none": "yellow",
}  # fmt: skip
_SEVERITIES: Final = {"high": "bold red", "medium": "yellow", "info": "cyan"}
_NARROWEST: Final = 100
_LONGEST: Final = 300


def show(explained: Explained, name: str, out: TextIO, *, colour: bool) -> None:
    # "standard": the terminal's own eight colours, so that a light theme stays readable.
    console = Console(
        file=out, force_terminal=colour, color_system="standard" if colour else None, highlight=False, soft_wrap=False
    )
    console.width = max(console.width, _NARROWEST)
    for part in _parts(explained, name):
        console.print(part)


def _parts(explained: Explained, name: str) -> Iterator[RenderableType]:
    told = explained.document
    where = f"\nReceived at {explained.provider.name}. "
    yield Text.assemble((f"\n{_clean(name)}", "bold"), where, (_clean(explained.how), "dim"))
    yield _said(told)
    yield _filter(told["says"])
    yield _route(told["route"]) if told["route"]["hops"] else Text("The message carries no Received line.\n", "dim")
    yield from _findings(told["findings"])


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False, expand=True)
    for number, column in enumerate(columns):
        last = number == len(columns) - 1
        table.add_column(column, overflow="fold", ratio=1 if last else None, no_wrap=not last)
    return table


def _said(told: Document) -> Table:
    table = _table("Authentication", "", "the receiver", "we ourselves", "in the receiver's words")
    for method, check in told["checks"].items():
        said = told["authentication"].get(method, {})
        words = f"{said['header']}: {said['line']}" if said.get("line") else ""
        receiver = said.get("result") or ("said nothing" if said else "")
        table.add_row(_safe(method.replace("_", "-")), _result(receiver), _result(check["result"]), _safe(words))
    for one in told["untrusted"]:
        table.add_row("", Text("not believed", "red"), "", _safe(f"{one['line']} — {one['explanation']}"))
    return table


def _filter(says: Document) -> RenderableType:
    if not says["header"]:
        return Text("The provider's filter says nothing in this message.\n", "dim")
    scores = ", ".join(f"{name} {score:g}" for name, score in says["scores"].items())
    table = _table("The provider's filter", "says", "scores", "header")
    table.add_row(_result(says["placement"]), _safe(scores), _safe(f"{says['header']}: {says['raw']}"))
    return table


def _route(route: Document) -> Table:
    table = _table("Route", "delay", "TLS", "from", "by")
    for hop in route["hops"]:
        tls = (hop["tls"]["version"] or "yes") if hop["tls"] else "no"
        sender = " ".join(filter(None, [hop["from"], f"[{hop['address']}]" if hop["address"] else ""]))
        table.add_row(_delay(hop), tls, _safe(sender), _safe(hop["by"]))
    total = "" if route["total_seconds"] is None else f", {route['total_seconds']:g} s in all"
    sender = f"{route['sending_ip'] or 'an unknown address'} ({route['helo'] or 'no HELO'})"
    table.caption = _safe(f"Sent from {sender}{total}")
    table.caption_justify = "left"
    return table


def _delay(hop: Document) -> Text:
    if hop["clock_skew"]:
        return Text("clock wrong", "yellow")
    return Text("" if hop["delay_seconds"] is None else f"{hop['delay_seconds']:g} s")


def _findings(findings: list[Document]) -> Iterator[Text]:
    for one in findings:
        lines = [one["title"], *filter(None, [one["detail"], f"→ {one['fix']}" if one["fix"] else ""])]
        yield Text.assemble(("● ", _SEVERITIES[one["severity"]]), _clean("\n  ".join(lines)))


def _result(word: str) -> Text:
    return Text(_clean(word), _COLOURS.get(word, "dim"))


def _safe(text: str) -> Text:
    return Text(_short(_clean(" ".join(text.split()))))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _clean(text: str) -> str:
    """Mail may hold escape sequences that rewrite the terminal."""
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)
