"""Our own result beside the receiver's: a difference is a finding that quotes both."""

from __future__ import annotations

import pytest

from placement.verify import Outcome, Problem, Verification, compare
from placement.verify.model import ArcCheck, BimiCheck, DkimCheck, DmarcCheck, OneClickCheck, SpfCheck
from placement.vocabulary import Authentication, AuthResult


def ours(
    *,
    spf: Outcome = Outcome.PASS,
    dkim: tuple[DkimCheck, ...] = (),
    dmarc: Outcome = Outcome.PASS,
    arc: Outcome = Outcome.NONE,
) -> Verification:
    return Verification(
        spf=SpfCheck(spf, "Our words on SPF."),
        dkim=dkim,
        dmarc=DmarcCheck(dmarc, "Our words on DMARC."),
        arc=ArcCheck(arc, "Our words on ARC."),
        bimi=BimiCheck(Outcome.NONE, ""),
        one_click=OneClickCheck(Outcome.NONE, ""),
    )


def signature(outcome: Outcome, domain: str = "sender.example", selector: str = "s1") -> DkimCheck:
    return DkimCheck(outcome, Problem.NONE, "Our words on DKIM.", domain=domain, selector=selector)


def said(method: str, result: str, domain: str = "", selector: str = "") -> AuthResult:
    return AuthResult(method, result, domain=domain, selector=selector, line=f"mx.example; {method}={result}")


def test_a_difference_quotes_both_sides():
    (told,) = compare(ours(spf=Outcome.FAIL), Authentication(spf=said("spf", "pass")))
    assert told.code == "spf_differs"
    assert told.evidence == "The receiver: mx.example; spf=pass\nOur check: spf=fail: Our words on SPF."
    assert told.fix


@pytest.mark.parametrize(
    ("outcome", "result", "differs"),
    [
        (Outcome.PASS, "pass", False),
        (Outcome.PASS, "fail", True),
        (Outcome.PASS, "softfail", True),
        (Outcome.PASS, "none", True),
        (Outcome.SOFTFAIL, "fail", False),
        (Outcome.NONE, "none", False),
        (Outcome.NONE, "pass", True),
        (Outcome.PERMERROR, "pass", True),
        (Outcome.UNKNOWN, "pass", False),
        (Outcome.UNKNOWN, "fail", False),
        (Outcome.PASS, "temperror", False),
        (Outcome.NEUTRAL, "pass", False),
        (Outcome.FAIL, "bestguesspass", False),
    ],
)
def test_only_two_definite_words_can_differ(outcome: Outcome, result: str, differs: bool):
    assert bool(compare(ours(spf=outcome), Authentication(spf=said("spf", result)))) is differs


def test_a_receiver_that_says_nothing_does_not_differ():
    assert compare(ours(spf=Outcome.FAIL, dmarc=Outcome.FAIL, dkim=(signature(Outcome.FAIL),)), Authentication()) == ()


def test_a_signature_over_the_headers_alone_agrees_with_a_pass():
    theirs = Authentication(dkim=(said("dkim", "pass", "sender.example"),), dmarc=said("dmarc", "pass"))
    assert compare(ours(dkim=(signature(Outcome.HEADERS_ONLY),), dmarc=Outcome.HEADERS_ONLY), theirs) == ()


def test_gmail_s_neutral_for_a_broken_body_agrees_with_a_failure():
    theirs = Authentication(dkim=(said("dkim", "neutral", "sender.example"),))
    assert compare(ours(dkim=(signature(Outcome.FAIL),)), theirs) == ()
    assert [one.code for one in compare(ours(dkim=(signature(Outcome.PASS),)), theirs)] == ["dkim_differs"]


def test_a_signature_that_we_cannot_even_read_differs_from_a_pass():
    theirs = Authentication(dkim=(said("dkim", "pass", "sender.example"),))
    assert [one.code for one in compare(ours(dkim=(signature(Outcome.NEUTRAL),)), theirs)] == ["dkim_differs"]


def test_signatures_are_compared_by_domain_and_selector():
    checks = (signature(Outcome.PASS), signature(Outcome.FAIL, selector="s2"), signature(Outcome.FAIL, "esp.example"))
    theirs = (
        said("dkim", "pass", "sender.example", "s1"),
        said("dkim", "pass", "sender.example", "s2"),
        said("dkim", "fail", "esp.example"),
    )
    (told,) = compare(ours(dkim=checks), Authentication(dkim=theirs))
    assert "dkim=fail d=sender.example s=s2: Our words on DKIM." in told.evidence


def test_without_a_selector_any_signature_of_the_domain_may_be_meant():
    checks = (signature(Outcome.FAIL), signature(Outcome.PASS, selector="s2"))
    assert compare(ours(dkim=checks), Authentication(dkim=(said("dkim", "pass", "sender.example"),))) == ()


def test_a_passing_signature_that_the_message_does_not_carry_is_a_finding():
    theirs = Authentication(dkim=(said("dkim", "pass", "gone.example"),))
    (told,) = compare(ours(dkim=(signature(Outcome.PASS),)), theirs)
    assert "no signature of gone.example" in told.evidence


def test_dmarc_and_arc_are_compared_too():
    theirs = Authentication(dmarc=said("dmarc", "fail"), arc=said("arc", "pass"))
    assert [one.code for one in compare(ours(arc=Outcome.FAIL), theirs)] == ["dmarc_differs", "arc_differs"]
