"""Every mailbox of the demo's mail world files the newsletter as its printed rules say."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator

import pytest

from seedtest.demo import world
from seedtest.demo.providers import PROVIDERS, rule_lines
from tests.seedtest.demo_world import NEWSLETTER, arrive, running_world, send, where

Deliver = Callable[..., dict[str, tuple[int, bytes]]]

PLAIN = NEWSLETTER.replace(b"20 % off until", b"open until")
UNSIGNED = PLAIN.replace(b"DKIM-Signature:", b"X-Old-Signature:")
SHOUTING = PLAIN.replace(b"The spring roast is here: open until Sunday", b"THE SPRING ROAST IS HERE")
STRANGE = UNSIGNED.replace(b"hello@bluebird-coffee.example", b"hello@unknown-shop.example")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.World]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def deliver(running: world.World) -> Deliver:
    return lambda message, *seeds, source="127.0.0.1": send(running, message, *seeds, source=source)


def _told_apart(message: bytes, mark: str) -> bytes:
    return f"X-Mark: {mark}\r\n".encode() + message


def _first_place(running: world.World, deliver: Deliver, message: bytes, email: str, mark: str) -> str:
    deliver(_told_apart(message, mark), email)
    return where(running, email, mark.encode())[0]


def test_the_world_has_five_shapes_and_twenty_mailboxes(running: world.World) -> None:
    assert len(running.mailboxes) == 20
    assert {login.provider_id for login in running.mailboxes} == {
        "gmail",
        "outlook_com",
        "yahoo",
        "gmx",
        "cpanel_dovecot",
    }


def test_the_newsletter_lands_by_the_rules_in_all_twenty(running: world.World, deliver: Deliver) -> None:
    refused = deliver(_told_apart(NEWSLETTER, "all-twenty"), *[login.email for login in running.mailboxes])

    assert list(refused) == ["paul@postbote.example"]
    arrive(running, "milo@purplepost.example", b"all-twenty")  # the slow one
    expected = {
        "Northmail": ["INBOX", "[Gmail]/All Mail"],
        "Skylook": ["INBOX"],
        "Purplepost": ["INBOX"],
        "Postbote": ["Spamverdacht"],
        "Hostgarden": ["INBOX"],
    }
    odd = {"ines@skylook.example": [], "paul@postbote.example": []}
    for login in running.mailboxes:
        assert where(running, login.email, b"all-twenty") == odd.get(login.email, expected[login.provider])


def test_a_full_mailbox_is_refused_at_rcpt_with_550(deliver: Deliver) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        deliver(NEWSLETTER, "paul@postbote.example")

    assert refused.value.recipients["paul@postbote.example"] == (
        550,
        b"5.2.2 <paul@postbote.example>: mailbox full",
    )


def test_an_unknown_mailbox_and_a_foreign_domain_are_refused(deliver: Deliver) -> None:
    seeds = ("nobody@northmail.example", "somebody@elsewhere.example")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        deliver(NEWSLETTER, *seeds)

    assert [refused.value.recipients[seed][1][:5] for seed in seeds] == [b"5.1.1", b"5.7.1"]


def test_a_plus_detail_reaches_the_mailbox(running: world.World, deliver: Deliver) -> None:
    deliver(_told_apart(NEWSLETTER, "plus-detail"), "ada+abc123@northmail.example")

    assert where(running, "ada@northmail.example", b"plus-detail")
    assert where(running, "ada@northmail.example", b"Delivered-To: ada+abc123@northmail.example")


@pytest.mark.parametrize(
    ("email", "message", "folder"),
    [
        ("ada@northmail.example", PLAIN, "INBOX"),
        ("ada@northmail.example", STRANGE, "INBOX"),
        ("finn@skylook.example", SHOUTING, "Junk Email"),
        ("finn@skylook.example", PLAIN, "INBOX"),
        ("iris@purplepost.example", UNSIGNED, "Bulk"),
        ("june@purplepost.example", UNSIGNED, "Bulk"),
        ("lotte@purplepost.example", UNSIGNED, "INBOX"),
        ("nora@postbote.example", PLAIN, "INBOX"),
        ("rosa@hostgarden.example", SHOUTING, "INBOX"),
    ],
)
def test_the_folder_follows_the_message(
    running: world.World,
    deliver: Deliver,
    email: str,
    message: bytes,
    folder: str,
    request: pytest.FixtureRequest,
) -> None:
    assert _first_place(running, deliver, message, email, request.node.name) == folder


@pytest.mark.parametrize(
    ("email", "folder"),
    [
        ("bruno@northmail.example", "[Gmail]/Spam"),
        ("greta@skylook.example", "Junk Email"),
        ("kasimir@purplepost.example", "Bulk"),
        ("sven@hostgarden.example", "INBOX.spam"),
    ],
)
def test_a_forgery_from_a_stranger_lands_in_junk(
    running: world.World, deliver: Deliver, email: str, folder: str
) -> None:
    forged = SHOUTING.replace(b"DKIM-Signature:", b"X-Old-Signature:")
    deliver(_told_apart(forged, "forged-one"), email, source="127.0.0.9")

    assert where(running, email, b"forged-one") == [folder]


def test_each_provider_writes_its_own_authentication_results(running: world.World, deliver: Deliver) -> None:
    shapes = {
        "clara@northmail.example": b"dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=bluebird-coffee.example",
        "hugo@skylook.example": b"Authentication-Results: spf=pass (sender IP is 203.0.113.10)\r\n smtp.mailfrom=",
        "lotte@purplepost.example": b"dmarc=pass(p=REJECT,sp=REJECT) header.from=bluebird-coffee.example;\r\n",
        "oskar@postbote.example": b"Authentication-Results:  gmx.net; dkim=pass header.i=@bluebird-coffee.example\r\n",
        "tilda@hostgarden.example": b"X-Spam-Status: No, score=0.6 required=5.0\r\n",
    }
    deliver(NEWSLETTER, *shapes)

    for email, shape in shapes.items():
        assert where(running, email, shape), email


def test_the_printed_rules_name_every_provider_and_every_odd_mailbox() -> None:
    lines = rule_lines()

    assert {line.provider for line in lines} == {provider.name for provider in PROVIDERS}
    assert sum(line.when.startswith("to ") for line in lines) == 3
