"""Seed accounts: add one with its provider recognised from the address, or import many from a CSV."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from placement import providers
from seedtest.admin import tenancy
from seedtest.admin.base import WorkspaceAdmin
from seedtest.admin.mailboxes import ProviderFilter, provider_choices
from seedtest.admin.seed_health import HealthPages
from seedtest.models import SeedAccount, Workspace
from seedtest.models.mailboxes import MailboxType, Tls
from seedtest.services import seed_tables, seeding

_INPUT = {"class": "st-input"}


class SeedForm(forms.Form):
    """Address and password are enough where the provider is known."""

    address = forms.EmailField(
        label="E-mail address", widget=forms.EmailInput({**_INPUT, "data-recognise": "address", "autocomplete": "off"})
    )
    password = forms.CharField(
        strip=False, required=False,
        help_text="Stored encrypted, never shown again. Most providers want an app password here. Leave it empty to "
        "sign in at the provider, where your operator has set that up.",
        widget=forms.PasswordInput({**_INPUT, "autocomplete": "new-password"}),
    )  # fmt: skip
    mailbox_type = forms.ChoiceField(
        label="Kind of mailbox", choices=[("", "As usual for the provider"), *MailboxType.choices], required=False,
        widget=forms.Select(_INPUT),
    )  # fmt: skip
    region = forms.CharField(
        max_length=2, required=False, label="Country", widget=forms.TextInput({**_INPUT, "placeholder": "DE"}),
        help_text="Two letters, if it matters where the mailbox is.",
    )  # fmt: skip
    provider = forms.ChoiceField(required=False, widget=forms.Select({**_INPUT, "data-recognise": "provider"}))
    host = forms.CharField(
        label="IMAP server", max_length=253, required=False,
        widget=forms.TextInput({**_INPUT, "data-recognise": "host"}),
    )  # fmt: skip
    port = forms.IntegerField(
        min_value=1, max_value=65535, required=False, widget=forms.NumberInput({**_INPUT, "data-recognise": "port"})
    )
    tls = forms.ChoiceField(
        label="Encryption", required=False, choices=[("", "As usual"), *Tls.choices],
        widget=forms.Select({**_INPUT, "data-recognise": "tls"}),
    )  # fmt: skip
    login = forms.CharField(
        max_length=254, required=False, widget=forms.TextInput({**_INPUT, "data-recognise": "login"}),
        help_text="Usually the address itself.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = [("", "Recognise it from the address"), *provider_choices()]

    def add_to(self, workspace: Workspace) -> SeedAccount | None:
        """The seed, or None with the reason beside its field."""
        data = self.cleaned_data
        overrides = {name: data[name] for name in ("host", "port", "tls", "login") if data.get(name)}
        try:
            added = seeding.add_seed(
                workspace, data["address"], data["password"], provider=data["provider"] or None, overrides=overrides,
                mailbox_type=data["mailbox_type"], region=data["region"],
            )  # fmt: skip
        except seeding.SeedingError as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
            return None
        if not added.created:
            self.add_error("address", "This address is a seed of your workspace already.")
            return None
        return added.account


class ImportForm(forms.Form):
    text = forms.CharField(
        label="Paste the lines", required=False,
        widget=forms.Textarea({"class": "st-input st-code", "rows": 8, "spellcheck": "false"}),
    )  # fmt: skip
    file = forms.FileField(
        label="or choose a CSV file",
        required=False,
        widget=forms.FileInput({"class": "st-file", "accept": ".csv,text/csv"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        file = cleaned.get("file")
        if file is not None:
            if file.size > seed_tables.MAX_CHARACTERS:
                raise forms.ValidationError("The file is larger than 1 MB. Split it and import it in parts.")
            cleaned["text"] = _decoded(file.read())
        if not (cleaned.get("text") or "").strip():
            raise forms.ValidationError("Paste at least one line, or choose a file.")
        return cleaned


def _decoded(data: bytes) -> str:
    """Spreadsheets write UTF-8 with or without BOM, UTF-16 ("Unicode text"), or the Windows code page."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


