"""A verdict header is believed only of the seed's own provider, and only where that provider writes."""

from __future__ import annotations

import pytest

from placement import providers
from placement.headers.spam_verdicts import DeliveryFolder, Place, Says, Verdicts
from placement.reading import read

EDGE = "Received: from out.esp.example (out.esp.example [192.0.2.10]) by mx.own.example; x"
SENDER = ["From: a@b.example", "Subject: x", "Date: Mon, 2 Mar 2026 18:00:05 +0000"]
#: With these the providers that write at the end begin their part.
MICROSOFT = "X-MS-Exchange-Organization-Network-Message-Id: bb65f55d-9640-4adc-3de9-08d46e448a65"
GMX = "Envelope-To: <seed@gmx.net>"


def verdicts(provider: str, *lines: str) -> Verdicts:
    return read("".join(f"{line}\r\n" for line in (*lines, "")).encode(), providers.get(provider)).verdicts


def believed(found: Verdicts) -> list[tuple[str, Says, Place]]:
    return [(one.header, one.says, one.place) for one in found.believed]


def test_above_the_boundary_the_provider_is_believed():
    found = verdicts("icloud", "X-Apple-MoveToFolder: Junk", EDGE, *SENDER)
    assert believed(found) == [("X-Apple-MoveToFolder", Says.SPAM, Place.ABOVE)]
    assert found.says is not None and found.says.raw == "Junk"
    assert found.delivery_folder is not None
    assert found.delivery_folder.reading.delivery_folder is DeliveryFolder.JUNK


def test_the_same_header_that_came_with_the_message_is_ignored_with_its_reason():
    found = verdicts("icloud", EDGE, "X-Apple-MoveToFolder: INBOX", *SENDER)
    assert believed(found) == []
    assert [(one.header, one.raw) for one in found.ignored] == [("X-Apple-MoveToFolder", "INBOX")]
    assert "below the Received line" in found.ignored[0].why


def test_another_providers_header_is_ignored_wherever_it_stands():
    found = verdicts("icloud", "X-Pm-Spam-Action: inbox", EDGE, *SENDER, "X-Yandex-Spam: 1")
    assert believed(found) == []
    assert {one.header for one in found.ignored} == {"X-Pm-Spam-Action", "X-Yandex-Spam"}
    assert all("own provider does not write" in one.why for one in found.ignored)


def test_stamps_of_the_sending_side_are_named_as_such():
    found = verdicts("outlook_com", EDGE, *SENDER, "X-Microsoft-Antispam-Untrusted: BCL:0;")
    assert believed(found) == []
    assert found.ignored[0].why.startswith("Written by the tenant that sent")
    outbound = verdicts("gmx", EDGE, *SENDER, "X-UI-Out-Filterresults: notjunk:1;V03")
    assert "customers of GMX" in outbound.ignored[0].why


def test_microsoft_writes_behind_the_sender_so_what_stands_in_its_own_part_counts():
    forged = "X-Microsoft-Antispam-Mailbox-Delivery: dest:I;"
    real = "X-Microsoft-Antispam-Mailbox-Delivery: ucf:0;dest:J;OFR:SpamFilterAuthJ;"
    found = verdicts("outlook_com", EDGE, forged, *SENDER, forged, MICROSOFT, real)
    assert believed(found) == [("X-Microsoft-Antispam-Mailbox-Delivery", Says.SPAM, Place.END)]
    assert [one.raw for one in found.ignored] == ["dest:I;", "dest:I;"]


#: (provider, a header that says "not spam")
GOOD_NEWS = [
    ("generic", "X-Spam-Flag: NO"),
    ("generic", "X-Spam-Status: No, score=-9 required=5"),
    ("generic", "X-Spamd-Result: default: False [-5 / 15]"),
    ("generic", "X-Recommended-Action: accept"),
    ("cpanel_dovecot", "X-Spam-Flag: NO"),
    ("cpanel_dovecot", "X-Spam-Status: No, score=-9 required=5"),
    ("rackspace", "X-Spam-Flag: NO"),
    ("gmx", "X-Spam-Flag: NO"),
    ("gmx", "X-UI-Filterresults: notjunk:1;V03:K0:x"),
    ("ionos", "X-UI-Filterresults: notjunk:1;V03:K0:x"),
    ("outlook_com", "X-Microsoft-Antispam-Mailbox-Delivery: ucf:0;dest:I;"),
    ("microsoft_365", "X-Forefront-Antispam-Report: SFV:NSPM;CAT:NONE;"),
    ("mailru", "X-Mras: Ok"),
    ("proton", "X-Pm-Spam-Action: inbox"),
]
OPENERS = {"gmx": GMX, "ionos": GMX, "outlook_com": MICROSOFT, "microsoft_365": MICROSOFT} | {
    "mailru": "X-DMARC-Policy: no",
    "proton": "X-Pm-Origin: external",
}


