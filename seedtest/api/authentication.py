"""Who is asking: an API key of one workspace, and what it may do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Q
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from seedtest.models import ApiKey
from seedtest.models.clock import db_now

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it loads this module

REALM: Final = 'Bearer realm="seedtest"'
USED_EVERY: Final = timedelta(minutes=1)
_UNKNOWN: Final = (
    "This is no API key of this service. Send `Authorization: Bearer ipst_live_…`, with the whole key as it was shown."
)


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer ipst_live_…`; never a key in a query string, where logs would keep it."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(_UNKNOWN)
        return None, _open(text.strip())

    def authenticate_header(self, request: Request) -> str:
        return REALM


def _open(text: str) -> ApiKey:
    parsed = ApiKey.parse(text) if text.isascii() else None
    if parsed is None:
        raise AuthenticationFailed(_UNKNOWN)
    public_id, secret = parsed
    key = ApiKey.objects.select_related("workspace").filter(public_id=public_id).first()
    if key is None or not key.opens_with(secret):
        raise AuthenticationFailed(_UNKNOWN)
    now = db_now()
    if key.revoked_at is not None:
        raise AuthenticationFailed("This API key was revoked. Make a new one in the admin.")
    if key.expires_at is not None and key.expires_at <= now:
        raise AuthenticationFailed("This API key has expired. Make a new one in the admin.")
    _note_use(key, now)
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is not None and key.last_used_at > now - USED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


class HasScope(BasePermission):
    """Every operation names its scope in the view's `scopes`; one that names none is closed."""

    message = "This API key has not the scope for this operation."

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return False
        method = "GET" if request.method == "HEAD" else request.method
        name = str(method).lower()
        if name not in view.http_method_names or not hasattr(view, name):
            return True  # it will answer 405
        scope = getattr(view, "scopes", {}).get(method)
        self.message = f"This API key has not the scope {scope}. Give it that scope in the admin, or use another key."
        return scope in key.scopes
