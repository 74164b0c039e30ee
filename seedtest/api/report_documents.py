"""A Report as JSON: the shapes of GET /tests/{id} and of /results."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from seedtest.api.fields import Counted, Moment
from seedtest.reports import Report, SeedRow

_Serializer = serializers.Serializer[Any]


class CountsDocument(_Serializer):
    """Seeds by placement. `n` is the denominator of every rate: inbox + spam + other + missing + rejected."""

    waiting = serializers.IntegerField()
    inbox = serializers.IntegerField()
    spam = serializers.IntegerField()
    other = serializers.IntegerField()
    missing = serializers.IntegerField()
    rejected = serializers.IntegerField()
    not_sent = serializers.IntegerField()
    unknown = serializers.IntegerField()
    n = serializers.IntegerField()
    total = serializers.IntegerField()


class RatesDocument(_Serializer):
    inbox = Counted()
    spam = Counted()
    other = Counted()
    missing = Counted()
    rejected = Counted()
    inbox_of_delivered = Counted(help_text="inbox ÷ (inbox + spam)")
    primary = Counted(allow_null=True, help_text="Of the inbox messages whose tab was observed; null without any.")


class WeightedDocument(_Serializer):
    """Over the providers. Without an interval until the stream has repeats: `note` says so."""

    rate = serializers.FloatField(allow_null=True)
    method = serializers.CharField(help_text="domain_mix or seed_count")
    weights = serializers.SerializerMethodField()
    without_seeds = serializers.ListField(child=serializers.CharField())
    covered = serializers.FloatField(allow_null=True, help_text="Share of the domain mix that had seeds.")
    ci_low = serializers.FloatField(allow_null=True)
    ci_high = serializers.FloatField(allow_null=True)
    note = serializers.CharField()

    def get_weights(self, value: Any) -> dict[str, float]:
        return dict(value.weights)


class AuthenticatedDocument(_Serializer):
    """`unknown`: the receiver said nothing."""

    passed = serializers.IntegerField()
    failed = serializers.IntegerField()
    none = serializers.IntegerField()
    unknown = serializers.IntegerField()


class IdentityDocument(_Serializer):
    """A domain that was checked: of DKIM the d= and s=, of SPF that of the Return-Path."""

    method = serializers.CharField(help_text="dkim or spf")
    domain = serializers.CharField()
    selector = serializers.CharField()
    aligned = serializers.BooleanField(
        allow_null=True, help_text="With the From domain; null where nobody can say. Only aligned ones count for DMARC."
    )
    messages = serializers.IntegerField()
    passed = serializers.IntegerField()
    failed = serializers.IntegerField()
    by_us = serializers.BooleanField(help_text="By our own check: the receivers said nothing.")


class AuthenticatedAsDocument(_Serializer):
    """Whose name the messages bear. The counts are messages: does anything that passes belong to the From domain?"""

    from_domains = serializers.ListField(child=serializers.CharField())
    return_paths = serializers.ListField(child=serializers.CharField())
    identities = IdentityDocument(many=True)
    aligned = serializers.IntegerField()
    not_aligned = serializers.IntegerField()
    unknown = serializers.IntegerField()


class AuthenticationSummary(_Serializer):
    authenticated_as = AuthenticatedAsDocument()
    spf = AuthenticatedDocument()
    dkim = AuthenticatedDocument()
    dmarc = AuthenticatedDocument()


class DeliveryDocument(_Serializer):
    n = serializers.IntegerField()
    p50 = serializers.FloatField()
    p90 = serializers.FloatField()


class ProviderDocument(_Serializer):
    provider = serializers.CharField()
    name = serializers.CharField()
    headline = serializers.CharField()
    counts = CountsDocument()
    tabs = serializers.SerializerMethodField(help_text="tab → messages in the inbox")
    rates = RatesDocument()
    authentication = AuthenticationSummary(source="*")
    delivery_seconds = DeliveryDocument(source="delivery", allow_null=True)

    def get_tabs(self, row: Any) -> dict[str, int]:
        return {tab.value: count for tab, count in row.tabs}


class FindingDocument(_Serializer):
    code = serializers.CharField()
    severity = serializers.CharField(help_text="high, medium or info")
    title = serializers.CharField()
    detail = serializers.CharField()
    next_step = serializers.CharField()
    evidence = serializers.ListField(child=serializers.CharField())


class LeftOutDocument(_Serializer):
    """A seed that was not well when the test was opened: it is in no number."""

    seed = serializers.CharField()
    email = serializers.CharField(source="address")
    provider = serializers.CharField()
    state = serializers.CharField()
    title = serializers.CharField()
    next_step = serializers.CharField()


class ReasonDocument(_Serializer):
    rule = serializers.CharField()
    outcome = serializers.CharField()
    detail = serializers.CharField()


class VerdictDocument(_Serializer):
    """By the test's own policy. `none`: it has none. Wait for `final`; until then the outcome is inconclusive."""

    outcome = serializers.CharField(help_text="pass, fail, inconclusive or none")
    final = serializers.BooleanField()
    reasons = ReasonDocument(many=True)


