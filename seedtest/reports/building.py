"""Reads the rows of one test and makes its Report of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any, Final

from django.db.models import Count, Q

from placement import marker, providers, rates
from placement.diagnosis import REASONS
from placement.rates import Rate
from placement.vocabulary import (
    FOUND,
    OBSERVED_TABS,
    Authentication,
    AuthResult,
    MarkerKind,
    Placement,
    Reason,
    Tab,
)
from seedtest.models import Marker, SeedAccount, SeedResult, SeedTest, Verification
from seedtest.models.seedtests import Mode, Status
from seedtest.reports import unlisted
from seedtest.reports.findings import find
from seedtest.reports.identities import authenticated_as, identities_of
from seedtest.reports.judging import judge
from seedtest.reports.numbers import arrival_spread, authenticated, delivery, provider_rates, total_rates
from seedtest.reports.readings import differences
from seedtest.reports.seed_findings import about_seeds
from seedtest.reports.seed_words import tell
from seedtest.reports.sharing import shared_results
from seedtest.reports.values import About, Carry, Counts, LeftOut, ProviderRow, Report, SeedRow, Totals

STATUS_TEXT: Final[dict[str, str]] = {
    Status.DRAFT: "Not opened yet.",
    Status.SENDING: "We are sending the message to the seeds.",
    Status.WAITING: "Waiting for the first message. Nothing has arrived yet.",
    Status.RECEIVING: "Messages are arriving.",
    Status.SETTLED: "Nothing new is arriving; the last seeds are still waited for.",
    Status.COMPLETE: "Complete: every seed is decided.",
    Status.INCONCLUSIVE: "Inconclusive: nothing arrived, so nothing was measured.",
    Status.CANCELLED: "Cancelled. What had been found until then is kept.",
}
_RULE_TEXT: Final[dict[str, str]] = {
    MarkerKind.HEADER.value: "header {header}: {value}",
    MarkerKind.HEADER_PREFIX.value: "header {header} beginning with {value}",
    MarkerKind.SENDER_SUBJECT.value: "From {from_domain} with the subject “{value}”",
}
_AUTH_FIELDS: Final = frozenset(one.name for one in fields(AuthResult))


def build(test: SeedTest) -> Report:
    """Six queries, eight where an ended test has misses; header blocks are never read."""
    carry = _carry(test)
    checked, shared = _checked(test), shared_results(test)
    seeds = tuple(
        _seed_row(result, carry.token, checked.get(result.pk), shared=result.public_id in shared)
        for result in _results(test)
    )
    measured = tuple(seed for seed in seeds if not seed.biased)
    rows = tuple(
        _provider_row(provider, list(group)) for provider, group in groupby(measured, key=lambda seed: seed.provider)
    )
    about = _about(test)
    totals = _totals(rows, measured, about.domain_mix)
    left_out = _left_out(test)
    absent = _unlisted(test, measured)
    provisional = about.is_open or totals.counts.waiting > 0
    return Report(
        about=about,
        carry=carry,
        provisional=provisional,
        totals=totals,
        providers=rows,
        seeds=seeds,
        findings=(
            *find(about, rows, measured), *about_seeds(left_out, absent, [seed for seed in seeds if seed.biased])
        ),
        verdict=judge(about, totals, rows, measured),
        arrival_spread_seconds=arrival_spread(measured),
        left_out=left_out,
        upload_again=tuple(seed.address for seed in absent),
    )  # fmt: skip


def _left_out(test: SeedTest) -> tuple[LeftOut, ...]:
    return tuple(
        LeftOut(
            seed=one["seed"],
            address=one["email"],
            masked_address=masked(one["email"]),
            provider=one["provider"],
            provider_name=providers.get_or_generic(one["provider"]).name,
            state=one["state"],
            title=one.get("title") or told.title,
            next_step=one.get("next_step") or told.next_step,
        )
        for one in test.left_out
        for told in tell([[one["problem"], ""]])
    )


def _unlisted(test: SeedTest, seeds: Sequence[SeedRow]) -> list[SeedRow]:
    """Seeds that this campaign and those before it, of the same From domain, passed over; their siblings got them."""
    missed = [seed for seed in seeds if seed.placement is Placement.MISSING]
    if not missed or test.mode != Mode.ESP or test.status != Status.COMPLETE:
        return []
    accounts = dict(
        SeedAccount.objects.filter(public_id__in=[one.seed for one in missed]).values_list("pk", "public_id")
    )
    silent = unlisted.unlisted(unlisted.chances(accounts, before=test.created_at))
    domain = unlisted.from_domains([test.pk]).get(test.pk) if silent else None
    ids = {accounts[pk] for pk, domains in silent.items() if domain in domains}
    return [seed for seed in missed if seed.seed in ids]


def _results(test: SeedTest) -> Iterable[SeedResult]:
    return (
        SeedResult.objects.filter(test=test)
        .select_related("seed_account", "mailbox")
        .annotate(copies=Count("messages"), variants=Count("messages", filter=Q(messages__is_variant=True)))
        .order_by("provider", "mailbox__address", "id")
    )


def _checked(test: SeedTest) -> dict[int, Verification]:
    """Result → our own check of the message that is measured: the earliest copy."""
    rows = Verification.objects.filter(message__result__test=test, message__is_variant=False, verified_at__isnull=False)
    ordered = rows.select_related("message").order_by("message__internaldate", "message_id")
    found: dict[int, Verification] = {}
    for row in ordered:
        found.setdefault(row.message.result_id, row)
    return found


def _carry(test: SeedTest) -> Carry:
    markers = list(Marker.objects.filter(test=test).order_by("id"))
    token = next((one.value for one in markers if one.kind == MarkerKind.TOKEN.value), "")
    rules = [_rule_text(one) for one in markers if one.kind in _RULE_TEXT]
    return Carry(token, marker.OWN_HEADER, marker.body_line(token), tuple(rules))


def _rule_text(one: Marker) -> str:
    return _RULE_TEXT[one.kind].format(header=one.header, value=one.value, from_domain=one.from_domain)


def _about(test: SeedTest) -> About:
    return About(
        id=test.public_id,
        name=test.name,
        mode=test.mode,
        status=test.status,
        status_text=STATUS_TEXT[test.status],
        status_reason=test.status_reason,
        stream=test.stream.public_id if test.stream else None,
        stream_name=test.stream.name if test.stream else "",
        timezone=test.workspace.timezone,
        created_at=test.created_at,
        window_starts_at=test.window_starts_at,
        window_ends_at=test.window_ends_at,
        start_by=test.start_by,
        sent_at=test.sent_at,
        sent_at_source=test.sent_at_source,
        first_arrival_at=test.first_arrival_at,
        last_arrival_at=test.last_arrival_at,
        deadline_at=test.deadline_at,
        settled_at=test.settled_at,
        completed_at=test.completed_at,
        watch_until=test.watch_until,
        version=test.version,
        policy=test.policy,
        domain_mix=test.domain_mix,
        meta=test.meta,
        is_open=test.is_open,
    )


#: Reasons whose details are the answers to our own SMTP dialogue: they say nothing of a mailbox that others use too.
_FROM_OUR_SENDING = frozenset({Reason.REJECTED_AT_SMTP, Reason.SMTP_UNKNOWN, Reason.SMTP_GAVE_UP})


def _seed_row(result: SeedResult, token: str, checked: Verification | None, *, shared: bool) -> SeedRow:
    said = read_authentication(result.authentication)
    reason = Reason(result.reason)
    told = REASONS[reason]
    address = result.mailbox.address
    catalog = providers.get_or_generic(result.provider)
    return SeedRow(
        id=result.public_id,
        seed=result.seed_account.public_id,
        address=address,
        masked_address=masked(address),
        plus_address=plus_address(catalog, address, token),
        provider=result.provider,
        provider_name=catalog.name,
        mailbox_type=result.mailbox_type,
        region=result.region,
        placement=Placement(result.placement),
        tab=Tab(result.tab) if result.tab else None,
        folder="" if shared else result.folder,
        reason=reason.value,
        reason_title=told.title if reason else "",
        sentences=(told.what_happened, told.what_it_means, told.what_next) if reason else (),
        detail="" if shared and reason not in _FROM_OUR_SENDING else result.detail,
        evidence_line="" if shared else result.evidence_line,
        dispatch=result.dispatch,
        dispatched_at=result.dispatched_at,
        deadline_at=result.deadline_at,
        received_at=result.received_at,
        first_seen_at=result.first_seen_at,
        delivery_seconds=result.delivery_seconds,
        transit_seconds=result.transit_seconds,
        first_placement=result.first_placement,
        current_placement=result.current_placement,
        moved_at=result.moved_at,
        late_at=result.late_at,
        gone_at=result.gone_at,
        authentication=said,
        identities=identities_of(said, checked.checks if checked else {}),
        stated_folder=result.stated_folder,
        stated_line=result.stated_line,
        checked=checked.summary if checked else None,
        differences=tuple(differences(checked.findings)) if checked else (),
        shared=shared,
        sending_ip=result.sending_ip,
        from_domain=result.from_domain,
        return_path_domain=result.return_path_domain,
        matched_by=result.matched_by,
        match_where=result.match_where,
        copies=result.copies,  # type: ignore[attr-defined]  # annotated
        variants=result.variants,  # type: ignore[attr-defined]
        rival_tests=() if shared else tuple(result.rival_tests),
        biased=result.biased,
    )


def masked(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def plus_address(catalog: providers.Provider, address: str, token: str) -> str | None:
    """The seed's address with the test in it, where it is proven that such mail arrives."""
    subaddress = catalog.subaddress
    if not token or not subaddress.separator or subaddress.status is not providers.SubaddressStatus.VERIFIED:
        return None
    return marker.plus_address(address, token, subaddress.separator)


