"""Read one provider's TOML into a Provider, or say which file and field is wrong and why."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from placement.errors import CatalogError
from placement.providers.fields import Fields
from placement.providers.model import (
    OAUTH_METHODS,
    AppOnly,
    ArStyle,
    Auth,
    AuthMethod,
    CategoryFolder,
    Flow,
    ImapEndpoint,
    Kind,
    Limits,
    OAuth,
    Position,
    Provider,
    Requirement,
    Step,
    Subaddress,
    SubaddressStatus,
    Tabs,
    Tls,
    Username,
)
from placement.providers.patterns import compile_authserv_id
from placement.vocabulary import OBSERVED_TABS, Tab

_SOURCES_FILE: Final = Path(__file__).with_name("sources.toml")
_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})+|127\.0\.0\.1")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_MAX_FILE_BYTES: Final = 256 * 1024


def read(path: Path) -> Provider:
    """One file → one provider. The file is named after the provider's id."""
    provider = parse(path.name, _toml(path))
    if provider.id != path.stem:
        raise CatalogError(f"{path.name}: id: is {provider.id!r}, but the file must be called {provider.id}.toml")
    return provider


@cache
def sources() -> Mapping[str, str]:
    """What the short names in `Provider.sources` stand for."""
    return {key: str(value) for key, value in _toml(_SOURCES_FILE).items()}


def parse(file: str, values: Mapping[str, Any]) -> Provider:
    fields = Fields(file, values)
    kind = fields.word("kind", Kind)
    methods_fields = fields.table("auth") or _absent(fields, "auth")
    oauth_fields = fields.table("oauth")
    limits_fields = fields.table("limits")
    style_fields = fields.table("ar_style")
    provider = Provider(
        id=fields.checked("id", fields.text("id"), _id),
        name=fields.text("name"),
        kind=kind,
        country=fields.checked("country", fields.text("country", ""), _country),
        platform=fields.text("platform", ""),
        domains=fields.each("domains", _domain),
        mx_suffixes=fields.each("mx_suffixes", _host),
        imap=_imap(fields, kind),
        auth=_auth(methods_fields, kind),
        oauth=_oauth(oauth_fields) if oauth_fields else None,
        junk_names=fields.each("junk_names", _folder_name),
        special_use=fields.flag_or_none("special_use"),
        all_mail_names=fields.each("all_mail_names", _folder_name),
        own_folders=fields.each("own_folders", _folder_name),
        tabs=fields.word("tabs", Tabs, Tabs.NONE),
        category_folders=tuple(_category_folder(entry) for entry in fields.tables("category_folders")),
        authserv_ids=fields.each("authserv_ids", compile_authserv_id),
        ar_style=_ar_style(style_fields) if style_fields else ArStyle(),
        verdict_headers=fields.each("verdict_headers", _header),
        limits=_limits(limits_fields) if limits_fields else Limits(),
        subaddress=_subaddress(fields.table("subaddress")),
        delivery_allowance_minutes=fields.number("delivery_allowance_minutes", low=1, high=1440, default=30),
        id_before_select=fields.flag("id_before_select"),
        notes=fields.texts("notes"),
        unverified=fields.each("unverified", _unverified),
        sources=fields.each("sources", _source),
    )
    fields.finish()
    _agree(fields, provider)
    return provider


def _toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise CatalogError(f"{path.name}: file: is larger than {_MAX_FILE_BYTES // 1024} KiB")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogError(f"{path.name}: file: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CatalogError(f"{path.name}: file: is not UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path.name}: file: is no valid TOML: {error}") from error


def _imap(fields: Fields, kind: Kind) -> ImapEndpoint | None:
    table = fields.table("imap")
    if kind is Kind.GATEWAY:
        if table:
            raise fields.wrong("imap", "a gateway has no mailboxes, so it has no [imap]")
        return None
    table = table or _absent(fields, "imap")
    endpoint = ImapEndpoint(
        host=table.checked("host", table.text("host"), _imap_host),
        port=table.number("port", low=1, high=65535, default=993),
        tls=table.word("tls", Tls),
        username=table.word("username", Username, Username.EMAIL),
        alternatives=table.each("alternatives", _host),
        note=table.text("note", ""),
    )
    table.finish()
    return endpoint


def _auth(table: Fields, kind: Kind) -> Auth:
    auth = Auth(
        required=table.word("required", Requirement),
        methods=table.words("methods", AuthMethod),
        setup=table.text("setup", ""),
        sign_up=table.checked("sign_up", table.text("sign_up", ""), _https_or_empty),
        create=_steps(table, "create"),
        steps=_steps(table, "steps"),
        app_password=_steps(table, "app_password"),
        leave_empty=_steps(table, "leave_empty"),
    )
    if (auth.required is Requirement.NONE) != (kind is Kind.GATEWAY):
        raise table.wrong("required", "'none' is for gateways, and gateways have nothing else")
    if not auth.methods and kind is not Kind.GATEWAY:
        raise table.wrong("methods", "is empty: how does a mailbox log in?")
    table.finish()
    return auth


def _steps(table: Fields, name: str) -> tuple[Step, ...]:
    return tuple(Step(one) if isinstance(one, str) else _step(one) for one in table.texts_or_tables(name))


def _step(table: Fields) -> Step:
    source = table.text("source", "")
    step = Step(
        text=table.text("text"),
        source=table.checked("source", source, _source) if source else "",
        verified=table.flag("verified"),
    )
    if step.verified and not step.source:
        raise table.wrong("source", "is missing: who told this step, that it counts as verified?")
    table.finish()
    return step


