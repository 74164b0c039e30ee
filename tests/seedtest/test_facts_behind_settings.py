"""The settings and habits that keep a fault of a library or a server from becoming ours, each by the fact behind it."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery, current_app
from django.conf import settings
from kombu.exceptions import OperationalError

from placement.mailbox import Login
from placement.mailbox.connection import Client
from seedtest import netguard, tasks
from seedtest.celery import TICKS, configure, transport_options
from seedtest.env import postgres_options, sqlite_options

ROOT = Path(__file__).resolve().parents[2]
GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"


@functools.cache
def trees() -> list[tuple[str, ast.AST]]:
    """Every module of engine and service; the demo's mail world plays the other side and is left out."""
    paths = sorted([*(ROOT / "placement").rglob("*.py"), *(ROOT / "seedtest").rglob("*.py")])
    ours = [path for path in paths if "demo" not in path.relative_to(ROOT).parts]
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in ours]


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for name, tree in trees():
        yield from ((name, node) for node in ast.walk(tree) if isinstance(node, kind))


def attributes(*names: str) -> list[str]:
    return [where for where, node in nodes(ast.Attribute) if node.attr in names]


def keywords(*names: str) -> list[str]:
    return [f"{where}: {node.arg}" for where, node in nodes(ast.keyword) if node.arg in names]


def imported() -> Iterator[tuple[str, str]]:
    for where, node in nodes(ast.ImportFrom):
        yield from ((where, f"{node.module}.{alias.name}") for alias in node.names)
    for where, node in nodes(ast.Import):
        yield from ((where, alias.name) for alias in node.names)


@pytest.fixture(scope="module")
def conf():
    app = Celery("facts", set_as_current=False)
    configure(app)
    return app.conf


# --- Celery, kombu, Redis


