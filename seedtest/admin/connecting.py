"""Connect: the pages around a sign-in at the provider. What comes back is taken by services.connecting."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from seedtest.admin import tenancy
from seedtest.models import Mailbox
from seedtest.models.clock import db_now
from seedtest.services import connecting, signing_in

#: A tenant is a GUID or a domain name.
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{2,100}")


class ConnectPages:
    """Mixed into the mailboxes' admin."""

    def connect_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        return [
            path("connected/", wrap(self.connected_view), name="seedtest_mailbox_connected"),
            path("<path:object_id>/connect/", wrap(self.connect_view), name="seedtest_mailbox_connect"),
        ]

    def connect_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET says what will happen; POST sends the browser to the provider."""
        mailbox = self._connectable(request, object_id)
        if request.method == "POST" and "tenant" in request.POST:
            return self._use_application(request, mailbox)
        if request.method == "POST":
            try:
                return HttpResponseRedirect(connecting.begin(request.session, mailbox, redirect=callback_address()))
            except connecting.ConnectError as error:
                messages.error(request, str(error))
        return self.page(  # type: ignore[attr-defined]
            request, "mailbox_connect.html", f"Connect {mailbox.address}", mailbox=mailbox,
            name=connecting.name_of(mailbox) if connecting.can_connect(mailbox) else "",
            application=_offers_application(request, mailbox), callback=callback_address(),
        )  # fmt: skip

    def connected_view(self, request: HttpRequest) -> HttpResponse:
        """Where the provider sends the browser back to. Goes on to a page of our own, wherever the answer points."""
        try:
            pending = connecting.came_back(request.session, request.GET.dict())
        except connecting.ConnectError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:seedtest_mailbox_changelist"))
        mailbox = self._connectable(request, pending.mailbox_id)
        try:
            connecting.finish(mailbox, pending, now=db_now())
        except connecting.ConnectError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:seedtest_mailbox_connect", args=[mailbox.public_id]))
        return self._connected(request, mailbox, "Connected")

    def _use_application(self, request: HttpRequest, mailbox: Mailbox) -> HttpResponse:
        # Whoever may name a tenant reads every mailbox in it that the application was granted: the operator alone.
        if not _offers_application(request, mailbox):
            raise PermissionDenied
        tenant = request.POST["tenant"].strip()
        if not _TENANT.fullmatch(tenant):
            messages.error(request, "A tenant is an ID like 11111111-2222-…, or a domain like example.onmicrosoft.com.")
            return HttpResponseRedirect(reverse("admin:seedtest_mailbox_connect", args=[mailbox.public_id]))
        signing_in.use_application(mailbox, tenant, now=db_now())
        return self._connected(request, mailbox, "Connected as the application")

    def _connected(self, request: HttpRequest, mailbox: Mailbox, said: str) -> HttpResponse:
        self.log_change(request, mailbox, said)  # type: ignore[attr-defined]
        messages.success(request, f"{mailbox.address} is connected. Check now whether we can read it.")
        return HttpResponseRedirect(reverse("admin:seedtest_mailbox_check", args=[mailbox.public_id]))

    def _connectable(self, request: HttpRequest, object_id: str) -> Mailbox:
        mailbox: Any = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if not self.has_change_permission(request, mailbox):  # type: ignore[attr-defined]
            raise PermissionDenied
        return mailbox


def callback_address() -> str:
    """The one redirect address of this installation, as it is registered at the providers."""
    return settings.PUBLIC_URL + reverse("admin:seedtest_mailbox_connected")


def _offers_application(request: HttpRequest, mailbox: Mailbox) -> bool:
    known = mailbox.catalog_entry.oauth
    return tenancy.tenancy(request).is_operator and known is not None and known.app_only is not None