def read_authentication(stored: Mapping[str, Any]) -> Authentication:
    single = {name: _auth_result(stored.get(name)) for name in ("spf", "dmarc", "arc", "bimi")}
    return Authentication(
        **single,
        dkim=tuple(one for each in stored.get("dkim") or () if (one := _auth_result(each))),
        authserv_id=stored.get("authserv_id", ""),
        trusted=tuple(stored.get("trusted", ())),
        untrusted=tuple(stored.get("untrusted", ())),
    )


def _auth_result(stored: Mapping[str, Any] | None) -> AuthResult | None:
    if not stored:
        return None
    return AuthResult(**{name: value for name, value in stored.items() if name in _AUTH_FIELDS})


def _provider_row(provider: str, seeds: Sequence[SeedRow]) -> ProviderRow:
    counts = Counts.of(seed.placement for seed in seeds)
    tabs = Counter(seed.tab for seed in seeds if seed.placement is Placement.INBOX and seed.tab)
    said = _found(seeds)
    return ProviderRow(
        provider=provider,
        name=seeds[0].provider_name,
        counts=counts,
        tabs=tuple(sorted(tabs.items())),
        rates=provider_rates(counts, _primary(tabs)),
        authenticated_as=authenticated_as(seeds),
        spf=authenticated([(one.spf,) if one.spf else () for one in said]),
        dkim=authenticated([one.dkim for one in said]),
        dmarc=authenticated([(one.dmarc,) if one.dmarc else () for one in said]),
        delivery=delivery(seed.delivery_seconds for seed in seeds),
    )


