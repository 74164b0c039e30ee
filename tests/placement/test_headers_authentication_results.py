"""Only what the seed's own provider wrote about authentication is believed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.headers import Headers
from placement.headers.authentication_results import read
from placement.headers.authres_grammar import MAX_VALUE, parse_value
from placement.vocabulary import Authentication

GMAIL = (
    "Authentication-Results: mx.google.com;\r\n"
    "       dkim=pass header.i=@news.shop.example header.s=s1 header.b=abc;\r\n"
    "       dkim=fail (bad (very bad) signature) header.i=@esp.example header.s=k2;\r\n"
    "       spf=softfail (google.com: domain of transitioning b=1@bounce.esp.example) "
    'smtp.mailfrom="b=1@bounce.esp.example";\r\n'
    "       dmarc=fail (p=REJECT sp=QUARANTINE dis=NONE) header.from=shop.example\r\n"
)
SENDER = "From: Shop <hello@shop.example>\r\nSubject: x\r\n"


def reading(block: str, *ids: str, position: str = "above", at_most: int | None = None) -> Authentication:
    return read(
        Headers.parse(block.encode()),
        wrote=lambda name: name in (ids or ("mx.google.com",)),
        missing_authserv_id=ids == ("",),
        position=position,
        at_most=at_most,
    )


def test_gmail_says_each_method_with_its_domain_selector_and_policy():
    found = reading(GMAIL + SENDER)
    assert found.spf is not None and found.dmarc is not None
    assert (found.spf.result, found.spf.domain, found.spf.aligned) == (
        "softfail",
        "bounce.esp.example",
        False,
    )
    assert [(one.result, one.domain, one.selector, one.aligned) for one in found.dkim] == [
        ("pass", "news.shop.example", "s1", True),
        ("fail", "esp.example", "k2", False),
    ]
    assert (found.dmarc.result, found.dmarc.domain) == ("fail", "shop.example")
    assert (found.dmarc.policy, found.dmarc.disposition) == ("reject", "none")
    assert found.authserv_id == "mx.google.com"
    assert found.trusted == (found.spf.line,)


def test_a_foreign_header_is_kept_but_not_believed():
    found = reading("Authentication-Results: aaa.com; dkim=pass header.d=shop.example\r\n" + SENDER)
    assert (found.dkim, found.trusted) == ((), ())
    assert found.untrusted == ("aaa.com; dkim=pass header.d=shop.example",)


def test_nothing_said_is_not_fail():
    assert reading(SENDER) == Authentication()


@pytest.mark.parametrize(
    "between",
    [
        "Received: from evil.example by mx.google.com\r\n",
        "DKIM-Signature: v=1; d=evil.example\r\n",
        "From: evil@evil.example\r\n",
    ],
)
def test_a_duplicate_under_the_providers_name_further_down_overrides_nothing(between: str):
    forged = "Authentication-Results: mx.google.com; bimi=pass; arc=pass\r\n"
    found = reading(GMAIL + between + forged + SENDER)
    assert (found.bimi, found.arc) == (None, None)
    assert len(found.trusted) == len(found.untrusted) == 1


def test_a_duplicate_right_below_cannot_answer_a_method_again():
    found = reading(GMAIL + "Authentication-Results: mx.google.com; dkim=pass header.d=bank.example\r\n" + SENDER)
    assert "bank.example" not in {one.domain for one in found.dkim}


def test_a_provider_known_to_write_one_header_is_believed_once():
    forged = "Authentication-Results: mx.google.com; bimi=pass\r\n"
    assert reading(GMAIL + forged + SENDER, at_most=1).bimi is None


def test_the_providers_name_below_the_senders_fields_is_forged_where_it_writes_above():
    assert reading(SENDER + GMAIL).trusted == ()


def test_the_header_between_two_received_lines_is_the_providers():
    block = "Received: by 2002:a::1; x\r\n" + GMAIL + "Received: from out.esp.example by x; y\r\n" + SENDER
    assert reading(block).dmarc is not None


def test_a_provider_that_writes_at_the_bottom_is_believed_there_and_not_above():
    forged = "Authentication-Results: mxs.mail.ru; spf=pass smtp.mailfrom=a@evil.example\r\n"
    real = "Authentication-Results: mxs.mail.ru; spf=fail smtp.mailfrom=a@evil.example; dmarc=fail\r\n"
    found = reading(forged + SENDER + real, "mxs.mail.ru", position="bottom")
    assert found.spf is not None and found.spf.result == "fail"
    assert len(found.untrusted) == 1


def test_a_split_provider_is_read_at_both_ends_but_answers_each_method_once():
    top = "Authentication-Results: mx.ik.example; dmarc=pass (p=none dis=none) header.from=shop.example\r\n"
    bottom = "Authentication-Results: mx.ik.example; spf=pass smtp.mailfrom=shop.example\r\n"
    again = "X-Other: 1\r\nAuthentication-Results: mx.ik.example; dmarc=fail\r\n"
    found = reading(top + SENDER + bottom, "mx.ik.example", position="split")
    assert found.spf is not None and found.dmarc is not None
    refused = reading(top + SENDER + again, "mx.ik.example", position="split")
    assert refused.dmarc is not None and refused.dmarc.result == "pass"


def test_a_provider_in_the_middle_of_the_block_is_found_there():
    block = "To: x@y.example\r\nAuthentication-Results: mx19; spf=pass smtp.mailfrom=shop.example\r\n" + SENDER
    assert reading(block, "mx19", position="mid").spf is not None


MICROSOFT = (
    "Authentication-Results: spf=pass (sender IP is 203.0.113.7)\r\n"
    " smtp.mailfrom=shop.example; dkim=pass (signature was verified)\r\n"
    " header.d=shop.example;dmarc=fail action=oreject\r\n header.from=shop.example;compauth=pass reason=100\r\n"
)


def test_microsoft_names_no_authserv_id():
    found = reading(MICROSOFT + SENDER, "")
    assert found.spf is not None and found.dmarc is not None
    assert (found.authserv_id, found.spf.result, found.dmarc.disposition) == ("", "pass", "oreject")


def test_the_form_without_a_name_is_believed_of_nobody_else():
    assert reading(MICROSOFT + SENDER).trusted == ()


def test_of_several_without_a_name_only_the_first_counts():
    found = reading(MICROSOFT + MICROSOFT.replace("compauth", "bimi") + SENDER, "")
    assert found.bimi is None
    assert len(found.trusted) == 1


def test_a_whole_value_in_encoded_words_is_read():
    encoded = "Authentication-Results: =?utf-8?q?spf=3Dpass_smtp=2Emailfrom=3Dshop=2Eexample=3B_dkim=3Dnone?=\r\n"
    found = reading(encoded + SENDER, "")
    assert found.spf is not None and found.spf.domain == "shop.example"


def test_icloud_answers_each_method_in_a_header_of_its_own_and_each_signature_too():
    block = (
        'Authentication-Results: bimi.icloud.com; bimi=skipped reason="insufficient dmarc"\r\n'
        "X-ARC-Info: policy=fail; arc=none\r\n"
        "Authentication-Results: dmarc.icloud.com; dmarc=pass header.from=shop.example\r\n"
        "Authentication-Results: dkim-verifier.icloud.com; dkim=pass header.d=shop.example\r\n"
        "Authentication-Results: dkim-verifier.icloud.com; dkim=pass header.d=esp.example\r\n"
        "Authentication-Results: spf.icloud.com; spf=pass smtp.mailfrom=a@shop.example\r\n"
    )
    ids = [f"{name}.icloud.com" for name in ("bimi", "dmarc", "dkim-verifier", "spf")]
    found = reading(block + SENDER, *ids)
    assert [one.domain for one in found.dkim] == ["shop.example", "esp.example"]
    assert None not in (found.bimi, found.dmarc, found.spf)
    assert len(found.trusted) == 5


def test_yahoo_glues_its_policy_on_and_ends_with_a_semicolon():
    found = reading(
        "Authentication-Results: atlas1.yahoo.com;\r\n dkim=unknown;\r\n"
        " dmarc=pass(p=NONE,sp=QUARANTINE) header.from=shop.example;\r\n" + SENDER,
        "atlas1.yahoo.com",
    )
    assert found.dmarc is not None
    assert (found.dmarc.policy, [one.result for one in found.dkim]) == ("none", ["unknown"])


def test_fastmail_states_policy_and_disposition_as_properties():
    found = reading(
        "Authentication-Results: mx4.fm.example; dmarc=pass policy.published-domain-policy=quarantine\r\n"
        " policy.applied-disposition=none (p=quarantine,d=none,d.eval=none) header.from=shop.example\r\n" + SENDER,
        "mx4.fm.example",
    )
    assert found.dmarc is not None
    assert (found.dmarc.policy, found.dmarc.disposition) == ("quarantine", "none")


@pytest.mark.parametrize(
    ("value", "authserv_id", "statements"),
    [
        ("example.com 1; none", "example.com", []),
        ("example.com (a ; (b) \\) c); spf = pass (x)", "example.com", [("spf", "pass")]),
        ('"quoted id"; dkim/1=Pass', "quoted id", [("dkim", "pass")]),
        ("example.com; spf=pass (unclosed; dkim=fail", "example.com", [("spf", "pass")]),
        ('example.com; spf=pass reason="un;closed; dkim=fail', "example.com", [("spf", "pass")]),
        ("a=b; spf=pass", "?", [("spf", "pass")]),
        ("; ;;", "?", []),
        ("", "?", []),
        ("example.com; =pass; spf=; dkim", "example.com", []),
    ],
)
def test_the_grammar(value: str, authserv_id: str, statements: list[tuple[str, str]]):
    found_id, found = parse_value(value)
    assert (found_id, [(one.method, one.result) for one in found]) == (authserv_id, statements)


def test_no_more_than_16_kb_of_a_value_is_read():
    value = "example.com; spf=pass; " + "x=y; " * MAX_VALUE + "dkim=pass"
    assert "dkim" not in {one.method for one in parse_value(value)[1]}


@given(st.text(st.sampled_from('spfdkim=();"\\.@<> \t?'), max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_value_raises(value: str):
    block = f"Authentication-Results: {value}\r\nAuthentication-Results: mx.google.com; {value}\r\n".encode()
    found = read(Headers.parse(block), wrote=lambda _: True, missing_authserv_id=True)
    assert len(found.trusted) + len(found.untrusted) == 2
