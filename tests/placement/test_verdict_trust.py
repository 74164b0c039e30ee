"""A verdict header is believed only of the seed's own provider, and only where that provider writes."""

from __future__ import annotations

from placement import providers
from placement.headers import Headers
from placement.headers.received import boundary
from placement.headers.spam_verdicts import DeliveryFolder, Place, Says, Verdicts, read_verdicts
from placement.headers.trust import MESSAGE_FIELDS

EDGE = "Received: from out.esp.example (out.esp.example [192.0.2.10]) by mx.own.example; x"
SENDER = ["From: a@b.example", "Subject: x", "Date: Mon, 2 Mar 2026 18:00:05 +0000"]


def verdicts(provider: str, *lines: str) -> Verdicts:
    headers = Headers.parse("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    edge = boundary(headers, message_fields=MESSAGE_FIELDS)
    return read_verdicts(headers, verdict_headers=providers.get(provider).verdict_headers, boundary=edge)


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


def test_microsoft_writes_behind_the_sender_so_the_last_counts():
    forged = "X-Microsoft-Antispam-Mailbox-Delivery: dest:I;"
    real = "X-Microsoft-Antispam-Mailbox-Delivery: ucf:0;dest:J;OFR:SpamFilterAuthJ;"
    found = verdicts("outlook_com", EDGE, forged, *SENDER, real)
    assert believed(found) == [("X-Microsoft-Antispam-Mailbox-Delivery", Says.SPAM, Place.END)]
    assert [one.raw for one in found.ignored] == ["dest:I;"]


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
        "X-Forefront-Antispam-Report: SCL:6;SFV:SPM;CAT:SPM;",
        "X-Microsoft-Antispam: BCL:3;",
        "X-Microsoft-Antispam-Mailbox-Delivery: dest:I;OFR:TrustedSenderList;",
    )
    assert found.says is not None and found.says.says is Says.INBOX
    assert found.scores == {"scl": 6.0, "bcl": 3.0}


def test_of_several_opinions_the_gravest_tells_most():
    found = verdicts("outlook_com", EDGE, *SENDER, "X-MS-Exchange-Organization-SCL: 1", "X-Microsoft-Antispam: BCL:9;")
    assert found.says is not None and found.says.says is Says.BULK


def test_a_header_nobody_can_read_says_nothing():
    found = verdicts("yahoo", "X-YMailISG: RT5ZnycW", EDGE, *SENDER)
    assert (len(found.believed), found.says, found.delivery_folder) == (1, None, None)


def test_a_thousand_verdict_headers_are_survived():
    found = verdicts("outlook_com", EDGE, *["X-Microsoft-Antispam: BCL:9;"] * 1000, *SENDER)
    assert (len(found.believed), len(found.ignored)) == (1, 100)
