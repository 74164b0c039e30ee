"""One whole service for all tests of faults: both its wires can be broken, and it ends at any crash point on order.

Started once for the run. Between the files that use it, its processes sleep (SIGSTOP).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from seedtest.crashing import ORDER, Place
from tests.live.scene import heal
from tests.live.servers.postgres import Postgres
from tests.live.servers.proxy import Proxy
from tests.live.servers.redis import Redis
from tests.live.service import Service, running

#: Database connections that the service may open, whatever its threads.
CONNECTIONS = 40
LEASE = {"LEASE_SECONDS": "4", "SESSION_DEADLINE": "3.5"}


@dataclass(frozen=True)
class Siege:
    service: Service
    broker_way: Proxy
    database_way: Proxy
    armoury: Path  # a file in it arms the crash point it is named after; the crash takes it away

    @contextmanager
    def awake(self) -> Iterator[Siege]:
        """For one file of tests."""
        for process in self.service.processes.values():
            process.revive()
        yield self
        heal(self.service)
        for process in self.service.processes.values():
            process.freeze()


@contextmanager
def lay_siege(postgres: Postgres, redis: Redis, folder: Path) -> Iterator[Siege]:
    armoury = folder / "crashes"
    armoury.mkdir()
    direct = limited_database(postgres, "siege")
    with ExitStack() as stack:
        database_way, broker_way = (stack.enter_context(Proxy(server.port)) for server in (postgres, redis))
        crashes = {ORDER: ",".join(Place), "SEEDTEST_CRASH_ONCE": str(armoury)}
        through = direct.replace(f":{postgres.port}/", f":{database_way.port}/").replace("postgres@", "siege@")
        broker = f"redis://127.0.0.1:{broker_way.port}/0"
        service = stack.enter_context(running(folder, through, broker, **crashes, **LEASE))
        service.database_url = direct  # the tests themselves ask past the wire
        yield Siege(service, broker_way, database_way, armoury)


def limited_database(postgres: Postgres, name: str) -> str:
    """A database whose owner of the same name gets no more than CONNECTIONS; superusers are not counted."""
    url = postgres.create_database(name)
    role = sql.Identifier(name)
    with postgres.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT {}").format(role, CONNECTIONS))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(role, role))
    return url
