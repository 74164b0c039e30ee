"""Every error as RFC 9457 `application/problem+json`: what happened, what it means, what to do next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from seedtest.models.base import new_public_id
from seedtest.services.asking import IntakeError
from seedtest.services.idempotency import RETRY_AFTER, Busy, Mismatch

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
#: More of them tell nobody more.
MAX_ERRORS: Final = 100
_RETRY_DATABASE: Final = 5


class Problem(exceptions.APIException):
    """An error that knows its own name: `code` becomes the end of its type."""

    def __init__(
        self, status: int, code: str, detail: str, *, errors: Sequence[Any] = (), retry_after: int = 0
    ) -> None:
        super().__init__(detail, code)
        self.status_code, self.code, self.errors, self.retry_after = status, code, tuple(errors), retry_after


def problem_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler."""
    request_id = request_id_of(context.get("request"))
    problem = _as_problem(error)
    if problem.status_code >= 500:
        logger.error("%s: %s", request_id, type(error).__name__, exc_info=error)
    response = Response(problem_body(problem, request_id), status=problem.status_code, content_type=MEDIA_TYPE)
    if problem.retry_after:
        response["Retry-After"] = str(problem.retry_after)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response


def request_id_of(request: Any) -> str:
    """One id a request, in the answer and in the log."""
    if request is None:
        return new_public_id("req")
    original = getattr(request, "_request", request)
    if not hasattr(original, "problem_id"):
        original.problem_id = new_public_id("req")
    return str(original.problem_id)


def problem_body(problem: Problem, request_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"urn:seedtest:problem:{problem.code.replace('_', '-')}",
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": _sayable(str(problem.detail)),
        "instance": request_id,
    }
    if problem.errors:
        body["errors"] = [
            {"pointer": _sayable(pointer), "code": code, "detail": _sayable(detail)}
            for pointer, code, detail in problem.errors
        ]
    return body


def _sayable(text: str) -> str:
    """Callers send lone surrogates, which no JSON answer can hold."""
    return text.encode("utf-8", "replace").decode()


def _as_problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case IntakeError():
            return invalid(error.errors)
        case exceptions.ValidationError():
            return invalid(list(islice(_flat("#", error.detail), MAX_ERRORS)))
        case exceptions.APIException():
            return Problem(error.status_code, str(error.default_code), str(error.detail))
    kinds = (known for known in _KNOWN if isinstance(error, known))
    return next((_KNOWN[kind] for kind in kinds), _broken)()


_KNOWN: Final[dict[type[Exception], Callable[[], Problem]]] = {
    Busy: lambda: Problem(
        409, "request_in_progress",
        "Another request with this Idempotency-Key is still at work. Send it again in a second.",
        retry_after=RETRY_AFTER,
    ),
    Mismatch: lambda: Problem(
        422, "idempotency_key_reused",
        "This Idempotency-Key was used for another request. Use a new key for a new request.",
    ),
    RequestDataTooBig: lambda: too_large(),
    Http404: lambda: Problem(404, "not_found", "There is nothing at this address."),
    PermissionDenied: lambda: Problem(403, "permission_denied", "This is not allowed."),
    OperationalError: lambda: _no_database(),
    InterfaceError: lambda: _no_database(),
}  # fmt: skip


def _broken() -> Problem:
    return Problem(
        500, "internal_error", "Something broke on our side. The operator finds it in the log by `instance`."
    )


def _no_database() -> Problem:
    detail = "The database does not answer now. Nothing was changed; send the request again."
    return Problem(503, "database_unavailable", detail, retry_after=_RETRY_DATABASE)


def invalid(errors: Sequence[Any]) -> Problem:
    return Problem(400, "invalid_request", "The request cannot be carried out; `errors` says why.", errors=errors)


def too_large() -> Problem:
    return Problem(413, "too_large", "The request is too large. A message may have 10 MB.")


def _flat(pointer: str, detail: Any) -> Iterator[tuple[str, str, str]]:
    """DRF's nested details as JSON pointers (RFC 6901, as URI fragments)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = name == "non_field_errors"
            yield from _flat(pointer if own else f"{pointer}/{_escaped(str(name))}", inner)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            leaf = isinstance(inner, exceptions.ErrorDetail)
            yield from _flat(pointer if leaf else f"{pointer}/{index}", inner)
    else:
        yield pointer, str(getattr(detail, "code", "invalid")), str(detail)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


@csrf_exempt  # else Django answers a POST first, with a page about cookies
def unknown_address(request: HttpRequest, *args: object, **kwargs: object) -> JsonResponse:
    """Everything under /api/ that is no operation."""
    problem = Problem(404, "not_found", "There is no such address in this API. See /api/v1/schema for what there is.")
    body = problem_body(problem, request_id_of(request))
    return JsonResponse(body, status=404, content_type=MEDIA_TYPE)
