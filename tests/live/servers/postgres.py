"""A real PostgreSQL with a new cluster of its own; it may be killed and started again on its data."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from tests.live.servers.presence import absent, need
from tests.live.servers.processes import Server

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "timezone": "UTC",
}


class Postgres(Server):
    name = "postgres"

    def __init__(self, *, max_connections: int = 100) -> None:
        super().__init__()
        self._settings = SETTINGS | {"max_connections": str(max_connections)}
        self._data = self.directory / "data"

    def prepare(self) -> None:
        if self._data.exists():
            return
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres")
        initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(
            [*_as_postgres(), str(program("initdb")), *initdb, "-D", str(self._data)],
            capture_output=True,
            text=True,
            cwd=self.directory,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def command(self) -> list[str]:
        settings = [word for key, value in self._settings.items() for word in ("-c", f"{key}={value}")]
        place = ["-D", str(self._data), "-p", str(self.port)]
        return [*_as_postgres(), str(program("postgres")), *place, *settings]

    def ready(self) -> bool:
        try:
            with self.connect():
                return True
        except psycopg.OperationalError:
            return False

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """A new empty database; its URL. One of the same name is dropped first."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)


def program(name: str) -> Path:
    """Debian keeps the newest version's programs off the PATH, and what is on it may be a wrapper."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return found[-1] if found else need(name)


def _as_postgres() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv") or absent("setpriv (util-linux) is not installed")
    return [setpriv, "--reuid=postgres", "--regid=postgres", "--init-groups"]