def test_kombu_is_new_enough_to_come_back_after_redis_did():
    """Every 5.6 stalls after a reconnect."""
    pinned = re.search(r"^kombu==([\d.]+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    for version in (pinned[1], importlib.metadata.version("kombu")):
        assert tuple(map(int, version.split(".")[:2])) >= (5, 7)


def test_every_word_to_redis_has_a_timeout():
    options = transport_options("redis://127.0.0.1:6379/0", "")
    assert 0 < options["socket_timeout"] <= 10
    assert 0 < options["socket_connect_timeout"] <= 10
    assert options["retry_on_timeout"] is False


def test_a_publish_to_a_broker_that_never_answers_ends():
    """Without the timeout it would wait for ever: then this test would not end either."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        app = Celery("silent", broker=url, set_as_current=False)
        quick = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}
        app.conf.update(broker_transport_options=transport_options(url, "") | quick, broker_connection_timeout=0.1)
        app.conf.task_publish_retry = False
        with pytest.raises(OperationalError):
            app.send_task("anything")


def test_a_hint_that_cannot_be_sent_is_lost_without_harm(monkeypatch, caplog):
    def refuse(**options: object) -> None:
        raise OperationalError("Error 111 connecting to 127.0.0.1:6379")

    monkeypatch.setattr(tasks.poll, "apply_async", refuse)
    tasks._publish_poll([1, 2], False)
    assert "the broker took no message" in caplog.text


def test_no_publish_is_tried_again_and_no_result_is_kept(conf):
    assert conf.task_publish_retry is False
    assert conf.task_ignore_result is True
    assert conf.result_backend is None
    assert not keywords("retry_policy")


def test_nothing_relies_on_late_acknowledgement(conf):
    """A killed child loses its late-acknowledged message all the same; the lease in the database does not."""
    assert conf.task_acks_late is False
    own = [task for name, task in current_app.tasks.items() if name.startswith("seedtest.")]
    assert own
    assert [task.name for task in own if task.acks_late or not task.ignore_result] == []


def test_a_worker_takes_no_more_than_it_can_begin(conf):
    assert conf.worker_prefetch_multiplier == 1


def test_the_business_flow_uses_no_countdown_chord_chain_or_group():
    assert keywords("countdown", "eta", "link_error", "chord") == []
    canvas = {"chord", "chain", "group", "chunks", "signature"}
    assert [found for found in imported() if found[1].removeprefix("celery.") in canvas] == []


def test_late_ticks_are_not_caught_up(conf):
    assert {entry["args"][0] for entry in conf.beat_schedule.values()} == set(TICKS)
    for entry in conf.beat_schedule.values():
        assert entry["options"]["expires"] <= max(entry["schedule"], 2.0)


# --- mail


def test_inbound_mail_is_read_without_the_default_policy():
    """email.policy.default takes seconds on a long To header and raises IndexError on real ones: compat32 only."""
    policies = {name for _, name in imported() if name.startswith("email") and "policy" in name}
    assert policies <= {"email.policy.Compat32"}
    assert [
        found for found in imported() if found[1] in {"email.message.EmailMessage", "email.parser.BytesParser"}
    ] == []


def test_dates_of_the_server_keep_their_zone():
    """IMAPClient's default turns INTERNALDATE into naive local time."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(GREETING)
        client = Client(Login("127.0.0.1", 143, "none", "somebody", "secret"), lambda: ours)
        assert client.normalise_times is False
        client.imap.shutdown()


def test_the_librarys_idle_is_not_used():
    """idle_check() aborts on a line split over two packets and spins on EOF."""
    assert attributes("idle_check", "idle_done") == []
    catalogue_facts = {"seedtest/services/surveying.py", "seedtest/services/watching/choosing.py"}
    assert set(attributes("idle")) <= catalogue_facts


def test_nobody_builds_a_search_out_of_strangers_words():
    """IMAPClient sends CR and LF in SEARCH arguments on, as further commands: our searches hold dates and UIDs only."""
    calls = [(where, node) for where, node in nodes(ast.Call) if isinstance(node.func, ast.Attribute)]
    own = [(where, node) for where, node in calls if where.startswith("placement/mailbox")]
    names = {"gmail_search", "sort", "thread", "multiappend"}
    assert [where for where, node in own if node.func.attr in names] == []
    clients = [
        where
        for where, node in own
        if node.func.attr == "search"
        and isinstance(node.func.value, ast.Attribute)
        and "client" in node.func.value.attr
    ]
    assert clients == []


# --- addresses


def test_addresses_are_judged_by_our_own_list():
    """ipaddress calls NAT64, 6to4, CGNAT and mapped addresses public in one version or another."""
    assert attributes("is_private", "is_global") == []


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "100.64.0.1",
        "::ffff:10.0.0.1",
        "169.254.169.254",
        "fe80::1%eth0",
    ],
)
def test_an_address_that_leads_inside_is_refused(settings, address):
    settings.NETGUARD_ALLOW = []
    with pytest.raises(netguard.Refused):
        netguard.vet(address, 993)


def test_a_public_address_is_dialled(settings):
    settings.NETGUARD_ALLOW = []
    netguard.vet("8.8.8.8", 993)


# --- the databases


def test_sqlite_waits_for_its_writer_instead_of_failing_at_once():
    options = sqlite_options()["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] == 20
    assert "journal_mode=WAL" in options["init_command"]


def test_postgresql_connections_go_back_to_a_pool_where_there_are_threads(monkeypatch):
    monkeypatch.setenv("DB_POOL_SIZE", "8")
    assert postgres_options()["OPTIONS"]["pool"]["max_size"] == 8
    assert postgres_options()["CONN_MAX_AGE"] == 0
    monkeypatch.setenv("DB_POOL_SIZE", "0")
    assert "pool" not in postgres_options()["OPTIONS"]


def test_a_lease_outlives_its_session():
    assert settings.LEASE_SECONDS > settings.SESSION_DEADLINE
