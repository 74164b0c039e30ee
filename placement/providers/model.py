"""What the catalogue knows about one mailbox provider: frozen values, and the questions they answer themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

from placement.vocabulary import Tab

#: Longer than any host name (RFC 1035 2.3.4). A sender writes forged authserv-ids of any length.
_MAX_AUTHSERV_ID = 255


class Kind(StrEnum):
    CONSUMER = "consumer"
    BUSINESS = "business"
    ISP = "isp"
    HOSTING = "hosting"
    GATEWAY = "gateway"  # a filter in front of somebody else's mailbox: an MX, never a mailbox


class Tls(StrEnum):
    SSL = "ssl"
    STARTTLS = "starttls"


class Username(StrEnum):
    EMAIL = "email"
    LOCAL = "local"  # the part before the @


class AuthMethod(StrEnum):
    PASSWORD = "password"
    APP_PASSWORD = "app_password"
    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"


OAUTH_METHODS = frozenset({AuthMethod.XOAUTH2, AuthMethod.OAUTHBEARER})


class Flow(StrEnum):
    AUTHORIZATION_CODE = "authorization_code"
    DEVICE_CODE = "device_code"
    CLIENT_CREDENTIALS = "client_credentials"
    CERTIFICATE = "certificate"
    SERVICE_ACCOUNT = "service_account"


class Requirement(StrEnum):
    """What the provider asks for today; the methods say what else it takes."""

    PASSWORD = "password"
    PASSWORD_AFTER_ENABLING = "password_after_enabling"
    APP_PASSWORD = "app_password"
    PASSWORD_OR_APP_PASSWORD = "password_or_app_password"
    APP_PASSWORD_OR_OAUTH2 = "app_password_or_oauth2"
    OAUTH2_OR_APP_PASSWORD = "oauth2_or_app_password"
    OAUTH2_OR_PASSWORD = "oauth2_or_password"
    OAUTH2 = "oauth2"
    BRIDGE = "bridge"  # a local program with a password of its own
    NONE = "none"  # a gateway has no mailboxes


class Tabs(StrEnum):
    """How the provider shows the inbox tab over IMAP."""

    GMAIL = "gmail"  # X-GM-RAW, see placement.providers.gmail
    FOLDERS = "folders"  # real folders, see `category_folders`
    NOT_EXPOSED = "not_exposed"  # the web UI has tabs, IMAP does not show them
    NONE = "none"


class Position(StrEnum):
    """Where the receiver's Authentication-Results stand within the header block."""

    ABOVE = "above"
    BOTTOM = "bottom"
    MID = "mid"
    SPLIT = "split"  # some above, some at the bottom


class SubaddressStatus(StrEnum):
    VERIFIED = "verified"  # seen to arrive on a live account: the only one a matcher may use
    UNVERIFIED = "unverified"
    NO = "no"


