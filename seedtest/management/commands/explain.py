"""What a received message says, what of it may be believed, what we find ourselves: of files, without a database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from placement import providers
from placement.errors import CatalogError
from placement.providers import Provider
from placement.verify import Resolver
from seedtest import name_servers
from seedtest.management.reading_screen import show
from seedtest.reports.readings import storable
from seedtest.services import explaining
from seedtest.services.explaining import Explained, Unreadable


class Command(BaseCommand):
    help = "Read received messages (.eml): authentication, route, the filter's verdict, our own checks, findings."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE.eml", help="Messages, or folders of them.")
        parser.add_argument("--provider", help="Where it was received, like gmail or outlook_com. Default: guessed.")
        parser.add_argument(
            "--authserv-id", action="append", default=[], metavar="NAME",
            help="A name under which your own server writes Authentication-Results. May be repeated.",
        )  # fmt: skip
        parser.add_argument(
            "--resolver", action="append", default=[], metavar="IP",
            help="DNS server for our own checks, IP or IP:port. Default: DNS_NAMESERVERS; without one they are off.",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="As JSON; several files give one line each.")

    def handle(self, *args: Any, files: list[Path], **options: Any) -> None:
        several = len(files) > 1 or files[0].is_dir()
        told = self._asked(options)
        failed = 0
        for path in explaining.files(files):
            try:
                message = explaining.load(path)
            except Unreadable as error:
                if not several:
                    raise CommandError(str(error), returncode=2) from error
                self._skip(path, error, as_json=options["json"])
                failed += 1
                continue
            self._write(path, explaining.explain(message, now=datetime.now(UTC), **told), options["json"], several)
        if failed:
            raise CommandError(f"{failed} files could not be read.", returncode=1)

    def _asked(self, options: dict[str, Any]) -> dict[str, Any]:
        return {
            "provider": _provider(options["provider"]),
            "authserv_ids": options["authserv_id"],
            "resolver": _resolver(options["resolver"]),
        }

    def _write(self, path: Path, explained: Explained, as_json: bool, several: bool) -> None:
        if not as_json:
            show(explained, str(path), self.stdout, colour=self.style.SUCCESS("x") != "x")
        elif several:
            self.stdout.write(json.dumps({"file": storable(str(path)), **explained.document}, ensure_ascii=False))
        else:
            self.stdout.write(json.dumps(explained.document, indent=2, ensure_ascii=False))

    def _skip(self, path: Path, error: Unreadable, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(
                json.dumps({"file": storable(str(path)), "error": storable(str(error))}, ensure_ascii=False)
            )
        else:
            self.stderr.write(str(error))


def _provider(name: str | None) -> Provider | None:
    if not name:
        return None
    try:
        return providers.get(name)
    except CatalogError as error:
        near = ", ".join(providers.ids())
        raise CommandError(f"There is no provider {name!r}. Known: {near}.", returncode=2) from error


def _resolver(entries: Sequence[str]) -> Resolver | None:
    try:
        return name_servers.resolver_of(entries) if entries else name_servers.resolver()
    except ValueError as error:
        raise CommandError(
            f"A DNS server is named by its IP address: 192.0.2.53 or 127.0.0.1:5353 ({error}).", returncode=2
        ) from error
