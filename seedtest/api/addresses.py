"""Refuses a request whose address or cookies hold a NUL, before a view asks the database: PostgreSQL takes none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse

from seedtest.api.problems import MEDIA_TYPE, invalid, problem_body, request_id_of

_WORDS: Final = "The address or a cookie holds a NUL (%00), and nothing here is named so. Take it out and ask again."


class NoNul:
    """Middleware, for the API and all pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _refusal(request) if any("\0" in text for text in _texts(request)) else self.get_response(request)


def _texts(request: HttpRequest) -> Iterator[str]:
    yield request.path_info
    yield unquote(request.META.get("QUERY_STRING", ""))
    yield from request.COOKIES.values()


def _refusal(request: HttpRequest) -> HttpResponse:
    if not request.path_info.startswith("/api/"):
        return HttpResponseBadRequest(_WORDS, content_type="text/plain; charset=utf-8")
    body = problem_body(invalid([("#", "nul", _WORDS)]), request_id_of(request))
    return JsonResponse(body, status=400, content_type=MEDIA_TYPE)