def _found(seeds: Iterable[SeedRow]) -> list[Authentication]:
    return [seed.authentication for seed in seeds if seed.placement in FOUND]


def _primary(tabs: Mapping[Tab, int]) -> Rate | None:
    """Only over messages whose tab was observed; None where there is none."""
    observed = sum(count for tab, count in tabs.items() if tab in OBSERVED_TABS)
    return rates.wilson(tabs.get(Tab.PRIMARY, 0), observed) if observed else None


def _totals(rows: Sequence[ProviderRow], seeds: Sequence[SeedRow], mix: Mapping[str, float]) -> Totals:
    counts = Counts.of(seed.placement for seed in seeds)
    said = _found(seeds)
    by_provider = {row.provider: row.rates.inbox for row in rows}
    return Totals(
        counts=counts,
        rates=total_rates(counts),
        weighted=rates.weighted(by_provider, _provider_weights(mix)),
        authenticated_as=authenticated_as(seeds),
        spf=authenticated([(one.spf,) if one.spf else () for one in said]),
        dkim=authenticated([one.dkim for one in said]),
        dmarc=authenticated([(one.dmarc,) if one.dmarc else () for one in said]),
        delivery=delivery(seed.delivery_seconds for seed in seeds),
    )


def _provider_weights(mix: Mapping[str, float]) -> dict[str, float]:
    """Domains of one provider are added up; a domain that no provider is known for stays by its name."""
    weights: dict[str, float] = {}
    for domain, weight in mix.items():
        known = providers.for_address(f"x@{domain}")
        name = known.id if known else domain
        weights[name] = weights.get(name, 0.0) + float(weight)
    return weights
