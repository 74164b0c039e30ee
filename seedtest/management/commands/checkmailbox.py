"""Look into one mailbox and say what its provider really does; the file it writes names nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from seedtest.models import Mailbox
from seedtest.models.clock import db_now
from seedtest.services import surveying


class Command(BaseCommand):
    help = "Sign in to a mailbox and show capabilities, folders, quota, tabs and who writes Authentication-Results."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="The mailbox's e-mail address, or its id (mbx_…).")
        parser.add_argument(
            "--write", metavar="FILE", help="Also write what was found as JSON, without anything that says whose it is."
        )

    def handle(self, *args: Any, address: str, write: str | None, **options: Any) -> None:
        mailbox = _mailbox(address)
        with _opened(write) as file:
            survey = surveying.survey(mailbox, now=db_now())
            self._tell(mailbox, survey)
            if survey.findings is None:
                raise CommandError(f"{survey.report.title}. {survey.report.next}")
            if file:
                self._write(file, survey.findings)

    def _write(self, file: TextIO, findings: surveying.Findings) -> None:
        file.truncate(0)
        file.write(json.dumps(findings.as_document(), indent=2, ensure_ascii=False) + "\n")
        self.stdout.write(f"\nWritten to {file.name}. It names nobody; docs/add-a-provider.md says where it belongs.")

    def _tell(self, mailbox: Mailbox, survey: surveying.Survey) -> None:
        report = survey.report
        self.stdout.write(f"{mailbox.address} at {mailbox.host}: {report.title} ({report.seconds} s)")
        self.stdout.write(report.detail or report.means)
        if survey.findings is None:
            return
        self.stdout.write(f"\nCapabilities: {' '.join(report.capabilities)}")
        self.stdout.write(f"Full to: {'not told' if report.quota is None else f'{report.quota:.0%}'}")
        self.stdout.write("Folders:")
        for folder in report.folders:
            self.stdout.write(f"  {folder.name}: {folder.role} ({folder.source})")
        self._tell_tabs(survey.findings)
        self.stdout.write(f"Authentication-Results in the newest {survey.findings.messages_read} messages:")
        for one in survey.findings.results:
            self.stdout.write(f"  {one.authserv_id or '(no name)'}: {', '.join(one.methods)} in {one.messages}")
        if survey.findings.results_of_others:
            self.stdout.write(f"  and {survey.findings.results_of_others} that somebody else wrote")
        for difference in survey.differences or ("Everything is as the catalogue says.",):
            self.stdout.write(f"! {difference}" if survey.differences else difference)

    def _tell_tabs(self, findings: surveying.Findings) -> None:
        words = {None: "not shown over IMAP", True: "on", False: "switched off in this account"}
        counted = ", ".join(f"{tab} {count}" for tab, count in findings.tabs.items())
        self.stdout.write(f"Tabs: {counted or words[findings.tabs_switched_on]}")


@contextmanager
def _opened(write: str | None) -> Iterator[TextIO | None]:
    """Before anything is sent: a login is not spent on what cannot be written. Keeps what is there until it is."""
    if not write:
        yield None
        return
    path = Path(write)
    try:
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"{write} cannot be written: {error.strerror}. Nothing was sent to the mailbox. Name a file in a folder "
            "that is there and that you may write to."
        ) from error
    try:
        with file:
            yield file
    finally:
        if not path.stat().st_size:
            path.unlink()


def _mailbox(address: str) -> Mailbox:
    found = list(Mailbox.objects.filter(Q(address__iexact=address) | Q(public_id=address))[:10])
    if not found:
        raise CommandError(f"There is no mailbox {address}. Add it as a seed account first.")
    if len(found) > 1:
        ids = ", ".join(f"{one.public_id} ({one.host})" for one in found)
        raise CommandError(f"There are several mailboxes {address}: say which by its id: {ids}")
    return found[0]
