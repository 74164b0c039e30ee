"""Importing many seeds: every line is accounted for, and no password is ever repeated."""

from __future__ import annotations

import pytest

from seedtest.models import Mailbox
from seedtest.services.seed_tables import import_csv

PASSWORD = "hunter2-very-secret"


def _outcomes(report):
    return [(line.number, line.outcome) for line in report.lines]


def test_address_and_password_are_enough(cast):
    report = import_csv(cast.workspace, f"anna@gmail.com,{PASSWORD}\nben@gmx.de,other\n")
    assert _outcomes(report) == [(1, "created"), (2, "created")]
    assert {mailbox.provider for mailbox in Mailbox.objects.all()} == {"gmail", "gmx"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_stand_in_any_order_behind_any_separator(cast, separator):
    lines = ["\ufeffRegion,E-Mail,Type,Password", "de,anna@gmail.com,business,pass word"]
    report = import_csv(cast.workspace, "\r\n".join(lines).replace(",", separator))
    account = cast.workspace.seed_accounts.get()
    assert _outcomes(report) == [(2, "created")]
    assert (account.region, account.mailbox_type, account.mailbox.secret.reveal()) == ("DE", "business", "pass word")


def test_a_bad_line_stops_no_other_and_says_what_to_do(cast):
    text = "address,password,host,port\n\nanna@acme.example,x,,\nben@acme.example,x,imap.acme.example,many\n"
    text += "carl@gmail.com,x,,\n"
    report = import_csv(cast.workspace, text)
    assert _outcomes(report) == [(3, "error"), (4, "error"), (5, "created")]
    assert "Enter its IMAP host" in report.lines[0].message
    assert "usually 993" in report.lines[1].message


def test_a_line_that_is_there_already_is_skipped(cast):
    import_csv(cast.workspace, "anna@gmail.com,one")
    report = import_csv(cast.workspace, "anna@gmail.com,two")
    assert _outcomes(report) == [(1, "skipped")]


def test_no_report_repeats_a_password(cast):
    rows = [["anna@gmail.com", "x", *[""] * 7] for _ in range(9)]
    for column, row in enumerate(rows):
        row[column] = PASSWORD
    report = import_csv(cast.workspace, "\n".join(",".join(row) for row in rows))
    assert len(report.lines) == 9
    assert len(report.errors) >= 5
    assert PASSWORD not in repr(report)


def test_a_quote_that_is_never_closed_is_reported_with_what_was_left_out(cast):
    report = import_csv(cast.workspace, 'anna@gmail.com,one\n"ben@gmail.com,two\ncarl@gmail.com,three\n')
    assert _outcomes(report)[0] == (1, "created")
    assert [line.outcome for line in report.lines[1:]] == ["error"]
    assert "left out" in report.lines[1].message


def test_nothing_to_import_says_so(cast):
    assert import_csv(cast.workspace, " \n ").errors[0].message.startswith("There is no line")


def test_a_header_without_address_is_refused_before_anything_is_added(cast):
    report = import_csv(cast.workspace, "password,region\nsecret,DE\n")
    assert "no column “address”" in report.lines[0].message
    assert not cast.workspace.seed_accounts.exists()


def test_too_many_lines_are_cut_off_aloud(cast, monkeypatch):
    monkeypatch.setattr("seedtest.services.seed_tables.MAX_LINES", 3)
    report = import_csv(cast.workspace, "".join(f"seed{number}@gmail.com,x\n" for number in range(5)))
    assert [line.outcome for line in report.lines] == ["created", "created", "created", "error"]
    assert report.lines[-1].number == 4


def test_a_nul_byte_in_a_file_reaches_no_column(cast):
    assert import_csv(cast.workspace, "address,password,host\nanna@acme.example,x,imap\0.acme.example\n").created
    assert cast.workspace.seed_accounts.get().mailbox.host == "imap.acme.example"
