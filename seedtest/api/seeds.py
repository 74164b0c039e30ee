"""GET /seeds with the health of each, and GET /seeds/export.csv: the addresses a campaign may be sent to."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from placement import providers
from seedtest.api.fields import Moment
from seedtest.api.paging import PARAMETERS, page
from seedtest.api.problems import invalid
from seedtest.api.resource import Resource, answers
from seedtest.api.seed_health import HealthDocument, health_of
from seedtest.models import SeedAccount, SeedList
from seedtest.models.clock import db_now
from seedtest.models.people import Scope
from seedtest.services import exporting, seed_tables

CSV = "text/csv; charset=utf-8"


class SeedDocument(serializers.Serializer[SeedAccount]):
    id = serializers.CharField(source="public_id")
    email = serializers.CharField(source="mailbox.address")
    provider = serializers.CharField(source="mailbox.provider")
    provider_name = serializers.SerializerMethodField()
    mailbox_type = serializers.CharField(help_text="consumer or business")
    region = serializers.CharField(help_text="ISO 3166 country code, or empty.")
    enabled = serializers.BooleanField()
    state = serializers.CharField(source="mailbox.state", help_text="Health of the mailbox: new, healthy, degraded …")
    created_at = Moment()
    health = serializers.SerializerMethodField()

    @extend_schema_field(HealthDocument(allow_null=True))
    def get_health(self, seed: SeedAccount) -> dict[str, Any] | None:
        return health_of(seed)

    def get_provider_name(self, seed: SeedAccount) -> str:
        return providers.get_or_generic(seed.mailbox.provider).name


class SeedPage(serializers.Serializer[Any]):
    data = SeedDocument(many=True)
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)


class Seeds(Resource):
    scopes = {"GET": Scope.SEEDS_READ}

    @extend_schema(
        operation_id="list_seeds", summary="List seeds", parameters=PARAMETERS, responses=answers({200: SeedPage}, 400)
    )
    def get(self, request: Request) -> Response:
        rows = SeedAccount.objects.filter(workspace=self.workspace).select_related("mailbox__oauth", "health")
        return Response(page(request, self.workspace, rows, lambda seeds: SeedDocument(seeds, many=True).data))


class SeedExport(Resource):
    scopes = {"GET": Scope.SEEDS_READ}

    @extend_schema(
        operation_id="export_seeds", summary="Addresses to send to, as CSV", responses=answers(
            {(200, CSV): OpenApiTypes.STR}, 400
        ),
        description=(
            "Leaves out seeds that are not well. X-Seed-List-Version rises whenever what would be exported changes: "
            "upload it again then. From the first export on, tests by your ESP measure the seeds of the last one. Only "
            "the export by a key that also has seeds:write counts for that; with seeds:read alone it notes nothing."
        ),
        parameters=[OpenApiParameter("seed_list", {"type": "string"}, description="Only the members of this list.")],
    )  # fmt: skip
    def get(self, request: Request) -> HttpResponse:
        unknown = set(request.query_params) - {"seed_list"}
        if unknown:
            raise invalid(
                [(f"?{name}", "unknown_parameter", "The export takes seed_list.") for name in sorted(unknown)]
            )
        seed_list = self._seed_list(request)
        now = db_now()
        noted = Scope.SEEDS_WRITE in self.key.scopes
        export = exporting.hand_out(seed_list or self.workspace, now=now, noted=noted)
        answer = HttpResponse(seed_tables.as_csv(export, now=now), content_type=CSV)
        answer["X-Seed-List-Version"] = str(export.version)
        return answer

    def _seed_list(self, request: Request) -> SeedList | None:
        wanted = request.query_params.get("seed_list")
        if wanted is None:
            return None
        found = SeedList.objects.filter(workspace=self.workspace, public_id=wanted).first()
        if found is None:
            raise invalid([("?seed_list", "unknown_id", "There is no seed list with this id in this workspace.")])
        return found
