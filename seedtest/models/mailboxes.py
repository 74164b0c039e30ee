"""The mailboxes we poll, the seed accounts workspaces make of them, and what has arrived in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.timezone import now

from placement import providers
from placement.vocabulary import FolderRole, Reason, RoleSource
from seedtest.crypto import SealedField
from seedtest.models.base import HostField, PublicIdField, is_this_machine
from seedtest.models.people import Workspace


def provider_choices() -> list[tuple[str, str]]:
    named = sorted(providers.all_providers(), key=lambda provider: provider.name.lower())
    return [(provider.id, provider.name) for provider in (*named, providers.GENERIC)]


class Purpose(models.TextChoices):
    SEED = "seed", "Seed"
    BOUNCE = "bounce", "Bounces"
    CONTROL = "control", "Control"


class Tls(models.TextChoices):
    SSL = "ssl", "TLS from the start"
    STARTTLS = "starttls", "STARTTLS"
    NONE = "none", "None (own servers only)"


class AuthKind(models.TextChoices):
    PASSWORD = "password", "Password or app password"
    XOAUTH2 = "xoauth2", "OAuth 2 (XOAUTH2)"
    OAUTHBEARER = "oauthbearer", "OAuth 2 (OAUTHBEARER)"


class MailboxState(models.TextChoices):
    NEW = "new", "Not checked yet"
    HEALTHY = "healthy", "Healthy"
    DEGRADED = "degraded", "Degraded"
    NEEDS_SIGN_IN = "needs_sign_in", "Needs sign-in"
    QUARANTINED = "quarantined", "Quarantined"
    DISABLED = "disabled", "Switched off"


#: States in which a mailbox is still polled (with back-off where it fails).
POLLED_STATES = (MailboxState.NEW, MailboxState.HEALTHY, MailboxState.DEGRADED, MailboxState.NEEDS_SIGN_IN)
#: So full, a mailbox may refuse mail or hide some of it (catalogue: window_messages): a miss proves nothing.
FULL = 0.90
#: Lost claims after which a mailbox is polled on the `poll-suspect` queue only.
SUSPECT_AFTER = 2
#: Failed looks in a row after which a mailbox is called unreachable.
UNREACHABLE_AFTER = 3


class MailboxQuerySet(models.QuerySet["Mailbox"]):
    def polled(self) -> MailboxQuerySet:
        return self.filter(state__in=POLLED_STATES)

    def free(self, now: datetime) -> MailboxQuerySet:
        """Neither leased nor backing off."""
        return self.polled().filter(
            Q(backoff_until=None) | Q(backoff_until__lte=now),
            Q(auth_backoff_until=None) | Q(auth_backoff_until__lte=now),
            Q(lease_until=None) | Q(lease_until__lte=now),
        )

    def due(self, now: datetime) -> MailboxQuerySet:
        """What dispatch should offer: due, free, and not offered a moment ago."""
        return self.free(now).filter(
            Q(dispatched_until=None) | Q(dispatched_until__lte=now),
            next_poll_at__lte=now,
        )


class Mailbox(models.Model):
    """One login at a provider. Owned by a workspace, or by the operator's pool (`workspace` empty)."""

    public_id = PublicIdField(prefix="mbx")
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, null=True, blank=True, related_name="mailboxes",
        help_text="Empty: the operator's pool, lent to workspaces through seed accounts.",
    )  # fmt: skip
    address = models.EmailField(help_text="The e-mail address that receives the test messages.")
    provider = models.CharField(max_length=40, choices=provider_choices)
    host = HostField("IMAP host", max_length=253)
    port = models.PositiveIntegerField("IMAP port", default=993)
    tls = models.CharField("encryption", max_length=8, choices=Tls.choices, default=Tls.SSL)
    ca_pem = models.TextField(
        "own CA certificate", blank=True, help_text="PEM. Only for a server of your own with a private CA."
    )
    login = models.CharField("IMAP login", max_length=254, help_text="Usually the address itself.")
    auth_kind = models.CharField("sign-in", max_length=12, choices=AuthKind.choices, default=AuthKind.PASSWORD)
    secret = SealedField("password", blank=True)
    egress = models.ForeignKey(
        "seedtest.EgressRoute", models.RESTRICT, null=True, blank=True, related_name="mailboxes",
        verbose_name="way out", help_text="Empty: connections leave as they do for everything else.",
    )  # fmt: skip
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.SEED)
    authserv_ids = models.CharField(
        "names in Authentication-Results", max_length=500, blank=True,
        help_text="Only for servers of your own: the names they write as the first word of that header, with commas.",
    )  # fmt: skip

    state = models.CharField(max_length=16, choices=MailboxState.choices, default=MailboxState.NEW)
    state_reason = models.CharField(max_length=32, blank=True, choices=[(r.value, r.value) for r in Reason if r])
    state_problem = models.CharField(max_length=24, blank=True, editable=False)  # placement.vocabulary.LoginProblem
    state_detail = models.TextField(blank=True, help_text="The server's own words, without secrets.")
    junk_visible = models.BooleanField(null=True, editable=False)
    quota_used = models.FloatField(null=True, editable=False, help_text="0 to 1, where the server says.")
    window_used = models.FloatField(null=True, editable=False)  # fullest watched folder ÷ the catalogue's window
    web_login_at = models.DateTimeField(null=True, editable=False)  # when a person last used its web pages
    last_good_poll_at = models.DateTimeField(null=True, editable=False)
    last_failed_poll_at = models.DateTimeField(null=True, editable=False)
    rechecked_at = models.DateTimeField(null=True, editable=False)  # when known places were last asked for again

    next_poll_at = models.DateTimeField(default=now, editable=False)
    dispatched_until = models.DateTimeField(null=True, editable=False)
    lease_epoch = models.BigIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_owner = models.CharField(max_length=120, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Claims in a row that nobody finished."
    )
    # One back-off for the connection, one for the login; only a full successful poll sets the counts back.
    fail_count = models.PositiveSmallIntegerField(default=0, editable=False)
    backoff_until = models.DateTimeField(null=True, editable=False)
    auth_fail_count = models.PositiveSmallIntegerField(default=0, editable=False)
    auth_backoff_until = models.DateTimeField(null=True, editable=False)
    #: When the last logins were refused (ISO 8601, at most LOGINS_AN_HOUR), whoever tried: the budget of the account.
    refused_logins = models.JSONField(default=list, editable=False)
    quarantined_at = models.DateTimeField(
        null=True, editable=False
    )  # when its polls had killed their workers too often
    slot_until = models.DateTimeField(null=True, editable=False)  # holds one of its provider's sessions, see claims
    session_owner = models.CharField(max_length=120, blank=True, editable=False)
    session_until = models.DateTimeField(null=True, editable=False)
    #: Who holds IDLE on it, and how long others believe that; its connections count as sessions, see claims.
    watch_owner = models.CharField(max_length=120, blank=True, editable=False)
    watch_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = MailboxQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "mailboxes"
        ordering = ["address", "id"]
        constraints = [
            models.UniqueConstraint("host", Lower("login"), name="mailbox_login_once"),
            models.CheckConstraint(condition=Q(port__gte=1, port__lte=65535), name="mailbox_port"),
            models.CheckConstraint(condition=Q(lease_epoch__gte=0), name="mailbox_epoch"),
        ]
        indexes = [models.Index(fields=["next_poll_at"], name="mailbox_due")]

    def __str__(self) -> str:
        return self.address

    def clean(self) -> None:
        if self.tls == Tls.NONE and not is_this_machine(self.host):
            raise ValidationError(
                {"tls": "Without TLS the password would travel in the clear. Choose TLS or STARTTLS."}
            )

    @property
    def is_suspect(self) -> bool:
        return self.attempts >= SUSPECT_AFTER

    @property
    def catalog_entry(self) -> providers.Provider:
        return providers.get(self.provider)


