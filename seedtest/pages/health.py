"""/health for a monitor: everything the service needs. /health/web for a load balancer: what this process needs."""

from __future__ import annotations

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


def _answer(vitals: list[health.Vital]) -> JsonResponse:
    ok = all(vital.ok for vital in vitals)
    body = {"status": "ok" if ok else "failing", "checks": {vital.name: vital.said for vital in vitals}}
    return JsonResponse(body, status=200 if ok else 503)
