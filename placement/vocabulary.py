"""The enums and frozen values that cross borders. Data only: no behaviour beyond a derived fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum


class Placement(StrEnum):
    """Where one message to one seed landed. `unknown` means that we could not look."""

    WAITING = "waiting"
    INBOX = "inbox"
    SPAM = "spam"
    OTHER = "other"
    MISSING = "missing"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


#: The placements that make up n, the denominator of every rate.
COUNTED = frozenset({Placement.INBOX, Placement.SPAM, Placement.OTHER, Placement.MISSING, Placement.REJECTED})
#: The placements that say: the provider accepted the message and we saw it.
FOUND = frozenset({Placement.INBOX, Placement.SPAM, Placement.OTHER})


class Tab(StrEnum):
    """A fact of its own beside the placement, never a placement."""

    PRIMARY = "primary"
    PROMOTIONS = "promotions"
    SOCIAL = "social"
    UPDATES = "updates"
    FORUMS = "forums"
    PURCHASES = "purchases"
    RESERVATIONS = "reservations"
    NEWSLETTERS = "newsletters"
    NOT_EXPOSED = "not_exposed"
    OFF = "off"
    UNKNOWN = "unknown"


#: Tabs that were really observed: a primary rate exists only where one of these was seen.
OBSERVED_TABS = frozenset(Tab) - {Tab.NOT_EXPOSED, Tab.OFF, Tab.UNKNOWN}


class FolderRole(StrEnum):
    """What a folder is for. Only WATCHED_ROLES are polled; the full check looks into CHECKED_ROLES."""

    INBOX = "inbox"
    JUNK = "junk"
    CATEGORY = "category"
    OTHER = "other"
    TRASH = "trash"
    ALL = "all"
    SENT = "sent"
    DRAFTS = "drafts"
    FLAGGED = "flagged"
    IMPORTANT = "important"


WATCHED_ROLES = frozenset({FolderRole.INBOX, FolderRole.JUNK, FolderRole.CATEGORY})
CHECKED_ROLES = WATCHED_ROLES | {FolderRole.OTHER, FolderRole.TRASH}


class RoleSource(IntEnum):
    """How a folder's role is known; a higher rank always wins (imapflow's idea: a verdict names its rank)."""

    NONE = 0
    GUESS = 10
    LOCALISED = 20
    PROVIDER = 30
    SPECIAL_USE = 40
    STANDARD = 50  # INBOX itself, RFC 9051 section 5.1
    OPERATOR = 60


class MarkerKind(StrEnum):
    """What ties messages to a test. `token` is minted by us; the others carry the customer's own values."""

    TOKEN = "token"
    HEADER = "header"
    HEADER_PREFIX = "header_prefix"
    SENDER_SUBJECT = "sender_subject"


class MatchKind(IntEnum):
    """Where a marker was recognised; a higher rank wins."""

    SUBJECT_TOKEN = 10
    SENDER_SUBJECT = 20
    BODY_LINE = 30
    PLUS_ADDRESS = 40
    CAMPAIGN_HEADER = 50
    OWN_HEADER = 60


class Reason(StrEnum):
    """Why a result is what it is. `placement.diagnosis.REASONS` says each in words with what to do next."""

    NONE = ""
    FOLDER = "folder"  # the folder it stands in says so
    ARCHIVED = "archived"  # Gmail: only in All Mail
    IN_TRASH = "in_trash"
    FULL_CHECK_EMPTY = "full_check_empty"
    JUNK_NOT_VISIBLE = "junk_not_visible"
    FOLDER_UNREADABLE = "folder_unreadable"
    MAILBOX_UNREACHABLE = "mailbox_unreachable"
    AUTH_FAILED = "auth_failed"
    THROTTLED = "throttled"
    TIMED_OUT = "timed_out"
    PROTOCOL_ERROR = "protocol_error"
    SECRET_UNREADABLE = "secret_unreadable"
    MAILBOX_FULL = "mailbox_full"
    QUARANTINED = "quarantined"
    DISABLED = "disabled"
    REJECTED_AT_SMTP = "rejected_at_smtp"
    SMTP_UNKNOWN = "smtp_unknown"
    SMTP_GAVE_UP = "smtp_gave_up"
    NOTHING_ARRIVED = "nothing_arrived"
    RIVAL_TESTS = "rival_tests"
    CANCELLED = "cancelled"
    LATE = "late"