class MailboxType(models.TextChoices):
    CONSUMER = "consumer", "Consumer"
    BUSINESS = "business", "Business"


_SHUT = (MailboxState.DISABLED, MailboxState.QUARANTINED, MailboxState.NEEDS_SIGN_IN)


class SeedAccountQuerySet(models.QuerySet["SeedAccount"]):
    def usable(self) -> SeedAccountQuerySet:
        """Enabled seeds that can be looked into, and are not excluded by their health.

        The state of the mailbox is asked beside its health, which is judged only some time later.
        """
        tried = Q(mailbox__state_reason=Reason.QUARANTINED.value)  # on trial after crashes
        return self.switched_on().exclude(mailbox__state__in=_SHUT).exclude(tried).exclude(health__excluded=True)

    def exportable(self) -> SeedAccountQuerySet:
        """Where a campaign may be sent: read at least once, reachable, and with room.

        One bounce may suppress the seed at the ESP for good.
        """
        failures = F("mailbox__fail_count") + F("mailbox__auth_fail_count")
        lost = Q(mailbox__state=MailboxState.DEGRADED, failures__gte=UNREACHABLE_AFTER)
        full = Q(health__full=True) | Q(mailbox__quota_used__gte=FULL)
        read = self.usable().exclude(mailbox__last_good_poll_at=None)
        return read.alias(failures=failures).exclude(lost).exclude(full)

    def switched_on(self) -> SeedAccountQuerySet:
        return self.filter(enabled=True, mailbox__purpose=Purpose.SEED)


