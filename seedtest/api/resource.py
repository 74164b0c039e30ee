"""What every view of the API shares: whose rows it may see, how it reads JSON, how a retried POST is answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, ClassVar, Final, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from seedtest import crashing
from seedtest.api.problems import MEDIA_TYPE, Problem, invalid, request_id_of, too_large
from seedtest.models import ApiKey, Workspace
from seedtest.models.clock import db_now
from seedtest.services import idempotency
from seedtest.services.idempotency import Answer

MAX_BODY: Final = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
MAX_DEPTH: Final = 32
#: Each value that is wrong makes an error a hundred times as long; the longest request that makes sense has some 2,000.
MAX_VALUES: Final = 10_000
_TOO_DEEP: Final = "The JSON is nested too deeply."
_TOO_MANY: Final = f"The JSON has more than {MAX_VALUES} values. Split the request."
_ID: Final = re.compile(r"[a-z]{3}_[0-9A-Za-z]{22}")
_M = TypeVar("_M", bound=Model)

IDEMPOTENCY_KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="A value of your own (a UUID). A retry with the same key gets the first answer again.",
)


class ProblemError(serializers.Serializer[Any]):
    pointer = serializers.CharField(help_text="JSON pointer into the request; `?name` for a query parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemDocument(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The id of this request, as it stands in the log.")
    errors = ProblemError(many=True, required=False)


_ALWAYS: Final = {
    401: "No API key, or one that is unknown, revoked or expired.",
    403: "The API key has not the scope for this operation.",
    503: "The database does not answer now; try again after `Retry-After`.",
}
_SOMETIMES: Final = {
    400: "The request cannot be carried out; `errors` says why.",
    404: "No such id in this workspace.",
    409: "A request with the same Idempotency-Key is at work; try again after `Retry-After`.",
    413: "The request is too large.",
    415: "The body is not `application/json`.",
    422: "The Idempotency-Key was used for another request.",
}
CREATES: Final = (400, 409, 413, 415, 422)
CHANGES: Final = (400, 404, 413, 415)


def answers(success: Mapping[int, Any], *problems: int) -> dict[Any, Any]:
    """The responses of an operation for the OpenAPI document."""
    told = _ALWAYS | {status: _SOMETIMES[status] for status in problems}
    documents = {(status, MEDIA_TYPE): OpenApiResponse(ProblemDocument, text) for status, text in told.items()}
    return {**success, **documents}


class BoundedJSONParser(JSONParser):
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
            raise too_large()
        try:
            given = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError(_TOO_DEEP) from None
        if complaint := _complaint(given):
            raise ParseError(complaint)
        return given


def _complaint(given: object) -> str:
    """What is read just so would break whoever writes it again: its hash, a database, an answer."""
    layer: list[object] = [given]
    values = 1
    for _ in range(MAX_DEPTH):
        layer = [inner for one in layer for inner in _inside(one)]
        values += len(layer)
        if values > MAX_VALUES:
            return _TOO_MANY
        if not layer:
            return ""
    return _TOO_DEEP


def _inside(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


class Resource(APIView):
    # No docstring: it would become the description of every operation.
    scopes: ClassVar[dict[str, str]] = {}  # method → the scope its key must have
    parser_classes = (BoundedJSONParser,)
    http_method_names = ["get", "head", "post", "patch", "delete"]

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        final = super().finalize_response(request, response, *args, **kwargs)
        final["X-Request-ID"] = request_id_of(request)
        final["Cache-Control"] = "no-store"
        return final

    @property
    def key(self) -> ApiKey:
        return self.request.auth  # type: ignore[no-any-return]

    @property
    def workspace(self) -> Workspace:
        return self.key.workspace

    def find(self, rows: QuerySet[_M], public_id: str) -> _M:
        """The row with this id in this workspace. One of another workspace is answered like one that never was."""
        known = rows.filter(workspace=self.workspace)  # type: ignore[misc]
        row = known.filter(public_id=public_id).first() if _ID.fullmatch(public_id) else None
        if row is None:
            name = str(rows.model._meta.verbose_name)
            raise Problem(404, "not_found", f"There is no {name} {public_id[:80]} in this workspace.")
        return row

    def body(self, serializer: type[serializers.Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        given = serializer(data=self.request.data, partial=partial)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    def create(self, act: Callable[[], Answer]) -> Response:
        """Run `act` in one transaction; with an Idempotency-Key once only."""
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            with transaction.atomic():
                return self._created(act())
        if not idempotency.is_key(key):
            detail = "Give 1 to 255 printable ASCII characters without spaces, for example a UUID."
            raise invalid([("Idempotency-Key", "invalid", detail)])
        print_of_request = idempotency.fingerprint("POST", self.request.path, self.request.data)
        return self._created(idempotency.once(self.workspace, key, print_of_request, act, now=db_now()))

    def _created(self, answer: Answer) -> Response:
        crashing.here(crashing.Place.BEFORE_ANSWER)
        headers = {"Location": answer.body["links"]["self"]}
        if answer.replayed:
            headers["Idempotency-Replayed"] = "true"
        return Response(answer.body, status=answer.status, headers=headers)
