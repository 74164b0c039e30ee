"""The demo's mail world as a child process, and a plain client that looks into its mailboxes."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seedtest.demo import world

ROOT = Path(world.__file__).parents[2]
NEWSLETTER = (ROOT / "seedtest/demo/newsletter.eml").read_bytes().replace(b"\n", b"\r\n")
FROM = "bounce@news.bluebird-coffee.example"


@contextmanager
def running_world(folder: Path) -> Iterator[world.World]:
    """The world on free ports; it must end cleanly on SIGTERM and take its ports file with it."""
    ports = folder / "world.json"
    command = [sys.executable, "-W", "error", "-m", "seedtest.demo.world", "--slow-seconds", "0.5"]
    child = subprocess.Popen([*command, "--ports-file", str(ports)], cwd=ROOT)
    try:
        yield _ready(ports, child)
    finally:
        child.terminate()
        code = child.wait(timeout=10)
    assert code == 0
    assert not ports.exists()


def _ready(ports: Path, child: subprocess.Popen[bytes]) -> world.World:
    for _attempt in range(600):
        if ports.exists():
            return world.read(ports)
        assert child.poll() is None, "the world ended before it was ready"
        time.sleep(0.05)
    raise AssertionError("the world did not come up within 30 s")


def send(running: world.World, message: bytes, *seeds: str, source: str = "127.0.0.1") -> dict[str, tuple[int, bytes]]:
    door = (running.smtp_host, running.smtp_port)
    with smtplib.SMTP(*door, local_hostname="mta1.postwing.example", source_address=(source, 0)) as smtp:
        return smtp.sendmail(FROM, list(seeds), message)


def login_of(running: world.World, email: str) -> world.Login:
    return next(login for login in running.mailboxes if login.email == email)


@contextmanager
def mailbox(running: world.World, email: str) -> Iterator[imaplib.IMAP4_SSL]:
    login = login_of(running, email)
    context = ssl.create_default_context(cafile=login.ca_file)
    with imaplib.IMAP4_SSL(login.imap_host, login.imap_port, ssl_context=context) as client:
        client.login(login.email, login.password)
        yield client


def where(running: world.World, email: str, words: bytes) -> list[str]:
    """The folders that hold a message with these words in its header."""
    with mailbox(running, email) as client:
        return [name.strip('"') for name in _folders(client) if _holds(client, name, words)]


def arrive(running: world.World, email: str, words: bytes) -> None:
    """Wait until the message stands somewhere."""
    for _attempt in range(200):
        if where(running, email, words):
            return
        time.sleep(0.05)
    raise AssertionError(f"{words!r} never came to {email}")


def _folders(client: imaplib.IMAP4_SSL) -> list[str]:
    lines = [line.decode() for line in client.list()[1] if isinstance(line, bytes)]
    return [line.rsplit('" ', 1)[1] for line in lines if "\\Noselect" not in line]


def _holds(client: imaplib.IMAP4_SSL, folder: str, words: bytes) -> bool:
    assert client.select(folder, readonly=True)[0] == "OK"
    _ok, fetched = client.uid("FETCH", "1:4294967295", "(BODY.PEEK[HEADER])")
    return any(words in part[1] for part in fetched if isinstance(part, tuple))
