"""GET /seeds: the addresses a campaign is sent to."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from placement import providers
from seedtest.api.fields import Moment
from seedtest.api.paging import PARAMETERS, page
from seedtest.api.resource import Resource, answers
from seedtest.models import SeedAccount
from seedtest.models.people import Scope


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

    def get_provider_name(self, seed: SeedAccount) -> str:
        return providers.get(seed.mailbox.provider).name


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
        rows = SeedAccount.objects.filter(workspace=self.workspace).select_related("mailbox")
        return Response(page(request, self.workspace, rows, lambda seeds: SeedDocument(seeds, many=True).data))
