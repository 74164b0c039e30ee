"""Pages newest first by (created_at, id), held by a sealed cursor: no row is repeated while others are inserted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.db.models import Model, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from seedtest.api.problems import invalid
from seedtest.models import Workspace
from seedtest.services import cursors
from seedtest.services.cursors import Position

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
PARAMETERS: Final = [
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    OpenApiParameter("cursor", {"type": "string"}, description="`next_cursor` of the page before. Opaque."),
]
_M = TypeVar("_M", bound=Model)


def page(
    request: Request, workspace: Workspace, rows: QuerySet[_M], render: Callable[[list[_M]], list[dict[str, Any]]]
) -> dict[str, Any]:
    """One page of `rows` as `{data, has_more, next_cursor}`."""
    unknown = set(request.query_params) - {"limit", "cursor"}
    if unknown:
        raise invalid([(f"?{name}", "unknown_parameter", "Lists take limit and cursor.") for name in sorted(unknown)])
    limit = _limit(request.query_params.get("limit", str(DEFAULT_LIMIT)))
    name = rows.model._meta.model_name or ""
    if text := request.query_params.get("cursor"):
        last = _position(text, name, workspace)
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    shown, has_more = found[:limit], len(found) > limit
    cursor = cursors.seal(_position_of(shown[-1]), name, workspace) if has_more else None
    return {"data": render(shown), "has_more": has_more, "next_cursor": cursor}


def _position(text: str, name: str, workspace: Workspace) -> Position:
    try:
        return cursors.unseal(text, name, workspace)
    except cursors.BadCursor:
        detail = "This cursor does not belong to this list. Begin again without a cursor."
        raise invalid([("?cursor", "invalid_cursor", detail)]) from None


def _position_of(row: Any) -> Position:
    return Position(row.created_at, row.pk)


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise invalid([("?limit", "invalid", f"Give a limit of 1 to {MAX_LIMIT}.")])
