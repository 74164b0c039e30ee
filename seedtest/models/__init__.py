"""Rows, constraints and querysets. Only `services` writes them."""

from seedtest.models.egress import EgressRoute
from seedtest.models.events import Event, IdempotencyKey, TickLease
from seedtest.models.evidence import RawMessage, Verification
from seedtest.models.invitations import Invitation
from seedtest.models.mailboxes import (
    AllSeeds,
    Arrival,
    Evidence,
    FolderCursor,
    Mailbox,
    SeedAccount,
    SeedList,
    SeedListMember,
)
from seedtest.models.people import ApiKey, Membership, User, Workspace
from seedtest.models.schedules import Schedule
from seedtest.models.seed_health import ControlPlan, SeedHealth
from seedtest.models.seedtests import Marker, ReceivedMessage, SeedResult, SeedTest, Stream
from seedtest.models.sending import Outbound, OutgoingMessage, SendingProfile
from seedtest.models.signing_in import OAuthCredential, ProviderPace
from seedtest.models.workers import WorkerHeartbeat

__all__ = [
    "AllSeeds", "ApiKey", "Arrival", "ControlPlan", "EgressRoute", "Event", "Evidence", "FolderCursor",
    "IdempotencyKey", "Invitation", "Mailbox", "Marker", "Membership", "OAuthCredential", "Outbound",
    "OutgoingMessage", "ProviderPace", "RawMessage", "ReceivedMessage", "Schedule", "SeedAccount", "SeedHealth",
    "SeedList", "SeedListMember", "SeedResult", "SeedTest", "SendingProfile", "Stream", "TickLease", "User",
    "Verification", "WorkerHeartbeat", "Workspace",
]  # fmt: skip
