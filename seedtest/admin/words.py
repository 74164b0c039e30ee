"""Every state in words that somebody who sends newsletters understands, with the colour that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from placement.vocabulary import Placement, Tab
from seedtest.models.mailboxes import MailboxState
from seedtest.models.seedtests import Status


@dataclass(frozen=True, slots=True)
class Badge:
    text: str
    tone: str  # good | bad | warn | busy | quiet
    help: str = ""


MAILBOX_STATES: Mapping[str, Badge] = {
    MailboxState.NEW: Badge("Not checked yet", "quiet", "Use “Check connection” to see whether we can sign in."),
    MailboxState.HEALTHY: Badge("Working", "good"),
    MailboxState.DEGRADED: Badge("Has a problem", "warn", "Results of this mailbox may be left out."),
    MailboxState.NEEDS_SIGN_IN: Badge("Password needed", "bad", "The provider refused our login: enter it again."),
    MailboxState.QUARANTINED: Badge("Set aside", "bad", "Reading it made our program crash. Ask your operator."),
    MailboxState.DISABLED: Badge("Switched off", "quiet"),
}
#: Mailboxes in these states wait for a person.
NEEDS_ATTENTION = (MailboxState.NEEDS_SIGN_IN, MailboxState.QUARANTINED, MailboxState.DEGRADED)

TEST_STATES: Mapping[str, Badge] = {
    Status.DRAFT: Badge("Draft", "quiet"),
    Status.SENDING: Badge("Being sent", "busy"),
    Status.WAITING: Badge("Waiting for mail", "busy"),
    Status.RECEIVING: Badge("Arriving", "busy"),
    Status.SETTLED: Badge("Nearly done", "busy"),
    Status.COMPLETE: Badge("Complete", "good"),
    Status.INCONCLUSIVE: Badge("No result", "warn"),
    Status.CANCELLED: Badge("Cancelled", "quiet"),
}

PLACEMENTS: Mapping[str, Badge] = {
    Placement.INBOX.value: Badge("Inbox", "inbox"),
    Placement.SPAM.value: Badge("Spam", "spam"),
    Placement.OTHER.value: Badge("Other folder", "other"),
    Placement.MISSING.value: Badge("Missing", "missing"),
    Placement.REJECTED.value: Badge("Rejected", "rejected"),
    Placement.WAITING.value: Badge("Waiting", "waiting"),
    Placement.NOT_SENT.value: Badge("Not sent", "notsent"),
    Placement.UNKNOWN.value: Badge("Could not look", "unknown"),
}
#: The order of every bar and legend.
PLACEMENT_ORDER = tuple(PLACEMENTS)

TABS: Mapping[str, str] = {
    Tab.PRIMARY.value: "Primary",
    Tab.PROMOTIONS.value: "Promotions",
    Tab.SOCIAL.value: "Social",
    Tab.UPDATES.value: "Updates",
    Tab.FORUMS.value: "Forums",
    Tab.PURCHASES.value: "Purchases",
    Tab.RESERVATIONS.value: "Reservations",
    Tab.NEWSLETTERS.value: "Newsletters",
    Tab.NOT_EXPOSED.value: "",
    Tab.OFF.value: "",
    Tab.UNKNOWN.value: "",
}
