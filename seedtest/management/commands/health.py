"""Say whether the service is alive; the exit code is for health checks of containers and monitors."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from seedtest.services import health
from seedtest.services.health import Backlog, Vital

WEB = "web"
WEB_SECONDS = 5.0


class Command(BaseCommand):
    help = "Say whether the database, the broker and the ticks are alive. Exit code 0: all that was asked for is."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        names = (*health.CHECKS, WEB)
        parser.add_argument(
            "checks", nargs="*", metavar="check", help=f"Any of: {', '.join(names)}. Default: all but web."
        )
        parser.add_argument("--json", action="store_true", help="One JSON object, with the backlog of the polls.")
        parser.add_argument("--port", type=int, default=8000, help="Where `web` asks on this machine (default 8000).")

    def handle(self, *args: Any, checks: list[str], port: int, **options: Any) -> None:
        unknown = set(checks) - {*health.CHECKS, WEB}
        if unknown:
            raise CommandError(f"There is no check called {', '.join(sorted(unknown))}.", returncode=2)
        vitals = health.examine([name for name in checks if name != WEB] if checks else None)
        vitals += [ask_web(port)] if WEB in checks else []
        backlog = None if checks else _backlog()
        self.stdout.write(_as_json(vitals, backlog) if options["json"] else _as_text(vitals, backlog))
        if not all(vital.ok for vital in vitals):
            raise CommandError("The service is not healthy.", returncode=1)


def _backlog() -> Backlog | None:
    """None where the database does not answer, which the checks say."""
    try:
        return health.backlog()
    except DatabaseError:
        return None


def _as_text(vitals: Sequence[Vital], backlog: Backlog | None) -> str:
    lines = [f"{vital.name:9} {vital.said}" for vital in vitals]
    numbers = asdict(backlog).items() if backlog else ()
    return "\n".join([*lines, *(f"{name:13} {number}" for name, number in numbers)])


def _as_json(vitals: Sequence[Vital], backlog: Backlog | None) -> str:
    numbers = {"backlog": asdict(backlog)} if backlog else {}
    return json.dumps(health.told(vitals) | numbers)


def ask_web(port: int) -> Vital:
    """GET /health/web from the web server on this machine, by its public name: another Host would be refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WEB_SECONDS)
    try:
        connection.request("GET", "/health/web", headers={"Host": urlsplit(settings.PUBLIC_URL).netloc})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Vital(WEB, ok=False, said=f"no answer on port {port} ({type(error).__name__})")
    finally:
        connection.close()
    return Vital(WEB, ok=status == 200, said="ok" if status == 200 else f"answers {status} on port {port}")