def _oauth(table: Fields) -> OAuth:
    app_only = table.table("app_only")
    oauth = OAuth(
        authorize=table.checked("authorize", table.text("authorize"), _https),
        token=table.checked("token", table.text("token"), _https),
        device_code=table.checked("device_code", table.text("device_code", ""), _https_or_empty),
        tenant=table.text("tenant", ""),
        scopes=table.texts("scopes"),
        sasl=table.words("sasl", AuthMethod),
        pkce=table.flag("pkce"),
        flows=table.words("flows", Flow) or (Flow.AUTHORIZATION_CODE,),
        app_only=_app_only(app_only) if app_only else None,
        steps=_steps(table, "steps"),
        notes=table.texts("notes"),
    )
    if "{tenant}" in oauth.authorize + oauth.token + oauth.device_code and not oauth.tenant:
        raise table.wrong("tenant", "is missing: the addresses hold {tenant}")
    if not oauth.sasl or not set(oauth.sasl) <= OAUTH_METHODS:
        raise table.wrong("sasl", "must name xoauth2, oauthbearer or both")
    table.finish()
    return oauth


def _app_only(table: Fields) -> AppOnly:
    app_only = AppOnly(table.text("scope"), table.text("permission"), table.text("setup"), _steps(table, "steps"))
    table.finish()
    return app_only


def _category_folder(table: Fields) -> CategoryFolder:
    name = table.checked("name", table.text("name"), _folder_name)
    tab = table.word("tab", Tab)
    if tab not in OBSERVED_TABS:
        raise table.wrong("tab", f"{tab.value!r} is no tab that a folder can show")
    table.finish()
    return CategoryFolder(name, tab)


def _ar_style(table: Fields) -> ArStyle:
    fewest, most = table.number_or_none("headers_min"), table.number_or_none("headers_max")
    style = ArStyle(
        missing_authserv_id=table.flag("missing_authserv_id"),
        position=table.word_or_none("position", Position),
        methods=table.texts("methods"),
        headers_per_message=(fewest, most or fewest) if fewest else None,
        examples=table.texts("examples"),
        quirks=table.texts("quirks"),
    )
    table.finish()
    return style


def _limits(table: Fields) -> Limits:
    limits = Limits(
        connections=table.number_or_none("connections"),
        sessions=table.number_or_none("sessions"),
        logins_per_minute=table.number_or_none("logins_per_minute"),
        min_poll_seconds=table.number_or_none("min_poll_seconds"),
        idle=table.flag_or_none("idle"),
        idle_renew_seconds=table.number_or_none("idle_renew_seconds"),
        window_messages=table.number_or_none("window_messages"),
        window_days=table.number_or_none("window_days"),
        folders=table.number_or_none("folders"),
        download_mb_per_day=table.number_or_none("download_mb_per_day"),
        upload_mb_per_day=table.number_or_none("upload_mb_per_day"),
        inactive_days=table.number_or_none("inactive_days"),
        over_limit=table.texts("over_limit"),
    )
    table.finish()
    return limits


def _subaddress(table: Fields | None) -> Subaddress:
    if table is None:
        return Subaddress()
    found = Subaddress(table.text("separator", ""), table.word("status", SubaddressStatus))
    if found.status is SubaddressStatus.VERIFIED and not found.separator:
        raise table.wrong("separator", "is missing: a verified subaddress has one")
    table.finish()
    return found


def _agree(fields: Fields, provider: Provider) -> None:
    """What one field says must fit what another says."""
    oauth_methods = OAUTH_METHODS.intersection(provider.auth.methods)
    if provider.auth.app_password and AuthMethod.APP_PASSWORD not in provider.auth.methods:
        raise fields.wrong("auth.app_password", "goes with the method app_password, and only with it")
    if oauth_methods and provider.oauth is None:
        raise fields.wrong("oauth", f"is missing, but auth.methods has {', '.join(sorted(oauth_methods))}")
    if (provider.tabs is Tabs.FOLDERS) != bool(provider.category_folders):
        raise fields.wrong("category_folders", 'go with tabs = "folders", and only with it')
    if provider.authserv_ids and provider.kind is not Kind.GATEWAY and not provider.ar_style.position:
        raise fields.wrong("ar_style.position", "is missing: where do the Authentication-Results stand?")


def _absent(fields: Fields, name: str) -> Fields:
    raise fields.wrong(name, "is missing")


def _id(value: str) -> str:
    return _matching(_ID, value, "is no id: lower-case letters, digits and _, beginning with a letter")


def _country(value: str) -> str:
    return _matching(re.compile(r"(?:[A-Z]{2})?"), value, "is no ISO 3166 code of two letters")


def _host(value: str) -> str:
    return _matching(_HOST, value, "is no host name in lower case")


def _domain(value: str) -> str:
    _host(value.removeprefix("."))
    return value


def _imap_host(value: str) -> str:
    _host(value.replace("{domain}", "example.com"))
    return value


def _header(value: str) -> str:
    return _matching(_HEADER, value, "is no header name")


def _https(value: str) -> str:
    return _matching(re.compile(r"https://[^\s/]+\S*"), value, "must begin with https://")


def _https_or_empty(value: str) -> str:
    return _https(value) if value else value


def _folder_name(value: str) -> str:
    if re.search(r"&[A-Za-z0-9+,]*-", value):
        raise ValueError("is modified UTF-7: write it as people read it")
    return value


def _unverified(value: str) -> str:
    if value.partition(":")[0].partition(".")[0] not in Provider.__dataclass_fields__:
        raise ValueError('must begin with a field of the catalogue, as in "limits.connections: 5 to 10"')
    return value


def _source(value: str) -> str:
    if value not in sources() and not value.startswith("https://"):
        raise ValueError("is no key of sources.toml and no https:// address")
    return value


def _matching(pattern: re.Pattern[str], value: str, complaint: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(complaint)
    return value
