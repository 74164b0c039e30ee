"""How many real messages of each receiver told what: `python -m tests.placement.report_authentication`.

The same table stands in docs/authentication.md; a test compares the two.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from placement.headers.answers import Answer
from placement.reading import Reading
from tests.placement.corpus_readings import CORPUS, OWN_SERVERS, RECEIVERS, readings

#: The authserv-id of the forged headers in this corpus.
FORGER: Final = "aaa.com"
METHODS: Final = ("spf", "dkim", "dmarc", "arc", "bimi")

#: Why a receiver gave no result, for those in which at least one message has none.
REASONS: Final = {
    "disroot.org": "reports DKIM only, and nothing where there is no signature",
    "riseup.net": "reports DKIM only, and nothing where there is no signature",
    "yandex.ru": "wrote nothing into one message; only the forged header stands there",
    "zohomail.eu": "wrote a header without any result into one message",
    "e.email": "wrote a header without any result into one message",
    "buzon.uy": "wrote nothing into one message; only the forged header stands there",
    "mailo.com": "writes no Authentication-Results",
    "delta.blinzeln.de": "writes no Authentication-Results",
    "nauta.cu": "writes no Authentication-Results; those that stand there are another server's",
}


@dataclass
class Row:
    messages: int = 0
    told: Counter[str] = field(default_factory=Counter)  # messages with any result of a method
    passed: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    forged: int = 0  # shown as not believed
    believed: int = 0  # forged ones; any but 0 is a fault

    def add(self, reading: Reading) -> None:
        self.messages += 1
        answers = {method: reading.answer(method) for method in METHODS}
        self.told.update(method for method, word in answers.items() if word is not Answer.ABSENT)
        self.passed.update(method for method, word in answers.items() if word is Answer.PASS)
        self.silent += set(answers.values()) == {Answer.ABSENT}
        self.forged += any(FORGER in one.line for one in reading.untrusted)
        self.believed += any(FORGER in line for line in reading.authentication.trusted)


def rows(corpus: Path) -> dict[str, Row]:
    found: defaultdict[str, Row] = defaultdict(Row)
    for _, receiver, reading in readings("receivers", corpus):
        found[receiver].add(reading)
    return dict(sorted(found.items()))


def table(found: dict[str, Row]) -> str:
    head = ["receiver", "messages", *METHODS, "nothing", "forged, not believed", "why nothing"]
    lines = [head, ["---"] * len(head)]
    for receiver, row in found.items():
        cells = [f"{row.told[method]} ({row.passed[method]} pass)" if row.told[method] else "–" for method in METHODS]
        why = REASONS[receiver] if row.silent else ""
        lines.append([receiver, str(row.messages), *cells, str(row.silent or "–"), str(row.forged or "–"), why])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def page(found: dict[str, Row]) -> str:
    def total(name: str) -> int:
        return sum(getattr(row, name) for row in found.values())

    return (
        f"{total('messages')} real messages at {len(found)} receivers ({RECEIVERS}, September 2022, headers cut to\n"
        f"results and addresses). {total('messages') - total('silent')} were told something by their receiver, "
        f"{total('silent')} nothing. {total('forged')} carry a forged\nheader; {total('believed')} of them were "
        f"believed. Own servers ({', '.join(OWN_SERVERS)})\nare read with the names their operator would add.\n\n"
    ) + table(found)


if __name__ == "__main__":
    sys.stdout.write(page(rows(CORPUS)))
