"""Delete old messages of ended tests from seeds whose owner allows it. Says what it would do unless told --delete."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from seedtest.models import Mailbox
from seedtest.models.mailboxes import Purpose
from seedtest.services import purging, ticking


class Command(BaseCommand):
    help = (
        "Delete messages of ended tests from seeds whose workspace (or PURGE_POOL_AFTER_DAYS) allows it. "
        "A dry run unless --delete is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", nargs="*", help="Only these mailboxes; without any: all that allow it.")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", default=True, help="Only count (the default).")
        what.add_argument("--delete", action="store_true", help="Really delete. There is no way back.")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = not options["delete"]
        rows = self._mailboxes(options["address"])
        total = 0
        for report in purging.purge(rows, dry_run=dry_run, owner=ticking.owner_name()):
            total += report.deleted
            self.stdout.write(_line(report))
            for words in report.refused:
                self.stdout.write(f"  {words}")
        said = "would be deleted; run it with --delete" if dry_run else "deleted"
        self.stdout.write(f"{total} messages {said}.")

    def _mailboxes(self, addresses: list[str]) -> list[Mailbox]:
        rows = Mailbox.objects.filter(purpose=Purpose.SEED).select_related("workspace").order_by("pk")
        if not addresses:
            return [mailbox for mailbox in rows if purging.days_of(mailbox)]
        found = list(rows.filter(address__in=addresses))
        if unknown := set(addresses) - {mailbox.address for mailbox in found}:
            raise CommandError(f"There is no seed mailbox {', '.join(sorted(unknown))}.")
        return found


def _line(report: purging.PurgeReport) -> str:
    different = f", {report.different} left that are not what was read" if report.different else ""
    return f"{report.address}: {report.deleted} messages{different}"
