"""A real Dovecot: IMAP with and without TLS, LMTP in, sieve filing, what clients said on the wire."""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.live.servers import dovecot_config, lmtp
from tests.live.servers.certificates import make_certificates
from tests.live.servers.presence import absent, need
from tests.live.servers.processes import Server, greeting

#: The names the certificate is good for, besides the loopback addresses.
HOSTS = (
    "localhost",
    "127.0.0.1",
    "::1",
    "imap.seed.example",
    "imap.second.example",
    "mx.seed.example",
)
#: Dovecot refuses to read mail as root; this uid needs no entry in /etc/passwd.
MAIL_UID = 5000

LITERAL_LINE = re.compile(rb"\{(\d+)\+?\}\r?\n\Z")
WIRE_LINE = re.compile(rb"^\d+\.\d+ ", re.MULTILINE)
COMMAND = re.compile(rb"^[A-Za-z0-9.]+ (?:UID )?[A-Za-z]+")

#: How long the log of a session that may have ended is waited for.
WIRE_SECONDS = 10.0


def need_dovecot() -> None:
    for binary in ("doveadm", "sievec"):
        need(binary)
    version = subprocess.run([str(need("dovecot")), "--version"], capture_output=True, text=True, check=True)
    if not version.stdout.startswith("2.3."):
        absent(f"These tests speak the configuration of Dovecot 2.3; this is {version.stdout.strip()}")