class MarkerDocument(_Serializer):
    """How the message carries the test: as this header, or as this visible line of its text."""

    header = serializers.CharField()
    value = serializers.CharField(source="token")
    body_line = serializers.CharField()
    rules = serializers.ListField(child=serializers.CharField(), help_text="What else it is recognised by.")


class LinksDocument(_Serializer):
    self = serializers.CharField()
    results = serializers.CharField()
    cancel = serializers.CharField()
    recheck = serializers.CharField()


class WindowDocument(_Serializer):
    starts_at = Moment()
    ends_at = Moment(allow_null=True)


def evidence_url(result_id: str) -> str:
    return f"/api/v1/results/{result_id}/evidence"


def links_of(test_id: str) -> dict[str, str]:
    own = f"/api/v1/tests/{test_id}"
    return {"self": own, "results": f"{own}/results", "cancel": f"{own}/cancel", "recheck": f"{own}/recheck"}


class ReportDocument(_Serializer):
    """One test with its numbers. A rate is provisional while `provisional` is true."""

    id = serializers.CharField(source="about.id")
    name = serializers.CharField(source="about.name")
    mode = serializers.CharField(source="about.mode", help_text="esp or service")
    status = serializers.CharField(
        source="about.status",
        help_text="sending, waiting, receiving, settled, complete, inconclusive or cancelled",
    )
    status_text = serializers.CharField(source="about.status_text")
    status_reason = serializers.CharField(source="about.status_reason")
    version = serializers.IntegerField(source="about.version", help_text="Rises with every visible change.")
    provisional = serializers.BooleanField()
    verdict = VerdictDocument()
    counts = CountsDocument(source="totals.counts")
    rates = RatesDocument(source="totals.rates")
    weighted = WeightedDocument(source="totals.weighted")
    authentication = AuthenticationSummary(source="totals")
    delivery_seconds = DeliveryDocument(source="totals.delivery", allow_null=True)
    arrival_spread_seconds = serializers.FloatField(allow_null=True, help_text="First to last arrival over the seeds.")
    providers = ProviderDocument(many=True)
    findings = FindingDocument(many=True)
    left_out = LeftOutDocument(many=True)
    upload_again = serializers.ListField(
        child=serializers.CharField(), help_text="Addresses that seem not to be on your list, or suppressed."
    )
    marker = MarkerDocument(source="carry")
    stream = serializers.CharField(source="about.stream", allow_null=True)
    created_at = Moment(source="about.created_at")
    send_window = serializers.SerializerMethodField()
    start_by = Moment(source="about.start_by")
    sent_at = Moment(source="about.sent_at", allow_null=True)
    sent_at_source = serializers.CharField(source="about.sent_at_source")
    first_arrival_at = Moment(source="about.first_arrival_at", allow_null=True)
    last_arrival_at = Moment(source="about.last_arrival_at", allow_null=True)
    deadline_at = Moment(source="about.deadline_at", allow_null=True)
    settled_at = Moment(source="about.settled_at", allow_null=True)
    completed_at = Moment(source="about.completed_at", allow_null=True)
    watch_until = Moment(source="about.watch_until", allow_null=True)
    policy = serializers.DictField(source="about.policy")
    domain_mix = serializers.DictField(source="about.domain_mix", child=serializers.FloatField())
    meta = serializers.DictField(source="about.meta")
    limits = serializers.ListField(child=serializers.CharField())
    definitions = serializers.ListField(child=serializers.CharField())
    definitions_version = serializers.CharField()
    links = serializers.SerializerMethodField()

    @extend_schema_field(WindowDocument)
    def get_send_window(self, report: Report) -> dict[str, str | None]:
        moment, ends = Moment(), report.about.window_ends_at
        starts = moment.to_representation(report.about.window_starts_at)
        return {"starts_at": starts, "ends_at": moment.to_representation(ends) if ends else None}

    @extend_schema_field(LinksDocument)
    def get_links(self, report: Report) -> dict[str, str]:
        return links_of(report.about.id)


