"""Misconfiguration speaks at start-up, with an id and a hint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import split_domain_port, validate_host

from placement import providers
from placement.providers.registrations import FAMILY_NAMES
from seedtest import crashing, name_servers, netguard


@register()
def encryption_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.SEEDTEST_ENCRYPTION_KEYS:
        hint = "Run `manage.py newkey` and set SEEDTEST_ENCRYPTION_KEYS to what it prints."
        return [Error("There is no encryption key, so no mailbox password can be kept.", hint=hint, id="seedtest.E001")]
    return [
        Error(
            f"Key {number} in SEEDTEST_ENCRYPTION_KEYS is not a Fernet key.",
            hint="A key is 32 bytes in URL-safe base64 (44 characters): `manage.py newkey` prints one.",
            id="seedtest.E002",
        )
        for number, key in enumerate(settings.SEEDTEST_ENCRYPTION_KEYS, 1)
        if not _is_fernet_key(key)
    ]


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key.encode())
    except ValueError:
        return False
    return True


@register()
def netguard_allow(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        entries = netguard.parse_allow(settings.NETGUARD_ALLOW)
    except ValueError as error:
        hint = "Write CIDR or CIDR:port, several with commas: 10.1.0.0/16:993,127.0.0.0/8"
        return [Error(f"NETGUARD_ALLOW cannot be read: {error}.", hint=hint, id="seedtest.E003")]
    if entries and not settings.DEBUG:
        hint = "Right for servers of your own in a private network; otherwise empty it."
        return [Warning("NETGUARD_ALLOW lets the service dial private addresses.", hint=hint, id="seedtest.W001")]
    return []


@register()
def clock_offset(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.CLOCK_OFFSET_SECONDS:
        return []
    hint = "Unset CLOCK_OFFSET_SECONDS: it is for tests only."
    return [Warning("The service's clock is shifted.", hint=hint, id="seedtest.W002")]


@register()
def lease_outlives_session(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.LEASE_SECONDS > settings.SESSION_DEADLINE:
        return []
    hint = "Set LEASE_SECONDS well above SESSION_DEADLINE."
    message = "A mailbox's lease ends before its session must, so two workers could poll it at once."
    return [Error(message, hint=hint, id="seedtest.E004")]


@register()
def public_name(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    host, _ = split_domain_port(urlsplit(settings.PUBLIC_URL).netloc)
    if settings.DEBUG or validate_host(host, settings.ALLOWED_HOSTS):
        return []
    hint = f"Add {host or 'its host'} to ALLOWED_HOSTS, or correct PUBLIC_URL."
    message = "The web service refuses its own public name: PUBLIC_URL is not among ALLOWED_HOSTS."
    return [Warning(message, hint=hint, id="seedtest.W003")]


@register()
def dns_servers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        name_servers.resolver()
    except ValueError as error:
        hint = "Write IP addresses, several with commas: 192.0.2.53,127.0.0.1:5353,[2001:db8::1]:53"
        return [Error(f"DNS_NAMESERVERS cannot be read: {error}.", hint=hint, id="seedtest.E006")]
    return []


#: What an entry of OAUTH_CLIENTS may hold.
_OAUTH_FIELDS = frozenset({"client_id", "client_secret", "tenant", "authorize", "token", "scopes"})


@register()
def oauth_clients(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not isinstance(settings.OAUTH_CLIENTS, dict):
        hint = 'Write {"yahoo": {"client_id": "…", "client_secret": "…"}}.'
        return [Error("OAUTH_CLIENTS is no JSON object.", hint=hint, id="seedtest.E008")]
    return [
        Warning(f"OAUTH_CLIENTS: {words}.", hint=hint, id="seedtest.W005")
        for key, given in settings.OAUTH_CLIENTS.items()
        for words, hint in _oauth_complaints(key, given)
    ]


def _oauth_complaints(key: str, given: object) -> Iterator[tuple[str, str]]:
    if key not in {*providers.ids(), *FAMILY_NAMES}:
        families = ", ".join(FAMILY_NAMES)
        yield (
            f"{key!r} is no mailbox provider, so nobody uses it",
            f"Use an id of the catalogue, or one of: {families}.",
        )
    elif not isinstance(given, dict):
        yield f"{key!r} is no object", 'Write {"client_id": "…", "client_secret": "…"}.'
    else:
        for name in sorted(given.keys() - _OAUTH_FIELDS):
            yield f"{key!r} holds {name!r}, which nothing reads", f"It may hold: {', '.join(sorted(_OAUTH_FIELDS))}."


@register()
def crash_points(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    order = os.environ.get(crashing.ORDER, "")
    if not order:
        return []
    try:
        crashing.parse(order)
    except ValueError:
        hint = f"Unset it, or name one of: {', '.join(crashing.Place)}."
        return [Error(f"{crashing.ORDER} cannot be read: {order}.", hint=hint, id="seedtest.E007")]
    hint = f"Unset {crashing.ORDER}: it is for tests only."
    return [Warning(f"Processes end on purpose at: {order}.", hint=hint, id="seedtest.W004")]


@register(deploy=True)
def secret_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.SECRET_KEY:
        return []
    return [Error("SECRET_KEY is empty.", hint="Set it to 50 random characters.", id="seedtest.E005")]