class LoginProblem(StrEnum):
    """Why nobody gets into a mailbox. `placement.diagnosis.LOGIN_PROBLEMS` says each in words with what to do next."""

    NONE = ""
    CREDENTIALS = "credentials"  # refused, and nothing says more
    APP_PASSWORD = "app_password"
    SIGN_IN_INSTEAD = "sign_in_instead"  # the provider takes no passwords any more
    IMAP_OFF = "imap_off"
    WEB_LOGIN = "web_login"  # the provider wants to see a person first
    TOO_MANY_LOGINS = "too_many_logins"
    NOT_SIGNED_IN = "not_signed_in"  # OAuth, and nobody has connected the mailbox yet
    TOKEN_REFUSED = "token_refused"  # expired, withdrawn, or for another account
    WRONG_SCOPE = "wrong_scope"
    SIGN_IN_ENDED = "sign_in_ended"  # invalid_grant: a person has to sign in again
    CONSENT_MISSING = "consent_missing"
    APP_REFUSED = "app_refused"  # our client id or secret
    TOKEN_SERVICE_DOWN = "token_service_down"


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """What STATUS said. `None` where the server gave no such item."""

    uidvalidity: int
    uidnext: int
    messages: int | None = None


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """One LIST line. `raw_name` is what goes back to the server, `name` the decoded text (RFC 3501 5.1.3)."""

    raw_name: bytes
    name: str
    delimiter: str
    attributes: frozenset[str]  # lower case, with the backslash: "\\junk"
    status: FolderStatus | None = None

    @property
    def selectable(self) -> bool:
        return not self.attributes & {"\\noselect", "\\nonexistent"}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with its role, and how that role is known."""

    raw_name: bytes
    name: str
    role: FolderRole
    source: RoleSource
    tab: Tab | None = None  # for real category folders (Mail.ru, Zoho, 163)
    selectable: bool = True

    @property
    def watched(self) -> bool:
        return self.selectable and self.role in WATCHED_ROLES


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a folder was read: every UID below `uidnext` under this UIDVALIDITY has been seen."""

    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Place:
    """One place a message can stand in: the key of an arrival within its mailbox."""

    folder: str  # decoded name
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True)
class MarkerRule:
    """One marker of one open test, as the engine needs it; `test` is an opaque handle."""

    test: int
    kind: MarkerKind
    value: str  # token · header value or prefix · subject
    header: str = ""  # header name, lower case (HEADER, HEADER_PREFIX)
    from_domain: str = ""  # SENDER_SUBJECT
    in_body: bool = False  # TOKEN: also look for the visible body line
    # aware UTC; bounds of INTERNALDATE, for customers' values (a minted token needs none)
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Which test a message belongs to, and what said so."""

    test: int
    kind: MatchKind
    where: str  # "X-Seedtest-ID", "To: …+token@…", "text/html body line"
    value: str


@dataclass(frozen=True, slots=True)
class MatchKeys:
    """What a later test could be matched by; kept with the arrival so that a past send can be found again."""

    token: str = ""
    campaign: tuple[tuple[str, str], ...] = ()  # (header name lower case, value), presets only
    feedback_id: str = ""
    list_id: str = ""
    from_domain: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class AuthResult:
    """One method's result in the receiver's own words."""

    method: str
    result: str  # lower case; "" never
    domain: str = ""  # smtp.mailfrom domain · header.d · header.from
    selector: str = ""
    aligned: bool | None = None  # with the From domain; None where it cannot be said
    policy: str = ""  # DMARC p= where stated
    disposition: str = ""  # DMARC dis=/action= where stated
    line: str = ""  # the header text it was read from, unfolded


@dataclass(frozen=True, slots=True)
class Authentication:
    """What the seed's own provider said. Absent (None, empty) is not fail: the receiver said nothing."""

    spf: AuthResult | None = None
    dkim: tuple[AuthResult, ...] = ()
    dmarc: AuthResult | None = None
    arc: AuthResult | None = None
    bimi: AuthResult | None = None
    authserv_id: str = ""
    trusted: tuple[str, ...] = ()  # unfolded Authentication-Results that were believed
    untrusted: tuple[str, ...] = ()  # … and those that were not


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a message stands, with the evidence and the rank of the folder's role."""

    placement: Placement
    tab: Tab
    folder: str
    role: FolderRole
    source: RoleSource
    reason: Reason
    evidence: str  # one sentence: 'The server flags the folder "Junk" \\Junk.'


