"""`manage.py explain`: one received message in the terminal or as JSON, without a database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from placement import providers
from seedtest.services.guessing import guess
from tests.seedtest.name_server import served
from tests.seedtest.received_mail import BLOCK, BODY, FORGED, GMAIL

ROOT = Path(__file__).resolve().parents[2]
METHODS = ["spf", "dkim", "dmarc", "arc", "bimi"]


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.eml"
    path.write_bytes(BLOCK + BODY)
    return path


def explained(*arguments: str | Path) -> str:
    """No test here may reach the database: pytest-django refuses it."""
    out = StringIO()
    call_command("explain", *map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue()


def told(path: Path, *arguments: str) -> dict:
    return json.loads(explained(path, "--json", *arguments))


def codes(document: dict) -> set[str]:
    return {one["code"] for one in document["findings"]}


def test_the_json_has_the_shape_that_was_promised(letter):
    found = told(letter, "--provider", "gmail")
    assert list(found) == ["provider", "authentication", "untrusted", "says", "route", "checks", "findings"]
    assert list(found["authentication"]) == METHODS
    assert all(list(one) == ["result", "authserv_id", "header", "line"] for one in found["authentication"].values())
    assert list(found["says"]) == ["placement", "header", "raw", "scores"]
    assert list(found["route"]) == ["sending_ip", "helo", "total_seconds", "hops"]
    assert sorted(found["checks"]) == sorted([*METHODS, "one_click"])


def test_the_receivers_results_are_read_with_the_line_they_stand_in(letter):
    authentication = told(letter, "--provider", "gmail")["authentication"]
    assert [authentication[method]["result"] for method in METHODS] == ["pass", "pass", "fail", None, None]
    assert authentication["dmarc"]["authserv_id"] == "mx.google.com"
    assert authentication["dmarc"]["header"] == "Authentication-Results"
    assert authentication["dmarc"]["line"] == GMAIL


def test_a_forged_result_is_shown_as_not_believed(letter):
    found = told(letter, "--provider", "gmail")
    assert [one["line"] for one in found["untrusted"]] == [FORGED]
    assert found["untrusted"][0]["explanation"]
    assert "pretended_results" in codes(found)


def test_what_the_receiver_did_not_say_is_null_and_not_fail(tmp_path):
    silent = tmp_path / "silent.eml"
    silent.write_bytes(b"From: a@brand.example\r\nSubject: Hello\r\n\r\nHello\r\n")
    found = told(silent, "--provider", "gmail")
    assert [found["authentication"][method]["result"] for method in METHODS] == [None] * 5
    assert found["route"] == {"sending_ip": None, "helo": None, "total_seconds": None, "hops": []}
    assert found["says"] == {"placement": None, "header": None, "raw": None, "scores": {}}


def test_the_route_names_the_sending_address_and_each_delay(letter):
    route = told(letter, "--provider", "gmail")["route"]
    assert (route["sending_ip"], route["helo"], route["total_seconds"]) == ("192.0.2.7", "mta.esp.example", 7.0)
    assert [hop["delay_seconds"] for hop in route["hops"]] == [None, 5.0, 2.0]
    assert route["hops"][1]["tls"] == {"version": "1.3", "cipher": "TLS_AES_256_GCM_SHA384"}


def test_without_dns_our_own_checks_are_unknown(letter):
    checks = told(letter)["checks"]
    assert {check["result"] for check in checks.values()} == {"unknown"}
    assert all("switched off" in check["says"] for check in checks.values())


def test_a_resolver_that_cannot_say_makes_unknown_and_not_fail(letter):
    with served({}, broken=True) as address:
        checks = told(letter, "--resolver", address)["checks"]
    assert (checks["spf"]["result"], checks["dmarc"]["result"]) == ("unknown", "unknown")
    assert "temporary" in checks["spf"]["says"]
    assert checks["dkim"] == {"result": "none", "says": "The message carries no DKIM signature.", "signatures": []}


def test_with_a_resolver_we_check_ourselves_and_say_where_the_receiver_differs(letter):
    zone = {"mail.esp.example": ["v=spf1 -all"], "_dmarc.brand.example": ["v=DMARC1; p=none"]}
    with served(zone) as address:
        found = told(letter, "--resolver", address)
    assert (found["checks"]["spf"]["result"], found["checks"]["dmarc"]["result"]) == ("fail", "fail")
    (differs,) = (one for one in found["findings"] if one["code"] == "spf_differs")
    assert "spf=pass" in differs["title"] and "spf=fail" in differs["evidence"]


def test_a_resolver_is_named_by_its_address(letter):
    with pytest.raises(CommandError, match="IP address"):
        explained(letter, "--resolver", "dns.example")


def test_the_provider_is_guessed_and_the_guess_is_explained(letter):
    found = told(letter)
    assert found["provider"] == "gmail"
    (guessed,) = (one for one in found["findings"] if one["code"] == "provider_guessed")
    assert "Delivered-To" in guessed["detail"] and "--provider" in guessed["detail"]


def test_a_given_provider_is_not_guessed(letter):
    assert "provider_guessed" not in codes(told(letter, "--provider", "gmail"))


def test_an_unknown_provider_is_refused_with_the_known_ones(letter):
    with pytest.raises(CommandError, match="outlook_com"):
        explained(letter, "--provider", "gmial")


def test_the_name_of_an_own_server_makes_its_results_believed(tmp_path):
    own = tmp_path / "own.eml"
    own.write_bytes(b"Authentication-Results: mx.own.example; spf=fail smtp.mailfrom=a@b.example\r\n" + BLOCK)
    assert told(own, "--provider", "generic")["authentication"]["spf"]["result"] is None
    named = told(own, "--provider", "generic", "--authserv-id", "mx.own.example")
    assert named["authentication"]["spf"]["result"] == "fail"


def test_several_files_give_one_json_line_each_with_their_names(letter, tmp_path):
    second = tmp_path / "second.eml"
    second.write_bytes(BLOCK)
    lines = explained(letter, second, "--json").splitlines()
    assert [json.loads(line)["file"] for line in lines] == [str(letter), str(second)]


def test_a_folder_gives_a_line_for_every_message_in_it(letter, tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "second.eml").write_bytes(BLOCK)
    (tmp_path / "notes.txt").write_text("no message")
    (tmp_path / ".hidden.eml").write_bytes(BLOCK)
    names = [Path(json.loads(line)["file"]).name for line in explained(tmp_path, "--json").splitlines()]
    assert sorted(names) == ["letter.eml", "second.eml"]


def test_a_file_without_headers_is_said_and_the_others_are_read(letter, tmp_path):
    empty = tmp_path / "empty.eml"
    empty.write_bytes(b"")
    out = StringIO()
    with pytest.raises(CommandError, match="1 files could not be read"):
        call_command("explain", str(empty), str(letter), "--json", stdout=out)
    first, second = map(json.loads, out.getvalue().splitlines())
    assert "no header line" in first["error"]
    assert second["provider"] == "gmail"


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        explained(tmp_path / "nothing.eml")


def test_the_terminal_shows_both_sides_the_route_and_what_is_not_believed(letter):
    shown = explained(letter, "--no-color")
    for words in ("Received at Gmail", "dmarc", "fail", "not believed", "192.0.2.7", "mx.google.com", "unknown", "●"):
        assert words in shown, words
    assert "\x1b[" not in shown


def test_colour_comes_when_it_is_asked_for(letter):
    assert "\x1b[31m" in explained(letter, "--force-color")


def test_hostile_mail_cannot_rewrite_the_terminal(tmp_path):
    hostile = tmp_path / "hostile.eml"
    hostile.write_bytes(
        b"Authentication-Results: mx.google.com; spf=pass (\x1b[2J[red]\xff\x00)\r\nFrom: a@b.example\r\n\r\n"
    )
    shown = explained(hostile, "--provider", "gmail", "--no-color")
    assert "\x1b" not in shown and "[red]" in shown


def test_it_runs_without_any_database(letter, tmp_path):
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/nowhere/at/all.sqlite3", "SECRET_KEY": "", "PATH": ""}
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "explain", str(letter), "--json"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["provider"] == "gmail"


CORPUS = ROOT.parent / "shared" / "corpus"


def messages_with_a_known_receiver() -> Iterator[tuple[str, Path]]:
    for line in (CORPUS / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry.get("true_receiver") and entry["path"].startswith("chatmail-core@2abfe3621"):
            yield entry["true_receiver"], CORPUS / entry["path"]


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not beside this checkout")
def test_the_receiver_of_real_messages_is_guessed_or_left_open():
    wrong = []
    for domain, path in messages_with_a_known_receiver():
        known, guessed = providers.for_address(f"x@{domain}"), guess(path.read_bytes()).provider
        if known and guessed.id not in {known.id, known.platform, "generic"}:
            wrong.append((domain, guessed.id))
    assert wrong == []
