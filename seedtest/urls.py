"""Where each address leads."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from seedtest.pages import health, invitation

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("seedtest.api.urls")),
    path("health", health.everything),
    path("health/backlog", health.backlog),
    path("health/web", health.web),
    path("invitation/<str:token>", invitation.open_link, name="invitation"),
    path("", RedirectView.as_view(url="/admin/")),
]
