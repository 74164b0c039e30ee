"""Mailboxes: what state each is in, its folders, and "Check connection"."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from placement import providers
from placement.vocabulary import FolderRole, RoleSource
from seedtest.admin import tenancy, words
from seedtest.admin.badges import badge
from seedtest.admin.base import ScopedInline, WorkspaceAdmin, choices
from seedtest.admin.connecting import ConnectPages
from seedtest.admin.sending import SecretForm, clean_pem
from seedtest.models import EgressRoute, FolderCursor, Mailbox
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import MailboxState
from seedtest.services import backing_off, checking, connecting, states, waking, ways_out
from seedtest.templatetags.seedtest_pages import when

#: What a person may say a folder is for; the rest is the server's business.
_ROLES_TO_SET = (FolderRole.INBOX, FolderRole.JUNK, FolderRole.CATEGORY, FolderRole.OTHER, FolderRole.TRASH)


_NOT_READ = (MailboxState.DISABLED, MailboxState.QUARANTINED)


class MailboxForm(SecretForm):
    secret_name = "secret"
    switched_off = forms.BooleanField(
        required=False, label="Not read", help_text="Switched off or set aside. Untick it to read the mailbox again."
    )

    class Meta:
        model = Mailbox
        fields = (
            "address", "provider", "host", "port", "tls", "login", "auth_kind", "ca_pem", "egress", "authserv_ids"
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["switched_off"] = self.instance.state in _NOT_READ
        if "provider" in self.fields:
            self.fields["provider"].choices = provider_choices()

    def clean_ca_pem(self) -> str:
        return clean_pem(self.cleaned_data["ca_pem"])

    def save(self, commit: bool = True) -> Mailbox:
        off, was_off = self.cleaned_data["switched_off"], self.instance.state in _NOT_READ
        if off and not was_off:
            self.instance.state = MailboxState.DISABLED
        elif not off and (was_off or self.cleaned_data.get("secret")):
            self.instance.state, self.instance.state_reason = MailboxState.NEW, ""
            self.instance.backoff_until, self.instance.attempts = None, 0
            # At once, unless the account has seen as many refused logins as it bears.
            self.instance.auth_backoff_until = backing_off.login_allowed_at(self.instance, db_now())
        return super().save(commit)


def provider_choices() -> list[tuple[str, str]]:
    """Those that have mailboxes; a filter in front of somebody else's has none."""
    some = [one for one in providers.all_providers() if one.has_mailboxes]
    return [(one.id, one.name) for one in (*sorted(some, key=lambda one: one.name.lower()), providers.GENERIC)]


class ProviderFilter(admin.SimpleListFilter):
    """Offers the providers that are there, not all of the catalogue."""

    title, parameter_name, path = "provider", "provider", "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = model_admin.get_queryset(request).order_by().values_list(self.path, flat=True).distinct()
        return sorted(((one, providers.get_or_generic(one).name) for one in found), key=lambda pair: pair[1].lower())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.path: self.value()}) if self.value() else queryset


class FolderInline(ScopedInline):
    model = FolderCursor
    verbose_name_plural = "Folders"
    fields = ("name", "found_role", "how_known", "operator_role")
    readonly_fields = ("name", "found_role", "how_known")
    max_num = 0

    @display(description="Read as")
    def found_role(self, row: FolderCursor) -> str:
        return checking.ROLE_WORDS[FolderRole(row.role)] if row.selectable else "Only holds other folders"

    @display(description="How we know")
    def how_known(self, row: FolderCursor) -> str:
        return checking.SOURCE_WORDS[RoleSource(row.source)]

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "operator_role":
            named = [(role.value, checking.ROLE_WORDS[role]) for role in _ROLES_TO_SET]
            kwargs["choices"] = [("", "as found"), *named]
        return super().formfield_for_choice_field(db_field, request, **kwargs)


def _leave_by(page: MailboxAdmin, request: HttpRequest, rows: QuerySet[Mailbox], *, route: EgressRoute | None) -> None:
    changed = ways_out.assign(rows, route, now=db_now())
    kept = rows.count() - changed
    said = f"{changed} mailboxes leave {f'by “{route.name}”' if route else 'as everything else'} from now on."
    page.message_user(request, f"{said} {kept} of other owners were left as they are." if kept else said)


