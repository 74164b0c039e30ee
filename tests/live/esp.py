"""Plays the customer's ESP: sends a campaign with the test's marker to the seeds, through the real Postfix."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import make_msgid

from tests.live.servers.postfix import Postfix


def campaign(marker: Mapping[str, str] | None, *, subject: str = "Autumn offers", **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Brand <news@brand.example>"
    message["Subject"] = subject
    message["Message-ID"] = make_msgid(domain="brand.example")
    if marker is not None:
        message[marker["header"]] = marker["value"]
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Hello,\n\nthe leaves are falling and so are our prices.\n")
    return message


def send(postfix: Postfix, message: EmailMessage, placements: Mapping[str, str]) -> None:
    """One envelope a seed. `placements`: address → where its provider shall file it (the sieve header)."""
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=20) as smtp:
        for address, placement in placements.items():
            del message["To"], message["X-Seed-Placement"]
            message["To"], message["X-Seed-Placement"] = address, placement
            smtp.send_message(message, "bounces@brand.example", [address])
