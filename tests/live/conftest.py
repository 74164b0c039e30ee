"""The real servers, one of each for the whole run; on a failure, what they had to say."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from django.db import connection

from tests.live import oracle
from tests.live.servers.browser import Chromium
from tests.live.servers.dovecot import Dovecot, need_dovecot
from tests.live.servers.postfix import Postfix
from tests.live.servers.postgres import Postgres, program
from tests.live.servers.presence import need, need_root
from tests.live.servers.processes import Server
from tests.live.servers.redis import Redis
from tests.live.siege import Siege, lay_siege

S = TypeVar("S", bound=Server)
SHARED: list[Server] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "live" in item.path.parts:
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, pytest.TestReport]:
    report: pytest.TestReport = yield
    if report.failed and "live" in item.path.parts:
        report.sections += [(f"{server.name} log", server.log_tail()) for server in Server.running.values()]
    return report


@contextmanager
def shared(server: S) -> Iterator[S]:
    """A server for the whole run."""
    with server:
        SHARED.append(server)
        yield server
        SHARED.remove(server)


@pytest.fixture(autouse=True)
def _servers_are_up() -> None:
    """A test that kills a server and then fails takes no other test down with it."""
    for server in SHARED:
        server.revive()


class OwnTables:
    """The database of the test itself."""

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


@pytest.fixture
def tables_in_order(transactional_db: None) -> Iterator[None]:
    """At the end of the test the oracle finds nothing lost, doubled or wrong in its database."""
    yield
    judgement = oracle.judge(OwnTables(), {})
    assert judgement.clean, str(judgement)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    need_dovecot()
    with shared(Dovecot()) as server:
        yield server


@pytest.fixture(scope="session")
def postfix(dovecot: Dovecot) -> Iterator[Postfix]:
    need("postfix")
    need_root("Postfix")
    with shared(Postfix(dovecot)) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    need("redis-server")
    with shared(Redis()) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    program("postgres")
    with shared(Postgres()) as server:
        yield server


@pytest.fixture(scope="session")
def siege(postgres: Postgres, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with lay_siege(postgres, redis_server, tmp_path_factory.mktemp("siege")) as siege:
        yield siege


@pytest.fixture(scope="module")
def besieged(siege: Siege) -> Iterator[Siege]:
    """For one file of tests; it sleeps between them."""
    with siege.awake():
        yield siege


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    need("chromium")
    need("chromedriver")
    with shared(Chromium()) as browser:
        yield browser