class Dovecot(Server):
    """`extra` is appended to the configuration: later lines win, so it may overrule any setting."""

    name = "dovecot"
    port_names = ("imap", "imaps", "lmtp")
    users = dovecot_config.USERS
    password = dovecot_config.PASSWORD

    def __init__(self, *, extra: str = "") -> None:
        super().__init__()
        self.extra = extra
        self._certificates = make_certificates(self.directory, HOSTS)
        self._config = self.directory / "dovecot.conf"

    @property
    def ca_file(self) -> Path:
        return self._certificates.ca

    @property
    def imap_port(self) -> int:
        return self.ports["imap"]

    @property
    def imaps_port(self) -> int:
        return self.ports["imaps"]

    @property
    def lmtp_port(self) -> int:
        return self.ports["lmtp"]

    def prepare(self) -> None:
        for name in ("mail", "sieve", "wire"):
            (self.directory / name).mkdir(exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.directory / "mail", MAIL_UID, MAIL_UID)
        self._config.write_text(self._configuration(), encoding="utf-8")
        script = self.directory / "sieve" / "before.sieve"
        script.write_text(dovecot_config.sieve(), encoding="utf-8")
        self._run(str(need("sievec")), "-c", str(self._config), str(script))

    def _configuration(self) -> str:
        root = os.geteuid() == 0
        me = pwd.getpwuid(os.geteuid()).pw_name
        uid, gid = (MAIL_UID, MAIL_UID) if root else (os.geteuid(), os.getegid())
        return dovecot_config.CONFIGURATION.format(
            directory=self.directory,
            login_user="dovenull" if root else me,
            internal_user="dovecot" if root else me,
            internal_group="dovecot" if root else grp.getgrgid(os.getegid()).gr_name,
            worker_user=me,
            uid=uid,
            userdb=dovecot_config.userdb(f"{self.directory}/mail", uid, gid),
            namespaces=dovecot_config.namespaces(),
            password=self.password,
            extra=self.extra,
            **self.ports,
        )

    def command(self) -> list[str]:
        return [str(need("dovecot")), "-F", "-c", str(self._config)]

    def ready(self) -> bool:
        return greeting(self.imap_port).startswith(b"* OK") and greeting(self.lmtp_port).startswith(b"220")

    def logs(self) -> list[Path]:
        return [self.log_path, self.directory / "dovecot.log"]

    def deliver(self, users: str | Sequence[str], message: bytes, *, sender: str = "esp@sender.example") -> None:
        """Over LMTP, byte for byte; returns when every recipient has it, raises lmtp.Refused otherwise."""
        recipients = [users] if isinstance(users, str) else list(users)
        addresses = [user if "@" in user else f"{user}@seed.example" for user in recipients]
        lmtp.deliver(self.lmtp_port, sender, addresses, message)

    def doveadm(self, *arguments: str) -> str:
        """`doveadm("mailbox", "delete", "-u", "su-01", "Junk")` and the like; its output."""
        return self._run(str(need("doveadm")), "-c", str(self._config), *arguments)

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
        return done.stdout

    def empty(self, user: str) -> None:
        """Delete every message of a user in every folder; UIDs go on counting."""
        self.doveadm("expunge", "-u", user, "mailbox", "*", "all")

    def raw(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """Every message of a folder in UID order, as the server gives it out."""
        return [literal for _, literal in self._peek(user, folder, "BODY.PEEK[]")]

    def header_blocks(self, user: str, folder: str = "INBOX") -> dict[int, bytes]:
        """UID → header block with its empty line, as the server gives it out."""
        return {_uid(line): literal for line, literal in self._peek(user, folder, "UID BODY.PEEK[HEADER]")}

    def _peek(self, user: str, folder: str, items: str) -> list[tuple[bytes, bytes]]:
        client = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=10)
        try:
            client.login(user, self.password)
            status, counted = client.select(_quoted(folder), readonly=True)
            if status != "OK":
                raise LookupError(f"{user} has no folder {folder}: {counted}")
            if counted == [b"0"]:
                return []
            _, data = client.fetch("1:*", f"({items})")
            return [(part[0], part[1]) for part in data if isinstance(part, tuple)]
        finally:
            client.logout()

    def flags(self, user: str, folder: str = "INBOX") -> dict[int, frozenset[str]]:
        """UID → flags, read past IMAP, so that looking changes nothing."""
        rows = self._fetch(user, folder, "uid flags")
        return {int(uid): frozenset(words) for uid, *words in rows}

    def uids(self, user: str, folder: str = "INBOX") -> list[int]:
        return [int(uid) for (uid,) in self._fetch(user, folder, "uid")]

    def _fetch(self, user: str, folder: str, fields: str) -> list[list[str]]:
        found = self.doveadm("-f", "flow", "fetch", "-u", user, fields, "mailbox", folder, "all")
        return [
            [word for pair in re.findall(r"\w+=([^=]*)(?= \w+=|$)", line) for word in pair.split()]
            for line in found.splitlines()
        ]

    def record_wire(self, *users: str) -> None:
        """From their next login on, keep what these users' clients say."""
        for user in users:
            directory = self.directory / "wire" / user
            directory.mkdir(exist_ok=True)
            directory.chmod(0o777)

    def wire_log(self, user: str) -> list[bytes]:
        """The command lines of this user's sessions since record_wire or forget_wire, LOGIN not included.

        Dovecot writes a session's last lines a moment after its client has left, so they are waited for; a session
        that is still open is included as far as it was written."""
        give_up = time.monotonic() + WIRE_SECONDS
        while True:
            files = sorted((self.directory / "wire" / user).glob("*.in"))
            sessions = [_commands(file.read_bytes()) for file in files]
            ended = sessions and all(lines and lines[-1].upper().endswith(b"LOGOUT") for lines in sessions)
            if ended or time.monotonic() > give_up:
                return [line for lines in sessions for line in lines]
            time.sleep(0.01)

    def forget_wire(self, *users: str) -> None:
        """Only between sessions: a session that is open keeps writing to the file that is gone."""
        for user in users:
            for file in (self.directory / "wire" / user).glob("*"):
                file.unlink()


def _commands(log: bytes) -> list[bytes]:
    lines = WIRE_LINE.sub(b"", log).splitlines()
    return [line for line in lines if COMMAND.match(line)]


def _uid(line: bytes) -> int:
    found = re.search(rb"UID (\d+)", line)
    if found is None:
        raise LookupError(f"no UID in {line!r}")
    return int(found[1])


def _quoted(folder: str) -> str:
    return '"' + modified_utf7(folder).replace("\\", "\\\\").replace('"', '\\"') + '"'


def modified_utf7(name: str) -> str:
    """RFC 3501 section 5.1.3, written apart from the product's own so that each checks the other."""
    pieces = re.split(r"([^\x20-\x7e]+)", name.replace("&", "&-"))
    return "".join(_shifted(piece) if position % 2 else piece for position, piece in enumerate(pieces))


def _shifted(piece: str) -> str:
    base64 = piece.encode("utf-7").decode("ascii").strip("+-")
    return "&" + base64.replace("/", ",") + "-"
