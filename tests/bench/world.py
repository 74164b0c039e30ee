"""What is measured against: a real Dovecot with filled mailboxes, relays in front of it, contenders as processes."""

from __future__ import annotations

import itertools
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from placement.marker import OWN_HEADER
from tests.live.servers.dovecot import MAIL_UID, Dovecot
from tests.live.servers.dovecot_config import PASSWORD

ROOT = Path(__file__).resolve().parents[2]
#: Mails that stand in the mailboxes before anything is measured.
OLD = {"": 100, ".Junk": 20, ".Promotions": 0}
FOLDERS = ("INBOX", "Junk", "Promotions")
#: Of one LMTP dialogue.
RECIPIENTS = 50
#: Seconds that a child may take over one answer.
PATIENCE = 300.0
#: The same Dovecot for all; imap processes are kept, and there may be one for every kept session.
KEPT = """
default_process_limit = 2400
default_client_limit = 4800
mail_max_userip_connections = 100
service imap {
  service_count = 0
  process_limit = 2400
}
service anvil {
  client_limit = 9000
}
service auth {
  client_limit = 9000
}
service stats {
  client_limit = 9000
}
service lmtp {
  process_min_avail = 2
}
"""
#: As Dovecot comes: one imap process a login.
ONE_LOGIN_A_PROCESS = KEPT.replace("service_count = 0", "service_count = 1")

_number = itertools.count(1)


#: What the receiver says of the sender, as every large provider writes it.
RESULTS = (
    "Authentication-Results: mx.seed.example;\r\n\tdkim=pass header.d=brand.example header.s=s1;\r\n"
    "\tspf=pass (domain of bounce@brand.example designates 203.0.113.5 as permitted sender)\r\n"
    "\t smtp.mailfrom=bounce@brand.example; dmarc=pass (p=REJECT) header.from=brand.example\r\n"
)


def message(token: str) -> bytes:
    """About 7.7 KB of headers, as much as mail brings that crossed two big providers."""
    hop = (
        "Received: from mx{0}.relay.example (mx{0}.relay.example [192.0.2.{0}])\r\n"
        "\tby in{0}.seed.example with ESMTPS id {1};\r\n\tSun, 22 Nov 2026 09:00:{0:02} +0000\r\n"
    )
    lines = [RESULTS, *(hop.format(number, "a" * 40) for number in range(10, 22))]
    lines += [f"X-Filler-{number}: {'x' * 70}\r\n\t{'y' * 70}\r\n" for number in range(32)]
    lines += [
        "From: Brand <news@brand.example>\r\n",
        "Subject: Offers of the week\r\n",
        f"Message-ID: <{next(_number)}.{os.getpid()}@brand.example>\r\n",
        "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\n",
    ]
    lines += [f"{OWN_HEADER}: {token}\r\n"] if token else []
    return ("".join(lines) + "\r\nHello.\r\n").encode()


class World:
    """`users` exist and are filled; `drop` delivers to them."""

    def __init__(self, dovecot: Dovecot, users: Sequence[str]) -> None:
        self.dovecot = dovecot
        self.users = list(users)
        self._mail = dovecot.directory / "mail"
        pattern = self._fill("su-pattern")
        for user in users:
            self._copy(pattern, self._mail / user)

    def _fill(self, user: str) -> Path:
        """One mailbox as it stands after years: its old mail, and the server's indexes of it."""
        home = self._mail / user
        old = message("")
        for name, count in OLD.items():
            folder = home / "Maildir" / name
            for part in ("cur", "new", "tmp"):
                (folder / part).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                size = len(old)
                (folder / "cur" / f"{number}.old.example,S={size},W={size}:2,S").write_bytes(old)
        for path in (home, *home.rglob("*")):
            _give_away(path)
        for folder_name in FOLDERS:
            self.dovecot.header_blocks(user, folder_name)
        return home

    def _copy(self, pattern: Path, home: Path) -> None:
        """The mails as links, the indexes as files of its own: a thousand mailboxes in seconds."""
        for folder, _, names in os.walk(pattern):
            target = home / Path(folder).relative_to(pattern)
            target.mkdir()
            _give_away(target)
            for name in names:
                if target.name == "cur":
                    os.link(Path(folder) / name, target / name)
                else:
                    _give_away(Path(shutil.copyfile(Path(folder) / name, target / name)))

    def drop(self, users: Sequence[str], token: str) -> None:
        """A new message in each INBOX, delivered by LMTP; nothing of this is measured."""
        parts = [users[start : start + RECIPIENTS] for start in range(0, len(users), RECIPIENTS)]
        text = message(token)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda some: self.dovecot.deliver(some, text), parts))


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, MAIL_UID, MAIL_UID)


class Program:
    """A child that answers every JSON line with one."""

    def __init__(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=os.environ | (environment or {}),
        )  # fmt: skip

    def ask(self, question: object = None) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self.hear()

    def hear(self) -> Any:
        assert self._process.stdout
        told, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        line = self._process.stdout.readline() if told else ""
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended, or said nothing for {PATIENCE:.0f} s")
        return json.loads(line)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Relay(Program):
    def __init__(self, target: int, rtt_ms: float) -> None:
        super().__init__(sys.executable, "-m", "tests.bench.relay", str(target), str(rtt_ms))
        self.port = int(self.hear())


class Contender(Program):
    """One way to look into mailboxes, in a process of its own. `pass_over` looks once into each of `users`."""

    def __init__(self, method: str, port: int, world: World, users: Sequence[str], **order: object) -> None:
        node = ("node", str(ROOT / "tests" / "bench" / "imapflow.mjs"))
        ours = (sys.executable, "-m", "tests.bench.contenders")
        super().__init__(*(node if method == "imapflow" else ours))
        self.order: dict[str, Any] = {
            "method": method, "port": port, "ca": str(world.dovecot.ca_file), "tls": True, "users": list(users),
            "password": PASSWORD, "folders": FOLDERS, "concurrency": 1, "header": OWN_HEADER,
        } | order  # fmt: skip
        self.ready = self.ask(self.order)

    def pass_over(self, tokens: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = self.ask({"tokens": list(tokens)})
        return found