@dataclass(frozen=True, slots=True)
class ImapEndpoint:
    host: str  # "" = the operator must name it; "{domain}" = the mailbox's domain
    port: int = 993
    tls: Tls = Tls.SSL
    username: Username = Username.EMAIL
    alternatives: tuple[str, ...] = ()
    note: str = ""

    def host_for(self, email: str) -> str:
        return self.host.replace("{domain}", email.rpartition("@")[2].lower())

    def login_for(self, email: str) -> str:
        return email.rpartition("@")[0] if self.username is Username.LOCAL else email


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a person does on the way to a seed.

    `source` tells it: a help page's https:// address, or a key of sources.toml. `verified`: that source was checked;
    without it the step is hearsay until somebody has done it on a live account.
    """

    text: str
    source: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Auth:
    required: Requirement
    methods: tuple[AuthMethod, ...]  # the best first
    setup: str = ""  # what a person must do first, for the screen
    sign_up: str = ""  # the page on which a mailbox is registered
    # Click by click, for the guide to a seed:
    create: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()  # until IMAP lets us in
    app_password: tuple[Step, ...] = ()
    leave_empty: tuple[Step, ...] = ()  # beyond what every seed leaves empty


@dataclass(frozen=True, slots=True)
class AppOnly:
    """Client credentials: one consent of an administrator instead of one of every mailbox."""

    scope: str
    permission: str
    setup: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class OAuth:
    authorize: str  # may hold "{tenant}", see `for_tenant`
    token: str
    scopes: tuple[str, ...]
    sasl: tuple[AuthMethod, ...]
    flows: tuple[Flow, ...] = (Flow.AUTHORIZATION_CODE,)
    device_code: str = ""
    tenant: str = ""  # what "{tenant}" stands for when the operator names none
    pkce: bool = False
    app_only: AppOnly | None = None
    steps: tuple[Step, ...] = ()  # how an app is registered; none: the provider registers none for us
    notes: tuple[str, ...] = ()

    def for_tenant(self, tenant: str = "") -> OAuth:
        chosen = tenant or self.tenant
        return replace(
            self,
            authorize=self.authorize.replace("{tenant}", chosen),
            token=self.token.replace("{tenant}", chosen),
            device_code=self.device_code.replace("{tenant}", chosen),
            tenant=chosen,
        )


@dataclass(frozen=True, slots=True)
class CategoryFolder:
    """A real folder that stands for an inbox tab."""

    name: str
    tab: Tab


@dataclass(frozen=True, slots=True)
class ArStyle:
    """How this provider writes Authentication-Results. `position` None: none was ever seen."""

    missing_authserv_id: bool = False
    position: Position | None = None
    methods: tuple[str, ...] = ()
    headers_per_message: tuple[int, int] | None = None  # fewest, most
    examples: tuple[str, ...] = ()  # one a header, addresses and keys taken out
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """None: not known. A number marked in `Provider.unverified` is from hearsay."""

    connections: int | None = None  # of one account
    sessions: int | None = None  # from one address, all accounts together
    logins_per_minute: int | None = None  # from one address, all accounts together
    min_poll_seconds: int | None = None  # between two looks into one mailbox
    idle: bool | None = None
    idle_renew_seconds: int | None = None
    window_messages: int | None = None  # a folder shows only its newest n messages
    window_days: int | None = None
    folders: int | None = None
    download_mb_per_day: int | None = None
    upload_mb_per_day: int | None = None
    inactive_days: int | None = None  # without a web login for so long, the provider closes or empties the mailbox
    over_limit: tuple[str, ...] = ()  # the server's own words


@dataclass(frozen=True, slots=True)
class Subaddress:
    separator: str = ""  # "" = none known
    status: SubaddressStatus = SubaddressStatus.UNVERIFIED


@dataclass(frozen=True, slots=True)
class Provider:
    """One mailbox provider, or one gateway, as its TOML states it."""

    id: str
    name: str
    kind: Kind
    auth: Auth
    imap: ImapEndpoint | None = None  # None for a gateway
    country: str = ""  # ISO 3166; "" = none in particular
    platform: str = ""  # id of the provider that really runs the servers
    domains: tuple[str, ...] = ()  # ".example" = every subdomain of example
    mx_suffixes: tuple[str, ...] = ()
    oauth: OAuth | None = None
    junk_names: tuple[str, ...] = ()
    special_use: bool | None = None  # does LIST carry \Junk? None: not known
    all_mail_names: tuple[str, ...] = ()  # folders that repeat the others, beyond what carries \All
    own_folders: tuple[str, ...] = ()  # its own filter files into them: neither inbox nor junk, and no rule of a person
    tabs: Tabs = Tabs.NONE
    category_folders: tuple[CategoryFolder, ...] = ()
    authserv_ids: tuple[re.Pattern[str], ...] = ()
    ar_style: ArStyle = field(default_factory=ArStyle)
    verdict_headers: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    subaddress: Subaddress = field(default_factory=Subaddress)
    delivery_allowance_minutes: int = 30
    id_before_select: bool = False  # RFC 2971 ID after LOGIN, else SELECT is refused
    notes: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()  # "field: remark"; nobody has seen it on a live account
    sources: tuple[str, ...] = ()

    @property
    def has_mailboxes(self) -> bool:
        return self.imap is not None

    def wrote(self, authserv_id: str) -> bool:
        """Is this the name under which this provider writes Authentication-Results (RFC 8601 2.5)?

        "" stands for a header without authserv-id: true only where the provider is known to leave it out.
        """
        if not authserv_id:
            return self.ar_style.missing_authserv_id
        if len(authserv_id) > _MAX_AUTHSERV_ID:
            return False
        return any(pattern.fullmatch(authserv_id) for pattern in self.authserv_ids)
