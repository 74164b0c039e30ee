"""/health for a monitor: everything the service needs. /health/web for a load balancer: what this process needs.

/health/backlog: how far behind the polls are.
"""

from __future__ import annotations

from dataclasses import asdict

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from seedtest.services import health


@require_safe
@never_cache
def everything(request: HttpRequest) -> HttpResponse:
    return _answer(health.examine())


@require_safe
@never_cache
def web(request: HttpRequest) -> HttpResponse:
    """Pages and API work without the broker and without the ticks, so those take no web process out of service."""
    return _answer(health.examine(["database"]))


@require_safe
@never_cache
def backlog(request: HttpRequest) -> HttpResponse:
    """Numbers to draw and to alert on; how many are too many is the operator's to say, so they fail nothing."""
    try:
        return JsonResponse(asdict(health.backlog()))
    except DatabaseError:
        return _answer(health.examine(["database"]))


def _answer(vitals: list[health.Vital]) -> JsonResponse:
    return JsonResponse(health.told(vitals), status=200 if all(vital.ok for vital in vitals) else 503)