@admin.register(Mailbox)
class MailboxAdmin(ConnectPages, WorkspaceAdmin):
    form = MailboxForm
    write_roles = tenancy.ADMINISTRATORS
    list_display = ("address", "provider", "state_badge", "problem", "last_read")
    list_filter = (ProviderFilter, "state")
    search_fields = ("address",)
    readonly_fields = ("state_badge", "problem", "quota", "last_read")
    fieldsets = (
        (None, {"fields": ("address", "state_badge", "problem", "quota", "last_read")}),
        ("Sign-in", {"fields": ("secret", "auth_kind", "switched_off")}),
        ("Server", {"fields": ("provider", "host", "port", "tls", "login", "ca_pem", "egress")}),
        ("Whom we believe", {"fields": ("authserv_ids",)}),
    )
    inlines = (FolderInline,)
    actions_detail = ("check_connection",)
    actions_row = ("check_connection",)

    @display(description="State", ordering="state")
    def state_badge(self, row: Mailbox) -> str:
        return badge(words.MAILBOX_STATES[row.state])

    @display(description="What is wrong")
    def problem(self, row: Mailbox) -> str:
        if not row.state_reason or row.state in (MailboxState.HEALTHY, MailboxState.NEW):
            return "—"
        said = states.explain_stored(row)
        return format_html("{}. <span class='st-quiet'>{}</span>", said.title, said.what_next)

    @display(description="Last read", ordering="last_good_poll_at")
    def last_read(self, row: Mailbox) -> str:
        return when(row.last_good_poll_at) or "not yet"

    @display(description="Full to")
    def quota(self, row: Mailbox) -> str:
        return "the server does not say" if row.quota_used is None else f"{row.quota_used:.0%}"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """A way out is for a group of mailboxes: one action a route, for whoever may write here."""
        actions = super().get_actions(request)
        if not self.writable(request):
            return actions
        routes = [*choices(request, EgressRoute)]
        named = {f"leave_by_{one.public_id}": (one, f"Leave by “{one.name}”") for one in routes}
        if routes:
            named["leave_as_usual"] = (None, "Leave as everything else")
        return actions | {name: (partial(_leave_by, route=route), name, said) for name, (route, said) in named.items()}

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False  # a mailbox comes with its seed account

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never one that others use, nor one with results: switch it off instead."""
        if not isinstance(obj, Mailbox):
            return super().has_delete_permission(request, obj)
        shared = obj.seed_accounts.exclude(workspace_id=obj.workspace_id).exists()
        return super().has_delete_permission(request, obj) and not shared and not obj.results.exists()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.check_view)
        check = path("<path:object_id>/check/", view, name="seedtest_mailbox_check")
        return [*self.connect_urls(), check, *super().get_urls()]

    @action(description="Check connection", url_path="check-connection", icon="network_check")
    def check_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        mailbox = self.get_object(request, object_id)
        return HttpResponseRedirect(reverse("admin:seedtest_mailbox_check", args=[mailbox.public_id]))

    def check_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET shows what is known and the button; only POST signs in."""
        mailbox = self.get_object(request, object_id)
        report = None
        if request.method == "POST":
            if self.role_for(request, mailbox) not in tenancy.WRITERS:
                raise PermissionDenied
            report = checking.check_connection(mailbox, now=db_now())
        return self.page(
            request, "mailbox_check.html", f"Check connection: {mailbox.address}", mailbox=mailbox, report=report,
            state=words.MAILBOX_STATES[mailbox.state], setup=mailbox.catalog_entry.auth.setup,
            can_connect=connecting.can_connect(mailbox) and self.has_change_permission(request, mailbox),
        )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Mailbox, form: Any, change: bool) -> None:
        # Only what the form changes: a worker writes the other columns of this row at any moment.
        fields = [*MailboxForm.Meta.fields, "state", "state_reason", "backoff_until", "auth_backoff_until", "attempts"]
        if form.cleaned_data.get("secret"):
            fields.append("secret")
        obj.save(update_fields=fields)
        waking.wake([obj.pk], db_now())