class SeedProviderFilter(ProviderFilter):
    path = "mailbox__provider"


@admin.register(SeedAccount)
class SeedAccountAdmin(HealthPages, WorkspaceAdmin):
    write_roles = tenancy.ADMINISTRATORS
    list_display = ("address", "provider", "mailbox_type", "region", "how_it_is", "enabled", "in_lists")
    list_display_links = ("address",)
    list_filter = ("enabled", "mailbox_type", SeedProviderFilter, "health__state")
    search_fields = ("mailbox__address",)
    list_select_related = ("mailbox", "workspace", "health")
    fields = ("address", "mailbox_link", "provider", "how_it_is", "mailbox_type", "region", "enabled")
    readonly_fields = ("address", "mailbox_link", "provider", "how_it_is")
    actions_list = ("import_page",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SeedAccount]:
        return super().get_queryset(request).prefetch_related("seed_lists")

    @display(description="Address", ordering="mailbox__address")
    def address(self, row: SeedAccount) -> str:
        return row.mailbox.address

    @display(description="Provider", ordering="mailbox__provider")
    def provider(self, row: SeedAccount) -> str:
        return providers.get_or_generic(row.mailbox.provider).name

    @display(description="Seed lists")
    def in_lists(self, row: SeedAccount) -> str:
        return ", ".join(one.name for one in row.seed_lists.all()) or "in no list yet"

    @display(description="Mailbox")
    def mailbox_link(self, row: SeedAccount) -> str:
        if row.mailbox.workspace_id != row.workspace_id:
            return "Lent by the operator"
        url = reverse("admin:seedtest_mailbox_change", args=[row.mailbox_id])
        return format_html('<a class="st-link" href="{}">Password, server and folders</a>', url)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its results would go with it: switch it off instead."""
        used = isinstance(obj, SeedAccount) and obj.results.exists()
        return super().has_delete_permission(request, obj) and not used

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            *self.health_urls(),
            path("recognise/", wrap(self.recognise_view), name="seedtest_seedaccount_recognise"),
            path("import/", wrap(self.import_view), name="seedtest_seedaccount_import"),
            *super().get_urls(),
        ]

    @action(description="Import a CSV", url_path="import-csv", icon="upload", permissions=["add"])
    def import_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:seedtest_seedaccount_import"))

    def recognise_view(self, request: HttpRequest) -> HttpResponse:
        """What the catalogue knows about an address; nothing is looked up outside."""
        self._may_add(request)
        try:
            server = seeding.recognise(request.GET.get("address", "")[:254])
        except seeding.SeedingError:
            return JsonResponse({})
        found = {"provider": server.provider, "host": server.host, "port": server.port, "tls": server.tls}
        return JsonResponse(found | {"login": server.login, "setup": seeding.setup_hint(server.provider)})

    def _may_add(self, request: HttpRequest) -> Workspace:
        workspace = tenancy.current(request)
        if workspace is None or not self.has_add_permission(request):
            raise PermissionDenied
        return workspace

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        workspace = self._may_add(request)
        form = SeedForm(request.POST or None)
        if self.accepts(request, form):
            account = form.add_to(workspace)
            if account is not None:
                self.log_addition(request, account, "Seed added")
                messages.success(request, f"{account.mailbox.address} is added. Check now whether we can sign in.")
                page = "check" if form.cleaned_data["password"] else "connect"
                return HttpResponseRedirect(reverse(f"admin:seedtest_mailbox_{page}", args=[account.mailbox.public_id]))
        return self.page(request, "seed_add.html", "Add a seed account", form=form)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        workspace = self._may_add(request)
        form = ImportForm(request.POST or None, request.FILES or None)
        report = None
        if self.accepts(request, form):
            report = seed_tables.import_csv(workspace, form.cleaned_data["text"])
            form = ImportForm()  # what was pasted holds passwords: it is not sent back
        return self.page(
            request, "seed_import.html", "Import seed accounts", form=form, report=report, columns=seed_tables.COLUMNS
        )
