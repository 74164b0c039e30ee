"""`make demo`: a real seed test in an embedded mail world, and the service around it to look at."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from seedtest.demo.play import Wishes, play
from seedtest.demo.show import Screen
from seedtest.demo.stage import ROOT


class Command(BaseCommand):
    help = "Run a real seed test in an embedded mail world, show the report, and stay up until Ctrl-C."
    requires_system_checks: list[str] = []  # the children are checked; this process has no keys and no database

    def add_arguments(self, parser: CommandParser) -> None:
        own = ROOT / "var" / "demo"
        parser.add_argument("--eml", default="", help="message to send (default: the shipped newsletter)")
        parser.add_argument("--once", action="store_true", help="exit after the report: 0, or 1 when there is none")
        parser.add_argument("--state", type=Path, default=own, help="folder of the demo's files (default: %(default)s)")
        parser.add_argument(
            "--folders", action="store_true", help="use folders on disk as the broker, also where Valkey works"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wishes = Wishes(options["eml"], options["once"], options["state"].resolve(), options["folders"])
        sys.exit(play(wishes, Screen()))