@pytest.mark.parametrize(("provider", "line"), GOOD_NEWS)
def test_where_the_provider_wrote_no_verdict_the_senders_own_is_none(provider: str, line: str):
    opener = OPENERS.get(provider, "X-Own: 1")
    for lines in ([*SENDER, line], [line, *SENDER], [*SENDER, opener, line, opener], [opener, line, *SENDER]):
        found = verdicts(provider, EDGE, *lines)
        assert (found.says, found.delivery_folder) == (None, None), lines
        whys = [one.why for one in found.ignored if line == f"{one.header}: {one.raw}"]
        assert len(whys) == 1 and "sender" in whys[0], lines


@pytest.mark.parametrize(("provider", "line"), GOOD_NEWS)
def test_the_providers_own_is_believed_in_its_part_or_above_the_boundary(provider: str, line: str):
    above = verdicts(provider, line, EDGE, *SENDER)
    assert [(one.raw, one.place) for one in above.believed] == [(line.partition(": ")[2], Place.ABOVE)]
    behind = verdicts(provider, EDGE, *SENDER, OPENERS.get(provider, "X-Own: 1"), line)
    said = [one.place for one in behind.believed if line == f"{one.header}: {one.raw}"]
    assert said == ([Place.END] if provider in OPENERS else [])


def test_a_stamp_of_outgoing_mail_that_gmx_writes_under_the_same_name_is_not_the_receivers():
    found = verdicts("gmx", EDGE, *SENDER, "X-Spam-Flag: NO", "X-UI-Out-Filterresults: notjunk:1;V03", GMX)
    assert found.believed == ()


def test_yandex_writes_right_below_its_received_so_the_first_counts():
    found = verdicts("yandex", EDGE, "X-Yandex-Spam: 4", "X-Yandex-Spam: 1", *SENDER, "X-Yandex-Spam: 1")
    assert believed(found) == [("X-Yandex-Spam", Says.SPAM, Place.BELOW)]
    assert len(found.ignored) == 2
    below = verdicts("yandex", EDGE, *SENDER, "X-Yandex-Spam: 1")
    assert believed(below) == []


def test_without_a_received_nothing_shows_who_wrote_what():
    found = verdicts("icloud", "X-Apple-MoveToFolder: INBOX", *SENDER)
    assert (found.believed, len(found.ignored)) == ((), 1)


def test_the_delivery_folder_outranks_what_the_filter_thinks():
    found = verdicts(
        "outlook_com",
        EDGE,
        *SENDER,
        MICROSOFT,
        "X-Forefront-Antispam-Report: SCL:6;SFV:SPM;CAT:SPM;",
        "X-Microsoft-Antispam: BCL:3;",
        "X-Microsoft-Antispam-Mailbox-Delivery: dest:I;OFR:TrustedSenderList;",
    )
    assert found.says is not None and found.says.says is Says.INBOX
    assert found.scores == {"scl": 6.0, "bcl": 3.0}


def test_of_several_opinions_the_gravest_tells_most():
    found = verdicts(
        "outlook_com", EDGE, *SENDER, MICROSOFT, "X-MS-Exchange-Organization-SCL: 1", "X-Microsoft-Antispam: BCL:9;"
    )
    assert found.says is not None and found.says.says is Says.BULK


def test_a_header_nobody_can_read_says_nothing():
    found = verdicts("yahoo", "X-YMailISG: RT5ZnycW", EDGE, *SENDER)
    assert (len(found.believed), found.says, found.delivery_folder) == (1, None, None)


def test_a_thousand_verdict_headers_are_survived():
    found = verdicts("outlook_com", EDGE, *SENDER, MICROSOFT, *["X-Microsoft-Antispam: BCL:9;"] * 1000)
    assert (len(found.believed), len(found.ignored)) == (1, 100)
