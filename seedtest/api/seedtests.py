"""POST and GET /tests, and what can be done with one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Count
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from placement.vocabulary import Placement
from seedtest import reports
from seedtest.api import messages, references
from seedtest.api.fields import Flag, Moment, Number, Strict, Text, Whole
from seedtest.api.paging import PARAMETERS, page
from seedtest.api.report_documents import (
    CountsDocument,
    LinksDocument,
    MarkerDocument,
    ReportDocument,
    ResultList,
    SeedToSend,
    links_of,
)
from seedtest.api.resource import CREATES, IDEMPOTENCY_KEY, Resource, answers
from seedtest.models import SeedResult, SeedTest
from seedtest.models.clock import db_now
from seedtest.models.people import Scope
from seedtest.models.seedtests import Mode
from seedtest.reports import Counts, Report
from seedtest.services import intake
from seedtest.services.idempotency import Answer
from seedtest.services.intake import MatchRequest, NewTest


class MatchHeader(Strict):
    """A header your ESP writes, and its value or the beginning of it."""

    name = Text(max_length=76)
    value = Text(required=False, max_length=998)
    prefix = Text(required=False, max_length=998)


class MatchBody(Strict):
    """How messages are recognised beside our own header, which is always looked for."""

    header = MatchHeader(required=False)
    subject = Text(required=False, max_length=500, help_text="With the From domain and the send window.")
    in_body = Flag(required=False, help_text="Also look for the visible line `Ref: …` in the text.")


class SendWindow(Strict):
    starts_at = Moment(required=False)
    ends_at = Moment(required=False)


class Policy(Strict):
    """What makes the verdict: pass only if every rule given here is met."""

    min_inbox_rate = Number(required=False, min_value=0, max_value=1)
    no_spam_at = serializers.ListField(child=Text(), required=False, help_text="Mailbox providers, like gmail.")
    auth_must_pass = Flag(required=False)


class NewTestBody(Strict):
    """A test to open. With `sending_profile` and `message` we send it, else your ESP does."""

    name = Text(max_length=200)
    stream = Text(required=False, allow_null=True)
    from_domain = Text(required=False, max_length=253)
    seed_list = Text(required=False, allow_null=True, help_text="Without one: every enabled seed of the workspace.")
    provider_filter = serializers.ListField(child=Text(), required=False, max_length=100)
    max_seeds_per_provider = Whole(required=False, min_value=1, max_value=10_000)
    match = MatchBody(required=False)
    send_window = SendWindow(required=False)
    settle_seconds = Whole(required=False, min_value=10, max_value=86_400)
    sent_at = Moment(required=False, help_text="When it was sent, if it was sent already.")
    sending_profile = Text(required=False, allow_null=True)
    message = messages.MessageSource(required=False)
    domain_mix = serializers.DictField(child=Number(), required=False, help_text="domain → addresses, or their share")
    policy = Policy(required=False)
    meta = serializers.DictField(required=False, help_text="Yours; given back as it is. At most 8 KB.")


class OpenedTest(serializers.Serializer[Report]):
    id = serializers.CharField(source="about.id")
    status = serializers.CharField(source="about.status")
    marker = MarkerDocument(source="carry")
    seeds = SeedToSend(many=True)
    deadline_at = Moment(source="about.deadline_at", allow_null=True, help_text="Null until the clock runs.")
    links = serializers.SerializerMethodField()

    @extend_schema_field(LinksDocument)
    def get_links(self, report: Report) -> dict[str, str]:
        return links_of(report.about.id)


class SeedTestSummary(serializers.Serializer[SeedTest]):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    mode = serializers.CharField()
    status = serializers.CharField()
    stream = serializers.CharField(source="stream.public_id", allow_null=True)
    created_at = Moment()
    sent_at = Moment(allow_null=True)
    deadline_at = Moment(allow_null=True)
    completed_at = Moment(allow_null=True)
    counts = CountsDocument()
    links = LinksDocument()


class SeedTestPage(serializers.Serializer[Any]):
    data = SeedTestSummary(many=True)
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)


class SeedTests(Resource):
    scopes = {"GET": Scope.TESTS_READ, "POST": Scope.TESTS_WRITE}

    @extend_schema(
        operation_id="list_tests",
        summary="List tests",
        parameters=PARAMETERS,
        responses=answers({200: SeedTestPage}, 400),
    )
    def get(self, request: Request) -> Response:
        rows = SeedTest.objects.measured().filter(workspace=self.workspace).select_related("stream")
        return Response(page(request, self.workspace, rows, _summaries))

    @extend_schema(
        operation_id="open_test", summary="Open a test", parameters=[IDEMPOTENCY_KEY], request=NewTestBody,
        responses=answers({201: OpenedTest}, *CREATES),
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        return self.create(self._open)

    def _open(self) -> Answer:
        now = db_now()
        body = self.body(NewTestBody)
        rows = references.resolve(self.workspace, body)
        source = body.pop("message", None)
        message = messages.keep(self.workspace, source, now) if source else None
        new = new_test(body | rows, message=message, created_by=self.key.created_by)
        report = reports.build(intake.open_test(self.workspace, new, now=now))
        return Answer(201, dict(OpenedTest(report).data), report.about.id)


def new_test(body: dict[str, Any], **more: Any) -> NewTest:
    """A checked body with its rows → what intake takes."""
    window, match = body.pop("send_window", {}), dict(body.pop("match", {}))
    header = match.pop("header", {})
    return NewTest(
        mode=Mode.SERVICE if body.get("sending_profile") else Mode.ESP,
        match=MatchRequest(
            header=header.get("name", ""), value=header.get("value", ""), prefix=header.get("prefix", ""), **match
        ),
        window_starts_at=window.get("starts_at"),
        window_ends_at=window.get("ends_at"),
        provider_filter=tuple(body.pop("provider_filter", ())),
        **body,
        **more,
    )


def _summaries(tests: list[SeedTest]) -> list[dict[str, Any]]:
    counts = _counts(tests)
    for test in tests:
        test.counts, test.links = counts[test.pk], links_of(test.public_id)  # type: ignore[attr-defined]
    return SeedTestSummary(tests, many=True).data


def _counts(tests: Iterable[SeedTest]) -> dict[int, Counts]:
    measured = SeedResult.objects.filter(test__in=tests, biased=False)
    rows = measured.order_by().values("test_id", "placement").annotate(n=Count("id"))
    placements: dict[int, list[Placement]] = defaultdict(list)
    for row in rows:
        placements[row["test_id"]] += [Placement(row["placement"])] * row["n"]
    return {test.pk: Counts.of(placements[test.pk]) for test in tests}


class OneSeedTest(Resource):
    scopes = {"GET": Scope.TESTS_READ}

    @extend_schema(
        operation_id="get_test", summary="Read a test with its report", responses=answers({200: ReportDocument}, 404)
    )
    def get(self, request: Request, test_id: str) -> Response:
        return Response(ReportDocument(self.report(test_id)).data)

    def report(self, test_id: str) -> Report:
        return reports.build(self.find(SeedTest.objects.select_related("workspace", "stream"), test_id))


class Results(OneSeedTest):
    @extend_schema(
        operation_id="list_results", summary="Read one row a seed", responses=answers({200: ResultList}, 404)
    )
    def get(self, request: Request, test_id: str) -> Response:
        report = self.report(test_id)
        body = {"data": report.seeds, "has_more": False, "next_cursor": None, "provisional": report.provisional}
        return Response(ResultList(body).data)


class Cancel(OneSeedTest):
    scopes = {"POST": Scope.TESTS_WRITE}
    http_method_names = ["post"]

    @extend_schema(
        operation_id="cancel_test", summary="Stop waiting; what was found stays", request=None,
        description="Cancelling a test that has ended changes nothing and answers with it as it is.",
        responses=answers({200: ReportDocument}, 404),
    )  # fmt: skip
    def post(self, request: Request, test_id: str) -> Response:
        with transaction.atomic():
            test = self.find(SeedTest.objects.all(), test_id)
            intake.cancel(test, now=db_now())
        return Response(ReportDocument(self.report(test_id)).data)


class Recheck(OneSeedTest):
    scopes = {"POST": Scope.TESTS_WRITE}
    http_method_names = ["post"]

    @extend_schema(
        operation_id="recheck_test", summary="Look into the seeds now", request=None,
        description="Placements of an ended test stay frozen; where the messages stand now is shown beside them.",
        responses=answers({200: ReportDocument}, 404),
    )  # fmt: skip
    def post(self, request: Request, test_id: str) -> Response:
        with transaction.atomic():
            test = self.find(SeedTest.objects.all(), test_id)
            intake.recheck(test, now=db_now())
        return Response(ReportDocument(self.report(test_id)).data)
