"""The one base of every ModelAdmin: nobody sees, chooses, filters by or opens a row of a workspace not theirs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import IntegrityError, models
from django.db.models import Field, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from seedtest.admin import tenancy
from seedtest.models import User, Workspace

#: From a related row to its workspace, for what may be chosen in a form. Models not named here offer nothing.
_CHOICE_PATHS = {User: "memberships__workspace"}
_MAX_ID_DIGITS = 18
#: What the filters of a list append to the name of their field.
_FILTER_ENDS = ("", "__exact", "__isnull", "__id__exact")


def choices(request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
    """The rows of a model that may be chosen in the current workspace."""
    rows = model._default_manager.all()
    workspace = tenancy.current(request)
    path = _CHOICE_PATHS.get(model) or ("workspace" if _has_field(model, "workspace") else "")
    return rows.filter(**{path: workspace}) if path and workspace else rows.none()


def _has_field(model: type[Model], name: str) -> bool:
    return any(field.name == name for field in model._meta.get_fields())


def _is_number(text: str) -> bool:
    """Whether it can be the number of a row: short enough for the database, and nothing but digits."""
    return text.isascii() and text.isdigit() and len(text) <= _MAX_ID_DIGITS


class WorkspaceForm(forms.ModelForm):
    """A form whose new rows belong to the current workspace, so that names are checked for being taken in it."""

    workspace: Workspace | None = None
    #: Why nothing may be added now: see tenancy.opened_elsewhere.
    opened_elsewhere = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._adds_to_workspace():
            self.instance.workspace = self.workspace

    def _adds_to_workspace(self) -> bool:
        return self.instance.pk is None and hasattr(self.instance, "workspace_id")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.opened_elsewhere and self._adds_to_workspace():
            self.add_error(None, self.opened_elsewhere)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"workspace"}


class ScopedRelatedFilter(RelatedFieldListFilter):
    """Offers only rows of the current workspace; Django's own would list everybody's."""

    def field_choices(self, field: Field, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(row.pk, str(row)) for row in choices(request, field.related_model)]


class WorkspaceChangeList(ChangeList):
    """Links rows by their public id."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        if _has_field(self.model, "public_id"):
            self.pk_attname = "public_id"


