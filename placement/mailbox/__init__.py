"""One IMAP session with one mailbox: read-only, bounded, deadlined. The only room that imports imapclient."""

from __future__ import annotations

from placement.mailbox.connection import Deadline, Dial, Login, Tls, shared_ssl_context
from placement.mailbox.contract import Answer, Fetched, FetchedBody, Mailbox, UidRange
from placement.mailbox.sasl import Auth
from placement.mailbox.secrecy import Secrets
from placement.mailbox.session import ImapMailbox
from placement.mailbox.watching import FolderWatch

__all__ = [
    "Answer",
    "Auth",
    "Deadline",
    "Dial",
    "Fetched",
    "FetchedBody",
    "FolderWatch",
    "ImapMailbox",
    "Login",
    "Mailbox",
    "Secrets",
    "Tls",
    "UidRange",
    "shared_ssl_context",
]
