"""GET /results/{id}/evidence: the header block of one message, what it says, and what we found ourselves."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from seedtest.api.fields import Moment
from seedtest.api.problems import Problem
from seedtest.api.resource import Resource, answers
from seedtest.models import SeedResult
from seedtest.models.people import Scope
from seedtest.reports import readings
from seedtest.reports.evidence import Evidence, evidence_of

_Serializer = serializers.Serializer[Any]


class SaidDocument(_Serializer):
    """One method by the receiver's word. `result` is null where it said nothing: that is no failure."""

    result = serializers.CharField(allow_null=True)
    authserv_id = serializers.CharField(allow_null=True)
    header = serializers.CharField(allow_null=True)
    line = serializers.CharField(allow_null=True)


class ReceiverSaidDocument(_Serializer):
    spf = SaidDocument()
    dkim = SaidDocument()
    dmarc = SaidDocument()
    arc = SaidDocument()
    bimi = SaidDocument()


class UntrustedDocument(_Serializer):
    """Results that are kept, shown and not believed: a relay or the sender wrote them."""

    authserv_id = serializers.CharField()
    line = serializers.CharField()
    why = serializers.CharField()
    explanation = serializers.CharField()


class SaysDocument(_Serializer):
    """What the provider's own filter says, in the header that tells most."""

    placement = serializers.CharField(allow_null=True, help_text="inbox, spam, bulk, phish, malware, clean or unknown")
    header = serializers.CharField(allow_null=True)
    raw = serializers.CharField(allow_null=True)
    scores = serializers.DictField(child=serializers.FloatField())


class RouteDocument(_Serializer):
    """Oldest hop first."""

    sending_ip = serializers.CharField(allow_null=True, help_text="The one that the receiver's boundary saw.")
    helo = serializers.CharField(allow_null=True)
    total_seconds = serializers.FloatField(allow_null=True)
    hops = serializers.ListField(
        child=serializers.DictField(),
        help_text="from, helo, address, by, with, tls {version, cipher}, id, for, at, delay_seconds, clock_skew, "
        "by_receiver, line. delay_seconds is null where the clocks contradict each other.",
    )


class ChecksDocument(_Serializer):
    """Our own checks: each with `result`, `says` and what it rests on; dkim with its `signatures`."""

    spf = serializers.DictField()
    dkim = serializers.DictField()
    dmarc = serializers.DictField()
    arc = serializers.DictField()
    bimi = serializers.DictField()
    one_click = serializers.DictField()


class EvidenceFinding(_Serializer):
    code = serializers.CharField()
    severity = serializers.CharField(help_text="high, medium or info")
    title = serializers.CharField()
    detail = serializers.CharField()
    fix = serializers.CharField()
    evidence = serializers.CharField()


class ReadingDocument(_Serializer):
    """The same shape as `manage.py explain --json`."""

    provider = serializers.CharField()
    authentication = ReceiverSaidDocument()
    untrusted = UntrustedDocument(many=True)
    says = SaysDocument()
    route = RouteDocument()
    checks = ChecksDocument()
    findings = EvidenceFinding(many=True)


class StatementDocument(_Serializer):
    """One statement of the receiver in full, of whatever method."""

    authserv_id = serializers.CharField()
    method = serializers.CharField()
    result = serializers.CharField()
    reason = serializers.CharField()
    properties = serializers.DictField(child=serializers.CharField())
    comments = serializers.ListField(child=serializers.CharField())


class RawMessageDocument(_Serializer):
    """The whole message is kept; it is downloaded in the admin."""

    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    truncated = serializers.BooleanField()


class EvidenceDocument(_Serializer):
    result = serializers.CharField()
    test = serializers.CharField()
    received_at = Moment()
    folder = serializers.CharField()
    header_block = serializers.CharField(trim_whitespace=False, help_text="As received, in `encoding`.")
    encoding = serializers.CharField(help_text="utf-8, or iso-8859-1 where the bytes are no UTF-8.")
    sha256 = serializers.CharField(help_text="Of the header block's bytes.")
    truncated = serializers.BooleanField()
    reading = ReadingDocument()
    reported = StatementDocument(many=True)
    verdict_headers = serializers.ListField(child=serializers.DictField())
    list_headers = serializers.DictField()
    verified_at = Moment(allow_null=True, help_text="When we checked it ourselves; null: not checked.")
    raw_message = RawMessageDocument(allow_null=True)


class OneResult(Resource):
    scopes = {"GET": Scope.TESTS_READ}

    @extend_schema(
        operation_id="get_evidence", summary="Read the evidence of one result",
        description="Not of mailboxes that other workspaces use too: those have no evidence to show.",
        responses=answers({200: EvidenceDocument}, 404),
    )  # fmt: skip
    def get(self, request: Request, result_id: str) -> Response:
        rows = SeedResult.objects.filter(test__workspace=self.workspace, public_id=result_id)
        result = rows.select_related("test").first()
        evidence = evidence_of(result) if result else None
        if result is None or evidence is None:
            raise Problem(404, "not_found", f"There is no evidence of a result {result_id[:80]} in this workspace.")
        return Response(EvidenceDocument(_document(result, evidence)).data)


def _document(result: SeedResult, evidence: Evidence) -> dict[str, Any]:
    text, encoding = _decoded(evidence.block)
    reading = evidence.reading
    return {
        "result": result.public_id,
        "test": result.test.public_id,
        "received_at": evidence.received_at,
        "folder": evidence.folder,
        "header_block": text,
        "encoding": encoding,
        "sha256": evidence.sha256,
        "truncated": evidence.truncated,
        "reading": evidence.document,
        "reported": [readings.reported(one) for one in reading.reported],
        "verdict_headers": [readings.verdict(one) for one in reading.verdicts.believed],
        "list_headers": readings.list_headers(reading),
        "verified_at": evidence.verified_at,
        "raw_message": evidence.raw,
    }


def _decoded(block: bytes) -> tuple[str, str]:
    """Either way the same bytes come back when the text is encoded again."""
    try:
        return block.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return block.decode("iso-8859-1"), "iso-8859-1"