class _ScopedChoices:
    """Form fields offer rows of the current workspace, and their validation accepts no others."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", choices(request, db_field.related_model))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", choices(request, db_field.related_model))
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


class WorkspaceAdmin(_ScopedChoices, ModelAdmin):
    """Scopes queryset, choices, autocomplete, filters, history, lookups and exports; permissions by role."""

    form = WorkspaceForm
    #: Lookup from a row to its workspace; "" = the row itself is one; None = rows that only the operator sees.
    workspace_path: str | None = "workspace"
    view_roles = tenancy.MEMBERS
    write_roles = tenancy.WRITERS
    list_after_template = "seedtest/zone_note.html"
    change_form_after_template = "seedtest/form_foot.html"
    list_per_page = 50

    # --- rows -----------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The current workspace's rows; an operator sees all."""
        rows = super().get_queryset(request)
        found = tenancy.tenancy(request)
        if found.is_operator:
            return rows
        return self._within(rows, [found.current.pk] if found.current else [])

    def _within(self, rows: QuerySet[Any], workspace_ids: list[int]) -> QuerySet[Any]:
        if self.workspace_path is None:
            return rows.none()
        return rows.filter(**{f"{self.workspace_path or 'pk'}__in": workspace_ids})

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """A row of any workspace of the person, which becomes the current one. Everything else is a plain 404."""
        found = tenancy.tenancy(request)
        rows = super().get_queryset(request)
        if not found.is_operator:
            rows = self._within(rows, list(found.roles))
        row = rows.filter(self._identity(object_id)).first()
        if row is None:
            raise Http404(f"No {self.opts.verbose_name} here with this address.")
        tenancy.enter(request, self.workspace_of(row))
        return row

    def _identity(self, object_id: str) -> Q:
        text = str(object_id)
        if _is_number(text):
            return Q(pk=int(text))
        if not text.isprintable():  # PostgreSQL refuses a NUL with an error
            return Q(pk__in=[])
        return Q(public_id=text) if _has_field(self.model, "public_id") else Q(pk__in=[])

    def workspace_of(self, row: Any) -> Workspace | None:
        if self.workspace_path is None:
            return None
        for step in filter(None, self.workspace_path.split("__")):
            row = getattr(row, step) if row is not None else None
        return row

    # --- permissions ----------------------------------------------------------------------------------------

    def role_for(self, request: HttpRequest, obj: Any = None) -> str:
        if obj is None or not isinstance(obj, models.Model):
            return tenancy.role(request)
        workspace = self.workspace_of(obj)
        return tenancy.tenancy(request).role_in(workspace.pk if workspace else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.role_for(request) in self.view_roles

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.role_for(request, obj) in self.view_roles

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self.role_for(request) in self.write_roles and tenancy.current(request) is not None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.role_for(request, obj) in self.write_roles

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.role_for(request, obj) in self.write_roles

    # --- lists ----------------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WorkspaceChangeList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = list(super().get_list_display(request))
        several = tenancy.tenancy(request).is_operator and len(tenancy.tenancy(request).workspaces) > 1
        return [*columns, "workspace"] if several and self.workspace_path == "workspace" else columns

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [self._scoped_filter(one) for one in super().get_list_filter(request)]

    def _scoped_filter(self, one: Any) -> Any:
        related = isinstance(one, str) and "__" not in one and self.opts.get_field(one).is_relation
        return (one, ScopedRelatedFilter) if related else one

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Only what the page itself offers.

        `?mailbox__login__startswith=` would be an oracle, `?mode__regex=(a` an error of the database.
        """
        names = {self._filter_name(one) for one in self.get_list_filter(request)}
        offered = any(lookup == f"{name}{end}" for name in names for end in _FILTER_ENDS)
        return offered and super().lookup_allowed(lookup, value, request)

    @staticmethod
    def _filter_name(one: Any) -> str:
        one = one[0] if isinstance(one, tuple) else one
        return one if isinstance(one, str) else one.parameter_name

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No bulk deletion: what goes with a row is shown for each before it is deleted."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ticks that cannot be rows are none: Django would ask the database for them, which refuses with an error."""
        ticked = request.POST.copy()
        ticked.setlist(ACTION_CHECKBOX_NAME, [one for one in ticked.getlist(ACTION_CHECKBOX_NAME) if _is_number(one)])
        request.POST = ticked  # type: ignore[assignment]
        return super().response_action(request, queryset)

    # --- forms and pages ------------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.workspace = tenancy.current(request)  # the class is made anew for every request
        form.opened_elsewhere = tenancy.opened_elsewhere(request)
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:
            # Somebody took the name between the form's check and its save. Checked again, the form says so.
            return super().changeform_view(request, *args, **kwargs)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        return super().render_change_form(
            request, {**context, "opened_in": tenancy.opened_in(request)}, *args, **kwargs
        )

    def accepts(self, request: HttpRequest, form: forms.BaseForm) -> bool:
        """Whether what was sent by a page of our own may be written: it is valid and meant for this workspace."""
        if request.method != "POST":
            return False
        valid, elsewhere = form.is_valid(), tenancy.opened_elsewhere(request)
        if elsewhere:
            form.add_error(None, elsewhere)
        return valid and not elsewhere

    def writable(self, request: HttpRequest) -> bool:
        return self.role_for(request) in self.write_roles

    def page(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        """A page of our own within the admin's frame."""
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        frame = self.admin_site.each_context(request)
        own = {
            "title": title,
            "opts": self.opts,
            "workspace": tenancy.current(request),
            "opened_in": tenancy.opened_in(request),
            "can_write": self.writable(request),
        }
        return TemplateResponse(request, f"seedtest/{template}", {**frame, **own, **context})


class ScopedInline(_ScopedChoices, TabularInline):
    """Rows inside the page of their parent, which the parent's admin has scoped already."""

    extra = 0
    can_delete = False

    def _parent_role(self, request: HttpRequest) -> bool:
        return tenancy.role(request) in tenancy.ADMINISTRATORS

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return tenancy.role(request) in tenancy.MEMBERS

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._parent_role(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def zone_name() -> str:
    return timezone.get_current_timezone_name()
