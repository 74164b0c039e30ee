"""Where each address leads."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from seedtest.pages import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("seedtest.api.urls")),
    path("health", health.everything),
    path("health/web", health.web),
    path("", RedirectView.as_view(url="/admin/")),
]