@dataclass(frozen=True, slots=True)
class KeptBody:
    """What follows a header block, byte for byte as the server holds it."""

    content: bytes = field(repr=False)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """One message seen in one place during a scan; becomes an arrival row."""

    place: Place
    internaldate: datetime  # aware
    size: int
    header_block: bytes = field(repr=False)  # exactly as the server holds it, at most 256 KiB
    truncated: bool
    message_key: str  # "gm:<X-GM-MSGID>" | "em:<EMAILID>" | "id:<sha256>" | "hb:<sha256>"
    keys: MatchKeys
    verdict: Verdict
    authentication: Authentication
    match: Match | None = None
    rivals: tuple[Match, ...] = ()  # equal rank, several tests: nobody gets it, and this says who
    body: KeptBody | None = None  # only of matched messages, where the order asked for it


@dataclass(frozen=True, slots=True)
class FolderState:
    """One listed folder after a scan. `cursor` is None where the folder was not read."""

    folder: Folder
    cursor: Cursor | None = None
    reset: bool = False  # UIDVALIDITY changed: the folder was read anew
    messages: int | None = None  # that stand in it, where the server says


@dataclass(frozen=True, slots=True)
class FullCheck:
    """Outcome of a full check. Complete only if every selectable folder answered."""

    complete: bool
    folders: int  # that were looked into
    failures: tuple[tuple[str, str], ...] = ()  # (folder name, the server's words)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a session cost on the wire after login."""

    commands: int = 0
    writes: int = 0
    bytes_in: int = 0


@dataclass(frozen=True, slots=True)
class ScanOrder:
    """What one pass should do beyond reading what is new."""

    full_check_since: date | None = None  # SEARCH SINCE this day in every selectable folder
    # (folder, uidvalidity) → UIDs in the ledger
    known: Mapping[tuple[str, int], frozenset[int]] = field(default_factory=dict)
    recheck: tuple[Place, ...] = ()  # known places to ask for again: gone? which tab by now?
    max_messages: int = 500  # cap of one pass; the rest is backlog
    quota: bool = False  # ask how full the mailbox is, also without a full check
    keep_body_bytes: int = 0  # of each matched message; 0 = bodies are not kept
    authserv_ids: tuple[str, ...] = ()  # names under which an operator's own server writes its results


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Everything one pass over one mailbox found."""

    folders: tuple[FolderState, ...]
    sightings: tuple[Sighting, ...]
    junk_visible: bool
    backlog: bool = False  # the cap was met: poll again at once
    full_check: FullCheck | None = None
    gone: tuple[Place, ...] = ()  # re-checked places that hold nothing any more
    tabs: tuple[tuple[Place, Tab], ...] = ()  # re-checked places whose tab was answered
    quota_used: float | None = None  # 0..1 where the server says
    traffic: Traffic = field(default_factory=Traffic)
