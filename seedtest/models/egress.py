"""Where connections leave from: a source address of this machine, or a SOCKS5 proxy, for a group of mailboxes."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from seedtest.crypto import SealedField
from seedtest.models.base import PublicIdField
from seedtest.models.people import Workspace


class EgressRoute(models.Model):
    """A way out for mailboxes. While it is down they wait: falling back would show the address they must not use."""

    public_id = PublicIdField(prefix="egr")
    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, blank=True, related_name="egress_routes")
    name = models.CharField(max_length=120)
    source_address = models.GenericIPAddressField(
        null=True, blank=True, help_text="An address of this machine that connections leave from."
    )
    proxy_host = models.CharField("SOCKS5 proxy", max_length=253, blank=True, help_text="Host name or address.")
    proxy_port = models.PositiveIntegerField("proxy port", default=1080)
    proxy_username = models.CharField("user at the proxy", max_length=254, blank=True)
    proxy_password = SealedField("password at the proxy", blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="egress_route_name_once"),
            models.CheckConstraint(condition=Q(proxy_port__gte=1, proxy_port__lte=65535), name="egress_route_port"),
            models.CheckConstraint(
                condition=Q(source_address__isnull=False) | ~Q(proxy_host=""), name="egress_route_leads_out"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if not self.source_address and not self.proxy_host:
            raise ValidationError({"source_address": "Give a source address, a SOCKS5 proxy, or both."})
