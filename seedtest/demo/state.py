"""The demo's own folder: its lock, its secrets, and the environment that points every child at it."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cryptography.fernet import Fernet

#: How the demo differs from production: everything is on loopback, and its providers are quick.
PACE = 0.2
ALLOWANCE_MINUTES = 0.45
POLL_SESSIONS = 8


class InUse(Exception):
    """Another demo works in this folder. The text says which."""


@dataclass(frozen=True, slots=True)
class State:
    """Where everything of this demo lives, and its secrets (made once a folder)."""

    folder: Path
    secret_key: str
    encryption_key: str
    password: str

    @property
    def broker_folder(self) -> Path:
        return self.folder / "broker"

    @property
    def broker_url_file(self) -> Path:
        return self.broker_folder / "url"

    @property
    def ports_file(self) -> Path:
        return self.folder / "world.json"

    @property
    def beat_schedule(self) -> Path:
        return self.folder / "beat-schedule"


@contextmanager
def opened(folder: Path) -> Iterator[State]:
    """The folder, ours alone until the block ends. Raises InUse."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise InUse(_in_use(folder, lock.read().strip())) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield _prepare(folder)


def _in_use(folder: Path, pid: str) -> str:
    return (
        f"A demo is already running in {folder} (process {pid or 'unknown'}). "
        f"Stop it with Ctrl-C, or give this one a folder of its own: manage.py demo --state {folder}-2"
    )


def _prepare(folder: Path) -> State:
    state = State(
        folder=folder,
        secret_key=_kept(folder / "secret.key", lambda: secrets.token_urlsafe(50)),
        encryption_key=_kept(folder / "encryption.key", lambda: Fernet.generate_key().decode()),
        password=_kept(folder / "password", lambda: secrets.token_urlsafe(9)),
    )
    # Messages of a run that is over only say "look at these rows"; beat's file holds no truth either.
    shutil.rmtree(state.broker_folder, ignore_errors=True)
    state.broker_folder.mkdir()
    for leftover in (state.ports_file, *folder.glob("beat-schedule*")):
        leftover.unlink(missing_ok=True)
    return state


def _kept(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(make())
    return file.read_text().strip()


def environment(state: State, *, base: Mapping[str, str], broker_url: str, public_url: str) -> dict[str, str]:
    """What the children run with. It outranks a .env file and the caller's own settings."""
    own = {
        "DJANGO_SETTINGS_MODULE": "seedtest.settings",
        "DEBUG": "false",
        "SECRET_KEY": state.secret_key,
        "SEEDTEST_ENCRYPTION_KEYS": state.encryption_key,
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "PUBLIC_URL": public_url,
        "COOKIES_SECURE": "false",
        "BEHIND_PROXY": "false",
        "HSTS_SECONDS": "0",
        "CSRF_TRUSTED_ORIGINS": "",
        "DATABASE_URL": f"sqlite:///{quote(str(state.folder))}/demo.sqlite3",
        "DB_POOL_SIZE": "0",
        "MEDIA_ROOT": str(state.folder / "media"),
        "BROKER_URL": broker_url,
        "BROKER_FOLDER": str(state.broker_folder / "messages"),
        "NETGUARD_ALLOW": "127.0.0.0/8",
        "POLL_SESSIONS": str(POLL_SESSIONS),
        "PACE": str(PACE),
        "ALLOWANCE_MINUTES": str(ALLOWANCE_MINUTES),
        "CLOCK_OFFSET_SECONDS": "0",
        "LOG_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
    }
    return {**base, **own}
