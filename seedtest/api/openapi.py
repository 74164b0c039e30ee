"""How the API describes itself: the scheme of its keys, and its document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "seedtest.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "ipst_live_<id>_<secret><crc>"}


class Schema(SpectacularAPIView):
    """The same for everybody, so it asks for no key."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
