"""The engine reads the demo's mail world like any other: folders, headers, tabs and the receiver's word."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from placement import folders, mailbox, providers, reading
from placement.headers import authentication_results
from placement.headers.block import Headers
from placement.headers.spam_verdicts import Says
from placement.providers import gmail
from placement.vocabulary import Authentication, FolderRole, RoleSource, Tab
from seedtest.demo import world
from tests.seedtest.demo_world import NEWSLETTER, login_of, running_world, send

SEEDS = {
    "ada@northmail.example": (b"INBOX", RoleSource.SPECIAL_USE),
    "finn@skylook.example": (b"INBOX", RoleSource.PROVIDER),
    "iris@purplepost.example": (b"INBOX", RoleSource.SPECIAL_USE),
    "nora@postbote.example": (b"Spamverdacht", RoleSource.PROVIDER),
    "rosa@hostgarden.example": (b"INBOX", RoleSource.PROVIDER),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.World]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        send(running, NEWSLETTER, *SEEDS)
        yield running


def _dial(host: str, port: int, timeout: float) -> socket.socket:
    return socket.create_connection((host, port), timeout)


@contextmanager
def _session(running: world.World, email: str) -> Iterator[mailbox.ImapMailbox]:
    seed = login_of(running, email)
    login = mailbox.Login(seed.imap_host, seed.imap_port, seed.tls, seed.email, seed.password)
    context = mailbox.shared_ssl_context(seed.ca_file)
    with mailbox.ImapMailbox.open(login, dial=_dial, deadline_seconds=20, ssl_context=context) as session:
        yield session


def _header_block(session: mailbox.ImapMailbox, folder: bytes) -> bytes:
    (answer,) = session.fetch_ranges([(folder, 1, 10_000)])
    (message,) = answer.found
    return message.header_block


def _authentication(provider: providers.Provider, block: bytes) -> Authentication:
    return authentication_results.read(
        Headers.parse(block),
        wrote=provider.wrote,
        missing_authserv_id=provider.ar_style.missing_authserv_id,
        position="above",
    )


@pytest.mark.parametrize("email", SEEDS)
def test_the_junk_folder_is_found_and_says_how(running: world.World, email: str) -> None:
    provider = providers.get(login_of(running, email).provider_id)
    with _session(running, email) as session:
        found = folders.assign(session.list_folders(), junk_names=provider.junk_names)

    assert [folder.source for folder in found if folder.role is FolderRole.JUNK] == [SEEDS[email][1]]
    assert [folder.name for folder in found if folder.role is FolderRole.INBOX] == ["INBOX"]


@pytest.mark.parametrize("email", SEEDS)
def test_the_header_block_holds_what_was_sent(running: world.World, email: str) -> None:
    with _session(running, email) as session:
        block = _header_block(session, SEEDS[email][0])
        (since,) = session.search_since([SEEDS[email][0]], date(2026, 1, 1))

    assert b"\r\n" + NEWSLETTER.partition(b"\r\n\r\n")[0] + b"\r\n" in block
    assert block.endswith(b"\r\n\r\n")
    assert len(since.found) == 1


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("ada@northmail.example", ("pass", ["pass"], "pass")),
        ("finn@skylook.example", ("pass", ["pass"], "pass")),
        ("iris@purplepost.example", ("pass", ["pass"], "pass")),
        ("nora@postbote.example", (None, ["pass"], None)),
        ("rosa@hostgarden.example", (None, [], None)),
    ],
)
def test_the_receivers_word_is_read_in_its_own_shape(
    running: world.World, email: str, said: tuple[str | None, list[str], str | None]
) -> None:
    provider = providers.get(login_of(running, email).provider_id)
    with _session(running, email) as session:
        result = _authentication(provider, _header_block(session, SEEDS[email][0]))

    spf, dmarc = (one.result if one else None for one in (result.spf, result.dmarc))
    assert (spf, [one.result for one in result.dkim], dmarc) == said


@pytest.mark.parametrize(
    ("email", "says"),
    [("finn@skylook.example", Says.INBOX), ("nora@postbote.example", Says.SPAM), ("rosa@hostgarden.example", None)],
)
def test_the_filters_word_is_believed_where_nobody_else_could_have_written_it(
    running: world.World, email: str, says: Says | None
) -> None:
    with _session(running, email) as session:
        found = reading.read(
            _header_block(session, SEEDS[email][0]), providers.get(login_of(running, email).provider_id)
        )

    assert (found.says.says if found.says else None) == says
    assert found.verdicts.believed or found.verdicts.ignored


def test_the_promotions_tab_is_answered(running: world.World) -> None:
    queries = [query for _tab, query in gmail.TAB_QUERIES]
    with _session(running, "ada@northmail.example") as session:
        (inbox,) = session.fetch_ranges([(b"INBOX", 1, 10_000)])
        uid = inbox.found[0].uid
        answers, anywhere = session.gmail_search(b"INBOX", [uid], queries, gmail.ANY_TAB_QUERY)
    by_tab = {tab: answers[query] for tab, query in gmail.TAB_QUERIES}

    assert gmail.tab_from_answers(by_tab, uid) is Tab.PROMOTIONS
    assert anywhere.found == (uid,)
    assert re.fullmatch(r"\d{10,19}", inbox.found[0].gm_msgid)


def test_list_status_spares_the_status_round_trip(running: world.World) -> None:
    with _session(running, "rosa@hostgarden.example") as session:
        assert all(folder.status for folder in session.list_folders())
    with _session(running, "finn@skylook.example") as session:
        listed = session.list_folders()
        assert not any(folder.status for folder in listed)
        assert len(session.status([folder.raw_name for folder in listed])) == len(listed)
