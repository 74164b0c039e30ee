"""Every setting that comes from the environment is read here, typed, with its default and its meaning."""

from __future__ import annotations

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env_file = BASE_DIR / ".env"
if env_file.is_file():
    env.read_env(str(env_file))


def database() -> dict[str, object]:
    """DATABASES["default"]: SQLite for one machine, PostgreSQL for many (same code, other URL)."""
    config: dict[str, object] = env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR}/var/seedtest.sqlite3")
    if "sqlite" in str(config["ENGINE"]):
        return config | sqlite_options()
    return config | postgres_options()


def sqlite_options() -> dict[str, object]:
    # IMMEDIATE: a deferred transaction that reads first cannot wait for the writer, it fails at once.
    return {
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    }


def postgres_options() -> dict[str, object]:
    """DB_POOL_SIZE > 0 in threaded processes (web, poll workers); 0 in prefork parents, which must not share one."""
    size = env.int("DB_POOL_SIZE", default=0)
    options: dict[str, object] = {"connect_timeout": 5}
    if size:
        options["pool"] = {"min_size": 0, "max_size": size, "timeout": 60}
    # A pool keeps connections that a restarted database or a firewall has forgotten: without the check each of them
    # costs somebody a 503, and a poll its whole look, at COMMIT.
    return {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}
