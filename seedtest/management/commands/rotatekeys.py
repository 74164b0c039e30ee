"""Seal all stored secrets with the first key of SEEDTEST_ENCRYPTION_KEYS, so that the old ones can be taken out."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from seedtest.services import rotating


class Command(BaseCommand):
    help = "Seal all stored secrets with the first key of SEEDTEST_ENCRYPTION_KEYS. Safe to stop and to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        done = rotating.rotate_all()
        for column in done:
            self.stdout.write(f"{column.column}: {column.sealed} sealed, {column.unreadable} unreadable")
        if any(column.unreadable for column in done):
            raise CommandError(
                "Some secrets open with none of the keys: the key they were sealed with is missing. "
                "Put it back and run this again, or enter those passwords anew. Take no key out yet."
            )
        self.stdout.write("All secrets open with the first key. The others can be taken out.")
