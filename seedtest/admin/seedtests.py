"""Seed tests: the list, "New seed test", and the page of one test while it runs and after."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from placement import providers
from seedtest.admin import evidence, result_page, tenancy, words
from seedtest.admin.badges import badge
from seedtest.admin.base import WorkspaceAdmin
from seedtest.admin.opening import NewTestForm
from seedtest.models import SeedResult, SeedTest, User
from seedtest.models.clock import db_now
from seedtest.models.seedtests import Kind
from seedtest.reports import build
from seedtest.reports.evidence import Evidence, evidence_of
from seedtest.services import intake, raw_mail
from seedtest.templatetags.seedtest_pages import when

_COUNTED = ("inbox", "spam", "other", "missing", "rejected")


def test_url(test: SeedTest) -> str:
    return reverse("admin:seedtest_seedtest_change", args=[test.public_id])


def with_counts(rows: QuerySet[SeedTest]) -> QuerySet[SeedTest]:
    """n and the inbox count of every test in one query."""
    return rows.annotate(
        n=Count("results", filter=Q(results__placement__in=_COUNTED, results__biased=False)),
        inbox=Count("results", filter=Q(results__placement="inbox", results__biased=False)),
        spam=Count("results", filter=Q(results__placement="spam", results__biased=False)),
        waiting=Count("results", filter=Q(results__placement="waiting")),
    )


@admin.register(SeedTest)
class SeedTestAdmin(WorkspaceAdmin):
    list_display = ("name", "state", "inbox_count", "spam_count", "stream", "opened")
    actions_list = ("new_test",)
    list_filter = ("status", "mode", "stream")
    search_fields = ("name",)
    ordering = ("-created_at", "-id")
    list_select_related = ("stream", "workspace")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SeedTest]:
        return with_counts(super().get_queryset(request).filter(kind=Kind.PLACEMENT))

    @display(description="State", ordering="status")
    def state(self, row: SeedTest) -> str:
        return badge(words.TEST_STATES[row.status])

    @display(description="Inbox")
    def inbox_count(self, row: Any) -> str:
        return f"{row.inbox}\N{NO-BREAK SPACE}of\N{NO-BREAK SPACE}{row.n}" if row.n else "—"

    @display(description="Spam")
    def spam_count(self, row: Any) -> str:
        return str(row.spam) if row.n else "—"

    @display(description="Opened", ordering="created_at")
    def opened(self, row: SeedTest) -> str:
        return when(row.created_at)

    @action(description="New seed test", url_path="new", icon="add", variant=ActionVariant.PRIMARY, permissions=["add"])
    def new_test(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:seedtest_seedtest_add"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.role_for(request, obj) in tenancy.ADMINISTRATORS

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        pages = (
            ("<str:object_id>/change/", self.test_view, "change"),
            ("<str:object_id>/part/", self.part_view, "part"),
            ("<str:object_id>/seeds.txt", self.seeds_view, "seeds"),
            ("<str:object_id>/evidence/<str:result_id>/", self.evidence_view, "evidence"),
            ("<str:object_id>/evidence/<str:result_id>/headers.eml", self.headers_view, "evidence_headers"),
            ("<str:object_id>/evidence/<str:result_id>/message.eml", self.message_view, "evidence_message"),
            ("<str:object_id>/cancel/", self.cancel_view, "cancel"),
            ("<str:object_id>/recheck/", self.recheck_view, "recheck"),
            ("<str:object_id>/sent/", self.sent_view, "sent"),
        )
        own = [path(route, wrap(view), name=f"seedtest_seedtest_{name}") for route, view, name in pages]
        return [*own, *super().get_urls()]

    # --- opening ----------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        workspace = tenancy.current(request)
        if workspace is None or not self.has_add_permission(request):
            raise PermissionDenied
        form = NewTestForm(request.POST or None, request.FILES or None, workspace=workspace, now=db_now())
        if self.accepts(request, form):
            assert isinstance(request.user, User)
            test = form.open(request.user)
            if test is not None:
                self.log_addition(request, test, "Seed test opened")
                return HttpResponseRedirect(test_url(test))
        return self.page(request, "test_new.html", "New seed test", form=form)

    # --- the page of one test ---------------------------------------------------------------------------------

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        test = self.get_object(request, object_id)
        return self.page(request, "test.html", test.name, **self._shown(request, test))

    def part_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part that changes, for the page that is open in a browser. 204: nothing new since `version`."""
        test = self.get_object(request, object_id)
        if request.GET.get("version") == str(test.version):
            return HttpResponse(status=204)
        return self.page(request, "test_part.html", test.name, **self._shown(request, test))

    def _shown(self, request: HttpRequest, test: SeedTest) -> dict[str, Any]:
        report = build(test)
        lines = result_page.seed_lines(report)
        return {
            "test": test,
            "original": test,
            "report": report,
            "state": words.TEST_STATES[test.status],
            "headline": result_page.headline(report),
            "awaited": result_page.awaited(test, report),
            "bar": result_page.bar(report.totals.counts),
            "counts": [(words.PLACEMENTS[one.placement], one) for one in result_page.bar(report.totals.counts)],
            "counted": bool(report.totals.counts.n) or not test.is_open,
            "providers": result_page.provider_lines(report),
            "names": result_page.name_lines(report.totals.authenticated_as),
            "seeds": lines,
            "moments": result_page.moments(test, report),
            "upload_again": "\n".join(report.upload_again),
            "addresses": "\n".join(row.address for row in report.seeds),
            "can_write": self.has_change_permission(request, test),
            "part_url": reverse("admin:seedtest_seedtest_part", args=[test.public_id]) + f"?version={test.version}",
        }

    def seeds_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        test = self.get_object(request, object_id)
        addresses = test.results.order_by("provider", "mailbox__address").values_list("mailbox__address", flat=True)
        answer = HttpResponse("".join(f"{one}\n" for one in addresses), content_type="text/plain; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="seeds-{test.public_id}.txt"'
        return answer

    def evidence_view(self, request: HttpRequest, object_id: str, result_id: str) -> HttpResponse:
        """Everything about one seed's message; only of mailboxes that nobody else uses."""
        result, found = self._evidence(request, object_id, result_id)
        known = {
            "result": result,
            "test": result.test,
            "provider": providers.get_or_generic(result.provider),
            "badge": words.PLACEMENTS[result.placement],
        }
        return self.page(request, "evidence.html", f"Evidence: {result.mailbox}", **known, **evidence.context(found))

    def headers_view(self, request: HttpRequest, object_id: str, result_id: str) -> HttpResponse:
        result, found = self._evidence(request, object_id, result_id)
        return evidence.download(found.block, f"headers-{result.public_id}")

    def message_view(self, request: HttpRequest, object_id: str, result_id: str) -> HttpResponse:
        result, found = self._evidence(request, object_id, result_id)
        content = raw_mail.content_of(found.raw) if found.raw else None
        if content is None:
            raise Http404("The whole message is not kept.")
        return evidence.download(content, f"message-{result.public_id}")

    def _evidence(self, request: HttpRequest, object_id: str, result_id: str) -> tuple[SeedResult, Evidence]:
        test = self.get_object(request, object_id)
        result = test.results.select_related("test__workspace", "mailbox").filter(public_id=result_id).first()
        found = evidence_of(result) if result else None
        if result is None or found is None:
            raise Http404("There is no evidence here.")
        return result, found

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        test = self._to_change(request, object_id)
        if intake.cancel(test, now=db_now()):
            messages.success(request, "The test is cancelled. What was found until now is kept.")
        else:
            messages.info(request, "The test had ended already.")
        return HttpResponseRedirect(test_url(test))

    def recheck_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        test = self._to_change(request, object_id)
        intake.recheck(test, now=db_now())
        messages.success(request, "We look into all its mailboxes again now. This page updates by itself.")
        return HttpResponseRedirect(test_url(test))

    def sent_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """ "It has all been sent": the clock need not wait for the end of the send window."""
        test = self._to_change(request, object_id)
        now = db_now()
        try:
            intake.declare_sent(test, min(test.first_arrival_at or now, now), now=now)
            messages.success(request, "Noted. Seeds that get nothing are searched once more, then called missing.")
        except intake.IntakeError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(test_url(test))

    def _to_change(self, request: HttpRequest, object_id: str) -> SeedTest:
        test = self.get_object(request, object_id)
        if request.method != "POST" or not self.has_change_permission(request, test):
            raise PermissionDenied
        return test
