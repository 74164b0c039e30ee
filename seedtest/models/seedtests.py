"""A seed test: one measurement of one message against a set of seeds, and what was found for each."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

from placement.vocabulary import MarkerKind, Placement, Tab
from seedtest.models.base import PublicIdField
from seedtest.models.mailboxes import Arrival, Mailbox, SeedAccount, SeedList
from seedtest.models.people import User, Workspace


class StreamKind(models.TextChoices):
    MARKETING = "marketing", "Marketing"
    TRANSACTIONAL = "transactional", "Transactional"
    COLD = "cold", "Cold outreach"


class Stream(models.Model):
    """What a sender sends as one thing. Tests and trends group by it."""

    public_id = PublicIdField(prefix="str")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="streams")
    name = models.CharField(max_length=120)
    from_domain = models.CharField(max_length=253, blank=True)
    kind = models.CharField(max_length=16, choices=StreamKind.choices, default=StreamKind.MARKETING)
    esp = models.CharField("sent with", max_length=80, blank=True, help_text="The ESP or system that sends it.")
    expected_ips = models.JSONField("expected sending IPs", default=list, blank=True)
    expected_dkim_domains = models.JSONField("expected DKIM domains", default=list, blank=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="stream_name_once")]

    def __str__(self) -> str:
        return self.name


class Mode(models.TextChoices):
    ESP = "esp", "My ESP sends it"
    SERVICE = "service", "Send it for me"


class Kind(models.TextChoices):
    """A control measures the seeds, not a sender: it stays out of lists, rates and streams."""

    PLACEMENT = "placement", "Placement"
    CONTROL = "control", "Control"


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    SENDING = "sending", "Sending"
    WAITING = "waiting", "Waiting for the first arrival"
    RECEIVING = "receiving", "Receiving"
    SETTLED = "settled", "Settled"
    COMPLETE = "complete", "Complete"
    INCONCLUSIVE = "inconclusive", "Inconclusive"
    CANCELLED = "cancelled", "Cancelled"


OPEN_STATUSES = (Status.SENDING, Status.WAITING, Status.RECEIVING, Status.SETTLED)
ENDED_STATUSES = (Status.COMPLETE, Status.INCONCLUSIVE, Status.CANCELLED)


class SentAtSource(models.TextChoices):
    SERVICE = "service", "we sent it"
    API = "api", "told by the API"
    ESP_EVENT = "esp_event", "told by the ESP"
    FIRST_ARRIVAL = "first_arrival", "taken from the first arrival"


class SeedTestQuerySet(models.QuerySet["SeedTest"]):
    def open(self) -> SeedTestQuerySet:
        return self.filter(status__in=OPEN_STATUSES)

    def measured(self) -> SeedTestQuerySet:
        """What people opened to learn about their mail."""
        return self.filter(kind=Kind.PLACEMENT)


class SeedTest(models.Model):
    """One measurement. Its clock starts with the send, never with the creation."""

    public_id = PublicIdField(prefix="tst")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="seed_tests")
    name = models.CharField(max_length=200)
    stream = models.ForeignKey(Stream, models.SET_NULL, null=True, blank=True, related_name="seed_tests")
    seed_list = models.ForeignKey(SeedList, models.SET_NULL, null=True, blank=True, related_name="+")
    seed_list_version = models.PositiveIntegerField(null=True, editable=False)
    kind = models.CharField(max_length=9, choices=Kind.choices, default=Kind.PLACEMENT, editable=False)
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.ESP)
    match = models.JSONField(default=dict, blank=True)  # what was asked for; the rules are the marker rows
    sending_profile = models.ForeignKey(
        "seedtest.SendingProfile", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    message = models.ForeignKey(
        "seedtest.OutgoingMessage", models.SET_NULL, null=True, blank=True, related_name="seed_tests"
    )
    schedule = models.ForeignKey("seedtest.Schedule", models.SET_NULL, null=True, blank=True, related_name="seed_tests")
    scheduled_for = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    status = models.CharField(max_length=14, choices=Status.choices, default=Status.WAITING)
    status_reason = models.CharField(max_length=32, blank=True)
    window_starts_at = models.DateTimeField(help_text="No message sent before this belongs to the test.")
    window_ends_at = models.DateTimeField(null=True, blank=True)
    start_by = models.DateTimeField(help_text="Nothing anywhere by then: the test ends inconclusive.")
    sent_at = models.DateTimeField(null=True, blank=True)
    sent_at_source = models.CharField(max_length=16, blank=True, choices=SentAtSource.choices)
    first_arrival_at = models.DateTimeField(null=True, blank=True)
    last_arrival_at = models.DateTimeField(null=True, blank=True)
    settle_seconds = models.PositiveIntegerField(default=600)
    deadline_at = models.DateTimeField(null=True, blank=True, help_text="The latest deadline of its seeds.")
    settled_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    watch_until = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    domain_mix = models.JSONField(default=dict, blank=True)
    policy = models.JSONField(default=dict, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    left_out = models.JSONField(default=list, editable=False)  # seeds excluded when it was opened, and why

    objects = SeedTestQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "scheduled_for"], name="seed_test_once_per_tick",
                condition=Q(schedule__isnull=False),
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.COMPLETE) | Q(completed_at__isnull=False), name="seed_test_complete_when"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["status", "deadline_at"], name="seed_test_open"),
            models.Index(fields=["workspace", "-created_at"], name="seed_test_listed"),
            models.Index(fields=["created_at"], name="seed_test_age"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    def raise_version(self) -> None:
        type(self).objects.filter(pk=self.pk).update(version=F("version") + 1)


class Marker(models.Model):
    """What ties a message to its test. Minted values are unique everywhere; customers' per workspace and window."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="markers")
    test = models.ForeignKey(SeedTest, models.CASCADE, related_name="markers")
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in MarkerKind])
    value = models.CharField(max_length=998)
    header = models.CharField(max_length=80, blank=True)
    from_domain = models.CharField(max_length=253, blank=True)
    in_body = models.BooleanField(default=False)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["value"], condition=Q(kind=MarkerKind.TOKEN.value), name="minted_marker_once"
            ),
            models.CheckConstraint(condition=Q(valid_from__lt=F("valid_until")), name="marker_window"),
        ]
        indexes = [models.Index(fields=["valid_until"], name="marker_open")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"


class Dispatch(models.TextChoices):
    """What is known of the sending to one seed."""

    CONFIRMED = "confirmed", "confirmed"
    ASSUMED = "assumed", "assumed"
    CONTRADICTED = "contradicted", "contradicted"
    UNKNOWN = "unknown", "unknown"


_PLACEMENTS = [(p.value, p.value.replace("_", " ")) for p in Placement]
_TABS = [(t.value, t.value.replace("_", " ")) for t in Tab]


class SeedResult(models.Model):
    """The row test × seed account. `placement` is frozen when the test completes, and the only one rates use."""

    public_id = PublicIdField(prefix="res")
    test = models.ForeignKey(SeedTest, models.CASCADE, related_name="results")
    seed_account = models.ForeignKey(SeedAccount, models.CASCADE, related_name="results")
    mailbox = models.ForeignKey(Mailbox, models.CASCADE, related_name="results")
    provider = models.CharField(max_length=40)
    mailbox_type = models.CharField(max_length=8)
    region = models.CharField(max_length=2, blank=True)

    placement = models.CharField(max_length=10, choices=_PLACEMENTS, default=Placement.WAITING.value)
    tab = models.CharField(max_length=14, choices=_TABS, blank=True)
    reason = models.CharField(max_length=32, blank=True)
    detail = models.TextField(blank=True)  # the server's or our own words behind the reason
    folder = models.CharField(max_length=512, blank=True)
    evidence_line = models.TextField(blank=True)  # why the folder means this placement
    first_placement = models.CharField(max_length=10, blank=True)
    current_placement = models.CharField(max_length=10, blank=True)
    moved_at = models.DateTimeField(null=True, blank=True)
    stated_folder = models.CharField(max_length=8, blank=True)  # inbox | junk | custom: on arrival, by the provider
    stated_line = models.TextField(blank=True)  # the header that says so
    late_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)
    dispatch = models.CharField(max_length=12, choices=Dispatch.choices, default=Dispatch.UNKNOWN)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    full_check_started_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)  # INTERNALDATE of the measured copy
    first_seen_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    delivery_seconds = models.FloatField(null=True, blank=True)
    transit_seconds = models.FloatField(null=True, blank=True)
    matched_by = models.CharField(max_length=20, blank=True)
    match_where = models.CharField(max_length=200, blank=True)
    sending_ip = models.CharField(max_length=45, blank=True)
    from_domain = models.CharField(max_length=253, blank=True)
    return_path_domain = models.CharField(max_length=253, blank=True)
    authentication = models.JSONField(default=dict, blank=True)
    biased = models.BooleanField(default=False)  # its seed filed a control as spam when the test was opened
    rival_tests = models.JSONField(default=list, blank=True)  # tests that could claim the same message as this one

    class Meta:
        ordering = ["provider", "id"]
        constraints = [
            models.UniqueConstraint(fields=["test", "seed_account"], name="seed_result_once"),
            # `missing` is a claim about the whole mailbox: only a full check begun after the deadline may make it.
            models.CheckConstraint(
                condition=~Q(placement="missing") | Q(full_check_started_at__gte=F("deadline_at")),
                name="missing_only_after_full_check",
            ),
            # SQL's CHECK passes on NULL, so the rule above needs this one beside it.
            models.CheckConstraint(
                condition=~Q(placement="missing") | Q(full_check_started_at__isnull=False, deadline_at__isnull=False),
                name="missing_has_its_full_check",
            ),
        ]
        indexes = [
            models.Index(fields=["mailbox", "placement"], name="seed_result_waiting"),
            models.Index(
                fields=["seed_account", "test"],
                condition=Q(placement__in=("missing", "not_sent")),
                name="seed_result_passed_over",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} · {self.placement}"


class ReceivedMessage(models.Model):
    """One distinct message of a result. Several copies are counted; the earliest by INTERNALDATE is the verdict."""

    result = models.ForeignKey(SeedResult, models.CASCADE, related_name="messages")
    message_key = models.CharField(max_length=80)
    arrival = models.ForeignKey(Arrival, models.SET_NULL, null=True, related_name="+")
    internaldate = models.DateTimeField()
    subject = models.CharField(max_length=500, blank=True)
    from_domain = models.CharField(max_length=253, blank=True)
    sending_ip = models.CharField(max_length=45, blank=True)
    dkim_domain = models.CharField(max_length=253, blank=True)
    is_variant = models.BooleanField(default=False)

    class Meta:
        ordering = ["internaldate", "id"]
        constraints = [models.UniqueConstraint(fields=["result", "message_key"], name="received_message_once")]

    def __str__(self) -> str:
        return self.message_key
