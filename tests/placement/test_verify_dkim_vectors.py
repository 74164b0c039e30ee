"""Signed messages of three other projects' test suites, and what we make of each."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

import pytest

from placement.verify import dkim
from placement.verify.raw import Raw
from tests.fakes import FakeDns

pytestmark = pytest.mark.corpus

SIGNED = re.compile(rb"^dkim2?-signature:", re.IGNORECASE | re.MULTILINE)
NOW = datetime(2020, 1, 1, tzinfo=UTC)
PASS = ("pass", "")

RFC6376_KEY = (
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfc"
    "T"
    "Nh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)
RFC8463_RSA = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi"
    "0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3Q"
    "IDAQAB"
)
RFC8463_ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
GMAIL_2012 = (
    "k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1Kd87/UeJjenpabgbFwh+eBCsSTrqmwIYYvywlbhbqoo2DymndFkbjOVIPIld"
    "Ns"
    "/m40KF+yzMn1skyoxcTUGCQs8g3FgD2Ap3ZB5DekAo5wMmk4wimDO+U8QzI3SD07y2+07wlNWwIt8svnxgdxGkVbbhzY8i+RQ9DpSVpPbF7ykQxtKX"
    "kv/ahW3KjViiAH+ghvvIhkx4xYSIc9oSwVmAl5OctMEeWUwg8Istjqz8BZeTWbf41fbNhte7Y+YqZOwq1Sd0DbvYAD9NOZK9vlfuac0598HY+vtSBc"
    "zUiKERHv1yRbcaQtZFh5wtiRrN04BLUTD21MycBX5jYchHjPY/wIDAQAB"
)
KEYS = {
    "brisbane._domainkey.example.com": RFC6376_KEY,
    "s.flags._domainkey.example.com": RFC6376_KEY.replace("p=", "t=s; p=", 1),
    "brisbane._domainkey.football.example.com": RFC8463_ED25519,
    "test._domainkey.football.example.com": RFC8463_RSA,
    "20120113._domainkey.gmail.com": GMAIL_2012,
}

#: File → (outcome, problem) of each signature, topmost first.
LIESER = {
    "rfc6376-A.2.eml": [PASS],
    "rfc6376-A.2-body_modified.eml": [("fail", "body_hash")],
    "rfc6376-A.2-header_subject_modified.eml": [("fail", "signature")],
    "rfc6376-A.2-ill_formed-list_id.eml": [PASS],
    "rfc6376-A.2-ill_formed-missing_v.eml": [("neutral", "malformed")],
    "rfc8463-A.3.eml": [PASS, PASS],
    "rfc8463-A.3-key_algo_mismatch.eml": [("permerror", "key_mismatch")] * 2,
    "bimi/rfc6376-A.2-with_bimi.eml": [PASS],
    "dkim/added_header-date.eml": [
        PASS
    ],  # a field above the signed one is not covered: conductor and DMARC look at From
    "dkim/added_header-from.eml": [PASS],
    "dkim/added_header-subject.eml": [PASS],
    "dkim/added_header-to.eml": [PASS],
    "dkim/alignment-from_not_in_auid.eml": [PASS],
    "dkim/alignment-from_not_in_sdid.eml": [PASS],
    "dkim/alignment-signed_by_parent_domain.eml": [PASS],
    "dkim/flags_s-auid_and_sdid_match.eml": [PASS],
    "dkim/flags_s-auid_is_subdomain_of_sdid.eml": [("permerror", "key_scope")],
    "dkim/header_with_non_ascii_char.eml": [PASS],
    "dkim/time-received_after_creation.eml": [PASS],
    "dkim/time-received_briefly_before_creation.eml": [PASS],
    "dkim/time-received_long_before_creation.eml": [PASS],
    "dkim/unsigned_header-content-type.eml": [PASS],
    "dkim/unsigned_header-reply_to-in_domain.eml": [PASS],
    "dkim/unsigned_header-reply_to-invalid.eml": [PASS],
    "dkim/unsigned_header-reply_to-not_in_domain.eml": [PASS],
}
DKIMPY = {
    "rfc6376.signed.msg": [PASS, PASS],
    "rfc6376.signed.rsa.msg": [PASS],
    "rfc6376.signed.no_t.msg": [("fail", "signature")],  # dkimpy took t= out after signing
    "test2.message": [PASS],  # folding at every turn
    "ed25519test2.msg": [PASS],
    "test.message.baddomain": [("neutral", "malformed")],  # d=legitimate.com(.attacker.com
}
STALWART = {
    "001.txt": [PASS, PASS],
    "002.txt": [PASS],
    "003.txt": [PASS, PASS],
    "004.txt": [PASS],
    "005.txt": [PASS],
    "006.txt": [PASS],
}
#: Signed files of these folders that are not run, and why.
EXCLUDED = {
    "dkimpy-1.1.8/message.mbox": "the key of kitterman.com 2007-00 is not in the corpus; dkimpy signs it anew",
    "lieser-dkim_verifier/arh/*": "copies of the files above, for reading Authentication-Results",
    "lieser-dkim_verifier/original/*": "five real messages of Fastmail's customers; their keys are not in the corpus",
    "stalwart-mail-auth/arf/*": "feedback reports; the keys of the mails around and in them are not in the corpus",
    "stalwart-mail-auth/dmarc-feedback/*": "DMARC reports; the keys of the mails around them are not in the corpus",
    "stalwart-mail-auth/arc/*": "ARC chains, tested by test_verify_arc_suite.py",
    "stalwart-mail-auth/dkim2/*": "DKIM2 is another protocol (Dkim2-Signature) that no receiver writes results of",
}


def outcomes(message: bytes, dns: FakeDns) -> list[tuple[str, str]]:
    return [(one.outcome.value, one.problem.value) for one in dkim.check(Raw.read(message), dns, NOW)]


def table(records: dict[str, str]) -> FakeDns:
    return FakeDns({name: {"TXT": [text]} for name, text in records.items()})


def differences(folder: Path, expected: dict[str, list[tuple[str, str]]], dns: FakeDns) -> dict[str, object]:
    found = {name: outcomes((folder / name).read_bytes(), dns) for name in expected}
    passed = sum(found[name] == wanted for name, wanted in expected.items())
    print(f"\nDKIM vectors of {folder.name}: {passed} of {len(expected)} files as expected")
    return {name: one for name, one in found.items() if one != expected[name]}


def test_the_vectors_of_lieser_dkim_verifier(corpus: Path):
    assert differences(corpus / "lieser-dkim_verifier", LIESER, table(KEYS)) == {}


def test_the_vectors_of_dkimpy(corpus: Path):
    folder = corpus / "dkimpy-1.1.8"
    exim = (folder / "eximtest.dns").read_text().strip()
    bad_domain = {"test._domainkey.legitimate.com(.attacker.com": RFC8463_RSA}
    dns = table({**KEYS, "sed._domainkey.test.ex": exim, **bad_domain})
    assert differences(folder, DKIMPY, dns) == {}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("test.txt", PASS),
        ("test2.txt", PASS),  # without k=
        ("badversion.txt", ("permerror", "key_malformed")),
        ("badk.txt", ("permerror", "unsupported")),
        ("test_bad.txt", ("permerror", "key_malformed")),
        ("test_tlsrpt.txt", ("permerror", "key_scope")),
        ("1024_testkey_wo_markers.pub.txt", ("fail", "signature")),  # well-formed, another key
        ("1024_testkey_wo_markers.pub.rsa.txt", ("fail", "signature")),  # bare PKCS #1
        ("2048_testkey_wo_markers.pub.txt", ("fail", "signature")),
        ("2048_testkey_wo_markers.pub.rsa.txt", ("fail", "signature")),
        ("2048_testkey_PKCS8.key.pub.txt", ("fail", "signature")),
    ],
)
def test_the_key_records_of_dkimpy(corpus: Path, record: str, expected: tuple[str, str]):
    folder = corpus / "dkimpy-1.1.8"
    dns = table({"test._domainkey.football.example.com": (folder / record).read_text().strip()})
    assert outcomes((folder / "rfc6376.signed.rsa.msg").read_bytes(), dns) == [expected]


def test_the_vectors_of_stalwart_mail_auth(corpus: Path):
    """Each file begins with its zone: a name and a record a line."""
    found = {}
    for name in STALWART:
        records, _, message = (corpus / "stalwart-mail-auth" / "dkim" / name).read_bytes().partition(b"\n\n")
        pairs = (line.decode().split(" ", 1) for line in records.splitlines())
        found[name] = outcomes(message, table({key.lower(): text for key, text in pairs}))
    print(f"\nDKIM vectors of stalwart-mail-auth: {sum(found[n] == STALWART[n] for n in STALWART)} of {len(STALWART)}")
    assert found == STALWART


def test_no_signed_vector_is_left_out_in_silence(corpus: Path):
    tables = {"lieser-dkim_verifier": LIESER, "dkimpy-1.1.8": DKIMPY, "stalwart-mail-auth/dkim": STALWART}
    known = {f"{folder}/{name}" for folder, names in tables.items() for name in names}
    folders = {name.partition("/")[0] for name in tables}
    paths = [path for folder in folders for path in (corpus / folder).rglob("*") if path.is_file()]
    signed = {path.relative_to(corpus).as_posix() for path in paths if SIGNED.search(path.read_bytes())}
    unnamed = {name for name in signed - known if not any(fnmatch(name, pattern) for pattern in EXCLUDED)}
    assert unnamed == set()
    assert len(known & signed) == len(known)
    assert all(any(fnmatch(name, pattern) for name in signed) for pattern in EXCLUDED)