class SpfDocument(_Serializer):
    result = serializers.CharField()
    domain = serializers.CharField()
    aligned = serializers.BooleanField(allow_null=True)


class DkimDocument(_Serializer):
    result = serializers.CharField()
    d = serializers.CharField(source="domain")
    s = serializers.CharField(source="selector")
    aligned = serializers.BooleanField(allow_null=True)


class DmarcDocument(_Serializer):
    result = serializers.CharField()
    policy = serializers.CharField()
    disposition = serializers.CharField()


class PlainAuthDocument(_Serializer):
    result = serializers.CharField()
    domain = serializers.CharField()


class OwnChecksDocument(_Serializer):
    """Our own check: results of RFC 8601, `unknown` where DNS could not say, `headers_only` without the body."""

    spf = serializers.CharField()
    dkim = serializers.CharField()
    dmarc = serializers.CharField()
    arc = serializers.CharField()
    bimi = serializers.CharField()
    one_click = serializers.CharField()


class ResultDocument(serializers.Serializer[SeedRow]):
    """One seed. `delivery_seconds` is null unless the dispatch to this seed is known."""

    id = serializers.CharField()
    seed = serializers.CharField()
    email = serializers.CharField(source="address")
    provider = serializers.CharField()
    provider_name = serializers.CharField()
    region = serializers.CharField()
    mailbox_type = serializers.CharField()
    placement = serializers.CharField(
        help_text="waiting, inbox, spam, other, missing, rejected, not_sent or unknown (we could not look)"
    )
    tab = serializers.CharField(allow_null=True)
    folder = serializers.CharField()
    received_at = Moment(allow_null=True)
    delivery_seconds = serializers.FloatField(allow_null=True)
    transit_seconds = serializers.FloatField(allow_null=True, help_text="First sender hop → INTERNALDATE.")
    sending_ip = serializers.CharField()
    from_domain = serializers.CharField()
    return_path_domain = serializers.CharField()
    spf = SpfDocument(source="authentication.spf", allow_null=True)
    dkim = DkimDocument(source="authentication.dkim", many=True)
    dmarc = DmarcDocument(source="authentication.dmarc", allow_null=True)
    arc = PlainAuthDocument(source="authentication.arc", allow_null=True)
    bimi = PlainAuthDocument(source="authentication.bimi", allow_null=True)
    checks = OwnChecksDocument(source="checked", allow_null=True, help_text="Null: not checked (yet, or switched off).")
    evidence_url = serializers.SerializerMethodField(help_text="Headers, and what they say; null without any to show.")
    reason = serializers.CharField()
    reason_title = serializers.CharField()
    explanation = serializers.ListField(source="sentences", child=serializers.CharField())
    detail = serializers.CharField(help_text="The server's own words.")
    evidence_line = serializers.CharField()
    dispatch = serializers.CharField(help_text="confirmed, assumed, contradicted or unknown")
    matched_by = serializers.CharField()
    match_where = serializers.CharField()
    stated_folder = serializers.CharField(
        help_text="inbox, junk or custom: where the provider's own header says it was put on arrival; else empty."
    )
    first_placement = serializers.CharField()
    current_placement = serializers.CharField()
    deadline_at = Moment(allow_null=True)
    first_seen_at = Moment(allow_null=True)
    moved_at = Moment(allow_null=True)
    late_at = Moment(allow_null=True)
    gone_at = Moment(allow_null=True)
    copies = serializers.IntegerField()
    variants = serializers.IntegerField()

    def get_evidence_url(self, row: SeedRow) -> str | None:
        return evidence_url(row.id) if row.received_at and not row.shared else None

    biased = serializers.BooleanField(help_text="Files known-good mail as spam: it is in no number of the report.")


class ResultList(_Serializer):
    data = ResultDocument(many=True)
    has_more = serializers.BooleanField(help_text="Always false: a test's results come at once.")
    next_cursor = serializers.CharField(allow_null=True)
    provisional = serializers.BooleanField()


class SeedToSend(serializers.Serializer[SeedRow]):
    """Where to send. `plus_email` carries the test in the address, where that is proven to arrive."""

    email = serializers.CharField(source="address")
    plus_email = serializers.CharField(source="plus_address", allow_null=True)
    provider = serializers.CharField()
    region = serializers.CharField()
    mailbox_type = serializers.CharField()
