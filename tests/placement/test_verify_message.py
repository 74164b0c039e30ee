"""One message through every check: the whole story, DNS gone, and mail that wants to do harm."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.verify import HeaderBlock, Outcome, Verification, verify
from tests.fakes import FakeDns
from tests.placement.verify_suites.signed import MESSAGE, by_dkimpy, by_hand, dns, record

NOW = datetime(2026, 3, 4, 10, 21, tzinfo=UTC)
POLICY = "v=DMARC1; p=reject; rua=mailto:d@sender.example"
LOGO = "v=BIMI1; l=https://sender.example/logo.svg; a=https://sender.example/vmc.pem"
WORLD = {
    "sender.example": ["v=spf1 ip4:192.0.2.7 -all"],
    "_dmarc.sender.example": [POLICY],
    "default._bimi.sender.example": [LOGO],
}


def checked(message: bytes | HeaderBlock, resolver: FakeDns | None = None, *, ip: str = "192.0.2.7") -> Verification:
    return verify(
        message,
        sending_ip=ip,
        envelope_from="bounce@sender.example",
        helo="mail.sender.example",
        resolver=dns(**WORLD) if resolver is None else resolver,
        now=NOW,
    )


def outcomes(found: Verification) -> dict[str, Outcome]:
    named = {one.name: getattr(found, one.name) for one in fields(found) if one.name not in {"dkim", "findings"}}
    return {name: check.outcome for name, check in named.items()} | {"dkim": found.dkim[0].outcome}


def codes(found: Verification) -> set[str]:
    return {one.code for one in found.findings}


def test_a_message_in_order_passes_everything_and_has_no_findings():
    found = checked(by_hand())
    assert outcomes(found) == {
        "spf": Outcome.PASS,
        "dkim": Outcome.PASS,
        "dmarc": Outcome.PASS,
        "arc": Outcome.NONE,
        "bimi": Outcome.PASS,
        "one_click": Outcome.PASS,
    }
    assert (found.spf.aligned, found.dkim[0].aligned, found.findings) == (True, True, ())


def test_without_dns_everything_is_unknown_and_nothing_fails():
    found = checked(by_hand(), FakeDns(down="*"))
    expected = dict.fromkeys(["spf", "dkim", "dmarc", "bimi", "one_click"], Outcome.UNKNOWN)
    assert outcomes(found) == {**expected, "arc": Outcome.NONE}
    assert found.findings == ()


def test_the_headers_alone_are_enough_for_all_but_the_body():
    block = by_dkimpy().partition(b"\r\n\r\n")[0] + b"\r\n"
    found = checked(HeaderBlock(block), dns(**{**WORLD, "sender.example": ["v=spf1 -all"]}))
    assert found.dkim[0].outcome is found.dmarc.outcome is found.one_click.outcome is Outcome.HEADERS_ONLY
    assert found.spf.outcome is Outcome.FAIL


def test_mail_signed_by_the_mail_service_alone_is_told_to_the_sender():
    key_of_esp = {"s1._domainkey.esp.example": [record()], "_dmarc.sender.example": [POLICY]}
    found = checked(by_dkimpy(domain="esp.example"), dns(**key_of_esp), ip="198.51.100.1")
    assert (found.dkim[0].outcome, found.dkim[0].aligned, found.dmarc.outcome) == (Outcome.PASS, False, Outcome.FAIL)
    (told,) = (one for one in found.findings if one.code == "dkim_not_aligned")
    assert "esp.example" in told.says and "sender.example" in told.says and told.fix


def test_a_second_signature_of_the_mail_service_is_no_fault():
    zone = dns(**{**WORLD, "s1._domainkey.esp.example": [record()]})
    found = checked(by_hand(by_hand(), domain="esp.example"), zone)
    assert [(one.domain, one.aligned) for one in found.dkim] == [("esp.example", False), ("sender.example", True)]
    assert found.findings == ()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (by_dkimpy().replace(b"Hello", b"Hullo"), "dkim_body_hash"),
        (by_dkimpy().replace(b"To: seed", b"To: weed"), "dkim_signature"),
        (by_hand(limit=5, extra="l=5; "), "dkim_body_limit"),
        (by_hand(extra="t=1900000000; "), "dkim_clock"),
        (by_hand(extra="x=1; "), "dkim_expired"),
        (by_hand().partition(b"From:")[0] * 11 + MESSAGE, "dkim_too_many"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_of_the_signature_is_a_finding_that_quotes_it(message: bytes, code: str):
    told = [one for one in checked(message).findings if one.code == code]
    assert told and told[0].fix
    assert code == "dkim_too_many" or told[0].evidence.startswith("DKIM-Signature: v=1")


def test_a_key_in_testing_is_a_finding():
    assert "dkim_testing" in codes(checked(by_hand(), dns(record(tags="t=y; "), **WORLD)))


def test_a_logo_without_an_enforced_policy_is_a_finding():
    found = checked(by_hand(), dns(**{**WORLD, "_dmarc.sender.example": ["v=DMARC1; p=none"]}))
    assert codes(found) == {"bimi_without_policy"}


def test_a_second_from_field_leaves_dmarc_without_an_answer():
    found = checked(b"From: Eve <eve@other.example>\r\n" + by_dkimpy())
    assert (found.dkim[0].outcome, found.dmarc.outcome) == (Outcome.PASS, Outcome.PERMERROR)


HOSTILE = {
    "many signatures": b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==\r\n" * 1500
    + MESSAGE,
    "many tags": b"DKIM-Signature: " + b"a=b; " * 40_000 + b"\r\n" + MESSAGE,
    "many names": b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; bh=AA==; b=AA==; h="
    + b"from:" * 40_000
    + b"\r\n"
    + MESSAGE,
    "white space": b"DKIM-Signature: b" + b" " * 200_000 + b"\r\n" + MESSAGE,
    "folded white space": b"DKIM-Signature: b" + b"\r\n " * 60_000 + b"\r\n" + MESSAGE,
    "many seals": b"ARC-Seal: i=1; cv=none\r\n" * 1900 + MESSAGE,
    "a long From": b"From: " + b"<a@" * 80_000 + b"\r\n" + MESSAGE,
    "a body of spaces": MESSAGE + b" " * 2_000_000,
    "a body of empty lines": MESSAGE + b"\r\n" * 500_000,
    "no line end": b"x" * 1_000_000,
    "only line ends": b"\r\n" * 100_000,
    "NUL": b"From: \0@\0\r\nDKIM-Signature: \0\r\n\r\n\0",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_answered(name: str):
    found = checked(HOSTILE[name])
    assert len(found.dkim) <= 10
    assert found.dmarc.outcome in {Outcome.FAIL, Outcome.PERMERROR, Outcome.NONE, Outcome.PASS}


@pytest.mark.parametrize(
    "grown",
    [
        lambda size: by_hand() + b" " * size,
        lambda size: by_hand() + b" \t" * (size // 2) + b"x",
        lambda size: by_hand() + b"\r\n" * (size // 2),
        lambda size: b"DKIM-Signature: v=1; b" + b" " * size + b"\r\n" + MESSAGE,
        lambda size: b"DKIM-Signature: v=1; b" + b"\r\n " * (size // 3) + b"= ;b=\r\n" + MESSAGE,
        lambda size: b"List-Unsubscribe: " + b"<" * size + b"\r\nList-Unsubscribe-Post: x\r\n" + MESSAGE,
    ],
)
def test_ten_times_the_mail_costs_no_more_than_fifteen_times_the_time(grown):
    def cost(size: int) -> float:
        message = grown(size)
        samples = []
        for _ in range(5):
            begun = time.process_time()
            checked(message)
            samples.append(time.process_time() - begun)
        return sorted(samples)[2]

    assert cost(100_000) <= 15 * max(cost(10_000), 0.002)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 1200), st.integers(0, 200))
def test_a_mangled_message_never_raises(noise: bytes, at: int, cut: int):
    signed = by_hand()
    mangled = signed[:at] + noise + signed[at + cut :]
    assert isinstance(checked(mangled), Verification)
    assert isinstance(checked(HeaderBlock(mangled, truncated=True)), Verification)


@pytest.mark.corpus
def test_every_message_of_the_corpus_is_answered_and_nothing_fails_without_dns(corpus: Path):
    found: Counter[tuple[str, str]] = Counter()
    for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "received" and not entry.get("duplicate"):
            result = checked((corpus / entry["path"]).read_bytes(), FakeDns(down="*"))
            found.update((one.outcome.value, one.problem.value) for one in result.dkim)
            assert result.spf.outcome is Outcome.UNKNOWN
            assert result.dmarc.outcome in {Outcome.UNKNOWN, Outcome.PERMERROR}
    print(f"\nsignatures of the received corpus, DNS gone: {dict(found)}")
    assert found["unknown", "dns"] > 200
    assert not [key for key in found if key[0] in {"fail", "pass"}]
