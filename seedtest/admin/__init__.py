"""What people see: every section registers its ModelAdmin here."""

from seedtest.admin import (
    arrivals,
    controls,
    egress,
    invitations,
    mailboxes,
    paces,
    people,
    schedules,
    seedlists,
    seeds,
    seedtests,
    sending,
    streams,
)

__all__ = [
    "arrivals",
    "controls",
    "egress",
    "invitations",
    "mailboxes",
    "paces",
    "people",
    "schedules",
    "seedlists",
    "seeds",
    "seedtests",
    "sending",
    "streams",
]