class SeedAccount(models.Model):
    """A workspace's use of a mailbox."""

    public_id = PublicIdField(prefix="sed")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="seed_accounts")
    mailbox = models.ForeignKey(Mailbox, models.CASCADE, related_name="seed_accounts")
    mailbox_type = models.CharField(max_length=8, choices=MailboxType.choices, default=MailboxType.CONSUMER)
    region = models.CharField(max_length=2, blank=True, help_text="ISO 3166 country code, if it matters.")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = SeedAccountQuerySet.as_manager()

    class Meta:
        ordering = ["mailbox__provider", "mailbox__address", "id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "mailbox"], name="seed_account_once")]

    def __str__(self) -> str:
        return self.mailbox.address

    @property
    def is_lent(self) -> bool:
        """The mailbox belongs to somebody else: what happens in it beside our own tests is not ours to know."""
        return self.mailbox.workspace_id != self.workspace_id


class Exported(models.Model):
    """A set of seeds that is copied into an ESP. Every change of what would be copied raises `version`."""

    version = models.PositiveIntegerField(default=1, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)
    exported = models.JSONField(null=True, editable=False)  # seed accounts of this version; null = not asked for yet
    # The last time it was copied or downloaded: an ESP cannot know a seed that was not among those.
    handed_out = models.JSONField(null=True, editable=False)
    handed_out_version = models.PositiveIntegerField(null=True, editable=False)
    handed_out_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    def raise_version(self) -> None:
        type(self).objects.filter(pk=self.pk).update(version=F("version") + 1, updated_at=now())
        self.refresh_from_db(fields=["version", "updated_at"])


class AllSeeds(Exported):
    """What is kept once for all seeds of a workspace: the version of their export, and when they were compared."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="all_seeds")
    compared_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "all seeds"

    def __str__(self) -> str:
        return f"all seeds (v{self.version})"


class SeedList(Exported):
    """A named, versioned set of seed accounts. Every change of its members raises `version`, too."""

    public_id = PublicIdField(prefix="lst")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="seed_lists")
    name = models.CharField(max_length=120)
    seed_accounts: Any = models.ManyToManyField(SeedAccount, through="SeedListMember", related_name="seed_lists")

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="seed_list_name_once")]

    def __str__(self) -> str:
        return f"{self.name} (v{self.version})"


class SeedListMember(models.Model):
    seed_list = models.ForeignKey(SeedList, models.CASCADE, related_name="members")
    seed_account = models.ForeignKey(SeedAccount, models.CASCADE, related_name="list_memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seed_list", "seed_account"], name="seed_list_member_once")]

    def __str__(self) -> str:
        return str(self.seed_account)


class FolderCursor(models.Model):
    """One folder of a mailbox: its role, how the role is known, and how far the folder was read."""

    mailbox = models.ForeignKey(Mailbox, models.CASCADE, related_name="folders")
    name = models.CharField(max_length=512)
    role = models.CharField(max_length=12, choices=[(r.value, r.value) for r in FolderRole])
    source = models.PositiveSmallIntegerField(choices=[(s.value, s.name.lower()) for s in RoleSource])
    operator_role = models.CharField(
        "role set by you", max_length=12, blank=True, choices=[(r.value, r.value) for r in FolderRole]
    )
    selectable = models.BooleanField(default=True)
    uidvalidity = models.BigIntegerField(null=True, editable=False)
    uidnext = models.BigIntegerField(null=True, editable=False)
    seen_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["mailbox", "name"], name="folder_once")]

    def __str__(self) -> str:
        return self.name


class Arrival(models.Model):
    """A message that came to a mailbox, matched or not, in one place."""

    mailbox = models.ForeignKey(Mailbox, models.CASCADE, related_name="arrivals")
    folder = models.ForeignKey(FolderCursor, models.CASCADE, related_name="arrivals")
    uidvalidity = models.BigIntegerField()
    uid = models.BigIntegerField()
    result = models.ForeignKey("seedtest.SeedResult", models.SET_NULL, null=True, blank=True, related_name="arrivals")
    message_key = models.CharField(max_length=80)
    internaldate = models.DateTimeField()
    size = models.BigIntegerField(default=0)
    placement = models.CharField(max_length=10)
    tab = models.CharField(max_length=14, blank=True)
    from_domain = models.CharField(max_length=253, blank=True)
    subject = models.CharField(max_length=500, blank=True)
    token = models.CharField(max_length=40, blank=True)
    keys = models.JSONField(default=dict)  # campaign headers, Feedback-ID, List-ID
    authentication = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-first_seen_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "folder", "uidvalidity", "uid"], name="arrival_place_once")
        ]
        indexes = [
            models.Index(fields=["first_seen_at"], name="arrival_age"),
            models.Index(fields=["first_seen_at"], condition=Q(result=None), name="arrival_unmatched"),
            models.Index(fields=["mailbox", "message_key"], name="arrival_message"),
            models.Index(fields=["from_domain", "first_seen_at"], name="arrival_sender"),
        ]

    def __str__(self) -> str:
        return self.subject or self.message_key


class Evidence(models.Model):
    """The header block of an arrival exactly as the server holds it, compressed. Never joined in lists."""

    arrival = models.OneToOneField(Arrival, models.CASCADE, related_name="evidence", primary_key=True)
    header_block = models.BinaryField()  # zlib
    sha256 = models.CharField(max_length=64)
    truncated = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "evidence"

    def __str__(self) -> str:
        return self.sha256
