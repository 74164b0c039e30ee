"""DMARC by RFC 9989: where the record is found, which policy applies, what counts as aligned."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from placement.verify import dmarc
from placement.verify.model import DkimCheck, DmarcCheck, Finding, Outcome, Problem, SpfCheck
from placement.verify.tree_walk import Walks, walk
from tests.fakes import FakeDns

SIGNED = DkimCheck(Outcome.PASS, Problem.NONE, "", domain="news.sender.example")
NO_SPF = SpfCheck(Outcome.NONE, "", domain="bounce.esp.example")


def dns(down: Sequence[str] = (), **records: str | list[str]) -> FakeDns:
    """Policy records by domain; every domain below `sender.example` exists, `ghost.` ones do not."""
    texts = {f"_dmarc.{name}": {"TXT": [text] if isinstance(text, str) else text} for name, text in records.items()}
    return FakeDns({"news.sender.example": {"A": ["192.0.2.1"]}, **texts}, down=down)


def both(
    resolver: FakeDns,
    author: str = "news.sender.example",
    *,
    spf: SpfCheck = NO_SPF,
    dkim: Sequence[DkimCheck] = (),
) -> tuple[DmarcCheck, tuple[Finding, ...]]:
    return dmarc.check([author], spf, dkim, Walks(resolver), resolver)


def checked(resolver: FakeDns, author: str = "news.sender.example", **more: object) -> DmarcCheck:
    return both(resolver, author, **more)[0]  # type: ignore[arg-type]


def signed_by(domain: str, outcome: Outcome = Outcome.PASS) -> DkimCheck:
    return DkimCheck(outcome, Problem.NONE, "", domain=domain)


def sent_by(domain: str, outcome: Outcome = Outcome.PASS) -> SpfCheck:
    return SpfCheck(outcome, "", domain=domain)


def test_an_aligned_signature_passes_and_says_which_record_asked_for_it():
    found = checked(dns(**{"sender.example": "v=DMARC1; p=reject"}), dkim=[signed_by("sender.example")])
    assert (found.outcome, found.record_domain, found.record) == (Outcome.PASS, "sender.example", "v=DMARC1; p=reject")
    assert (found.dkim_aligned, found.spf_aligned) == (True, False)
    assert found.says == "DKIM passed for a domain aligned with news.sender.example."


def test_an_aligned_envelope_passes():
    found = checked(dns(**{"sender.example": "v=DMARC1; p=none"}), spf=sent_by("bounce.sender.example"))
    assert (found.outcome, found.spf_aligned, found.dkim_aligned) == (Outcome.PASS, True, None)


def test_the_mail_service_s_own_passing_signature_aligns_with_nothing():
    zone = dns(**{"sender.example": "v=DMARC1; p=quarantine"})
    found = checked(zone, spf=sent_by("esp.example"), dkim=[signed_by("esp.example")])
    assert (found.outcome, found.spf_aligned, found.dkim_aligned) == (Outcome.FAIL, False, False)
    assert "The policy p=quarantine of sender.example applies." in found.says


def test_strict_alignment_wants_the_same_domain():
    zone = dns(**{"news.sender.example": "v=DMARC1; p=reject; adkim=s; aspf=s"})
    assert checked(zone, dkim=[signed_by("sender.example")]).outcome is Outcome.FAIL
    assert checked(zone, dkim=[signed_by("news.sender.example")]).outcome is Outcome.PASS
    assert checked(zone, spf=sent_by("sender.example")).outcome is Outcome.FAIL
    assert checked(zone, spf=sent_by("news.sender.example")).outcome is Outcome.PASS


def test_each_way_is_as_strict_as_its_own_tag():
    zone = dns(**{"sender.example": "v=DMARC1; p=reject; adkim=s; aspf=r"})
    assert checked(zone, dkim=[signed_by("sender.example")]).outcome is Outcome.FAIL
    assert checked(zone, spf=sent_by("sender.example")).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("author", "record", "policy"),
    [
        ("sender.example", "v=DMARC1; p=reject; sp=none; np=quarantine", ("p", "reject")),
        ("news.sender.example", "v=DMARC1; p=reject; sp=none; np=quarantine", ("sp", "none")),
        ("ghost.sender.example", "v=DMARC1; p=reject; sp=none; np=quarantine", ("np", "quarantine")),
        ("ghost.sender.example", "v=DMARC1; p=reject; sp=none", ("sp", "none")),
        ("news.sender.example", "v=DMARC1; p=reject; np=none", ("p", "reject")),
        ("news.sender.example", "v=DMARC1; rua=mailto:d@sender.example", ("p", "none")),
    ],
)
def test_the_policy_that_applies_is_p_sp_or_np(author: str, record: str, policy: tuple[str, str]):
    found = checked(dns(**{"sender.example": record}), author)
    assert (found.policy_tag, found.policy) == policy
    assert found.outcome is Outcome.FAIL


def test_testing_mode_makes_the_policy_one_step_milder():
    found = checked(dns(**{"sender.example": "v=DMARC1; p=reject; t=y"}))
    assert (found.policy, found.testing) == ("reject", True)
    assert "(t=y: treated as quarantine)" in found.says


def test_without_any_record_there_is_no_dmarc():
    found = checked(dns(), dkim=[SIGNED])
    assert (found.outcome, found.organisational_domain) == (Outcome.NONE, "news.sender.example")
    assert found.asked == ("_dmarc.news.sender.example", "_dmarc.sender.example", "_dmarc.example")


def test_several_records_at_one_name_are_as_good_as_none():
    zone = dns(**{"news.sender.example": ["v=DMARC1; p=reject"] * 2, "sender.example": "v=DMARC1; p=none"})
    assert checked(zone).record_domain == "sender.example"


def test_other_texts_at_the_name_do_not_disturb():
    zone = dns(**{"sender.example": ["v=spf1 -all", "v=dmarc1; p=none", "v=DMARC1; p=reject"]})
    assert checked(zone).policy == "reject"


def test_a_long_name_costs_eight_lookups():
    name = "a.b.c.d.e.f.g.h.i.j.sender.example"
    asked = walk(name, FakeDns()).asked
    assert len(asked) == 8
    assert asked[:2] == (f"_dmarc.{name}", "_dmarc.f.g.h.i.j.sender.example")
    assert asked[-1] == "_dmarc.example"


@pytest.mark.parametrize(
    ("records", "organisation"),
    [
        ({"example": "v=DMARC1; p=none; psd=y"}, "sender.example"),
        ({"sender.example": "v=DMARC1; p=none", "example": "v=DMARC1; p=none; psd=y"}, "sender.example"),
        (
            {"news.sender.example": "v=DMARC1; p=none; psd=n", "sender.example": "v=DMARC1; p=none"},
            "news.sender.example",
        ),
        ({"news.sender.example": "v=DMARC1; p=none", "sender.example": "v=DMARC1; p=none"}, "sender.example"),
        (
            {"news.sender.example": "v=DMARC1; p=none; psd=y", "sender.example": "v=DMARC1; p=none"},
            "news.sender.example",
        ),
        ({}, "news.sender.example"),
    ],
)
def test_the_organisational_domain_is_found_by_the_walk(records: dict[str, str], organisation: str):
    assert walk("news.sender.example", dns(**records)).organisational_domain == organisation


def test_a_public_suffix_s_own_policy_applies_where_nobody_below_has_one():
    found = checked(dns(example="v=DMARC1; p=none; sp=quarantine; np=reject; psd=y"))
    assert (found.record_domain, found.policy_tag, found.policy) == ("example", "sp", "quarantine")
    assert found.psd == "y"


def test_two_customers_of_one_public_suffix_are_not_aligned():
    zone = dns(example="v=DMARC1; p=reject; psd=y")
    assert checked(zone, dkim=[signed_by("other.example")]).outcome is Outcome.FAIL
    assert checked(zone, dkim=[signed_by("sender.example")]).outcome is Outcome.PASS


def test_a_walk_that_ends_elsewhere_than_the_list_is_told():
    zone = dns(**{"news.sender.example": "v=DMARC1; p=none; psd=n"})
    found, findings = both(zone)
    assert (found.organisational_domain, found.psl_domain) == ("news.sender.example", "sender.example")
    assert [one.code for one in findings] == ["dmarc_organisational_domain"]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ("v=DMARC1; p=block; rua=mailto:d@sender.example", "p=block is none of"),
        ("v=DMARC1; p=none; pct=50", "pct= no longer has a meaning"),
        ("v=DMARC1; p=none; p=reject", "p= is given twice"),
        ("v=DMARC1; p=none; adkim=x", "adkim=x is none of r, s"),
        ("v=DMARC1; p=none; reject", "'reject' is no tag"),
        ("v=DMARC1; p=none; foo=1", "the tag foo= is unknown"),
        ("v=DMARC1; rua=mailto:d@sender.example", "p= is missing or invalid"),
    ],
)
def test_an_odd_record_is_a_finding_that_quotes_it(record: str, says: str):
    found, findings = both(dns(**{"sender.example": record}))
    assert found.policy == "none"
    assert any(says in one.says and record in one.evidence for one in findings)


def test_a_record_without_policy_and_reports_counts_as_none():
    assert checked(dns(**{"sender.example": "v=DMARC1; p=block"})).outcome is Outcome.NONE


def test_a_record_that_cannot_be_looked_up_is_unknown_and_no_failure():
    found = checked(dns(down=["_dmarc.sender.example"]))
    assert found.outcome is Outcome.UNKNOWN
    assert found.says.startswith("Unknown (temporary): ")


def test_a_signature_that_could_not_be_checked_keeps_the_verdict_open():
    zone = dns(**{"sender.example": "v=DMARC1; p=reject"})
    unknown = signed_by("sender.example", Outcome.UNKNOWN)
    assert checked(zone, dkim=[unknown]).outcome is Outcome.UNKNOWN
    assert checked(zone, dkim=[unknown, signed_by("sender.example")]).outcome is Outcome.PASS
    assert checked(zone, dkim=[signed_by("esp.example", Outcome.UNKNOWN)]).outcome is Outcome.FAIL


def test_an_alignment_that_could_not_be_looked_up_keeps_the_verdict_open():
    zone = dns(["_dmarc.other.sender.example"], **{"sender.example": "v=DMARC1; p=reject"})
    assert checked(zone, dkim=[signed_by("other.sender.example")]).outcome is Outcome.UNKNOWN


def test_a_signature_over_the_headers_only_is_no_more_than_that():
    zone = dns(**{"sender.example": "v=DMARC1; p=reject"})
    found = checked(zone, dkim=[signed_by("sender.example", Outcome.HEADERS_ONLY)])
    assert found.outcome is Outcome.HEADERS_ONLY


@pytest.mark.parametrize("authors", [[], [""], ["a.example", "b.example"]])
def test_a_message_without_one_author_domain_has_no_dmarc_result(authors: list[str]):
    resolver = dns(**{"sender.example": "v=DMARC1; p=reject"})
    found, _ = dmarc.check(authors, NO_SPF, [SIGNED], Walks(resolver), resolver)
    assert found.outcome is Outcome.PERMERROR
    assert resolver.asked == []
