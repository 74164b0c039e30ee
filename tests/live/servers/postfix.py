"""A real Postfix in front of a Dovecot. It answers for every *.example domain and can send nothing outside."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import time
from pathlib import Path

from tests.live.servers.dovecot import Dovecot
from tests.live.servers.presence import need, need_root
from tests.live.servers.processes import Server, greeting

QUEUES = [
    "incoming",
    "active",
    "deferred",
    "bounce",
    "defer",
    "flush",
    "saved",
    "corrupt",
    "hold",
    "trace",
    "private",
]

MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/maillog
maillog_file_prefixes = {directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.seed.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
default_database_type = texthash
smtp_dns_support_level = disabled
default_transport = error:5.1.2 this server sends nothing outside
relay_transport = error:5.1.2 this server sends nothing outside
virtual_mailbox_domains = regexp:{directory}/etc/domains
virtual_transport = lmtp:inet:[127.0.0.1]:{lmtp}
smtpd_recipient_restrictions = check_recipient_access regexp:{directory}/etc/rcpt_access,
    permit_mynetworks, permit_auth_destination, reject
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificates}/tls.key, {certificates}/tls.crt
smtpd_tls_session_cache_database =
smtpd_client_connection_count_limit = 0
recipient_delimiter = +
message_size_limit = 20480000
queue_run_delay = 5s
minimal_backoff_time = 5s
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
showq unix n - n - - showq
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
"""
TABLES = {
    "domains": "/\\.example$/ ok\n",
    # rcpt550-anything@ is refused with 550, rcpt450-anything@ with 450, and so on; 421 hangs up.
    "rcpt_access": "/^rcpt([45][0-9][0-9])-.*@/ ${1} simulated provider refusal\n",
}


class Postfix(Server):
    """Root only: Postfix's master refuses to run otherwise."""

    name = "postfix"

    def __init__(self, dovecot: Dovecot) -> None:
        super().__init__()
        self._dovecot = dovecot
        self._etc = self.directory / "etc"

    def prepare(self) -> None:
        self._etc.mkdir(exist_ok=True)
        self._write("main.cf", MAIN)
        self._write("master.cf", MASTER)
        for name, text in TABLES.items():
            self._write(name, text.replace("{", "{{").replace("}", "}}"))
        self._make_queues()

    def _write(self, name: str, text: str) -> None:
        path = self._etc / name
        certificates = self._dovecot.ca_file.parent
        values = {"directory": self.directory, "certificates": certificates, "lmtp": self._dovecot.lmtp_port}
        path.write_text(text.format(port=self.port, **values))
        # Postfix waits two seconds for a file that changed just now to "cool down".
        os.utime(path, (time.time() - 60, time.time() - 60))

    def _make_queues(self) -> None:
        """What `postfix check` would make, in two seconds less."""
        postfix, postdrop = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
        _directory(self.directory / "queue", 0o755, 0, 0)
        _directory(self.directory / "queue" / "pid", 0o755, 0, 0)
        _directory(self.directory / "data", 0o700, postfix, 0)
        _directory(self.directory / "queue" / "maildrop", 0o1730, postfix, postdrop)
        _directory(self.directory / "queue" / "public", 0o710, postfix, postdrop)
        for name in QUEUES:
            _directory(self.directory / "queue" / name, 0o700, postfix, 0)

    def command(self) -> list[str]:
        need_root("Postfix")
        return [str(need("/usr/lib/postfix/sbin/master")), "-c", str(self._etc), "-d"]

    def ready(self) -> bool:
        return greeting(self.port).startswith(b"220")

    def logs(self) -> list[Path]:
        return [self.log_path, self.directory / "maillog"]

    def queue(self) -> str:
        """One JSON object a line: what has not been delivered, and why. Empty when nothing waits."""
        command = [str(need("postqueue")), "-c", str(self._etc), "-j"]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout

    def wait_until_empty(self, seconds: float = 20) -> None:
        """Until everything that was accepted is delivered."""
        give_up = time.monotonic() + seconds
        while self.queue().strip():
            if time.monotonic() > give_up:
                raise TimeoutError(f"Postfix still holds: {self.queue()}")
            time.sleep(0.02)


def _directory(path: Path, mode: int, uid: int, gid: int) -> None:
    path.mkdir(exist_ok=True)
    os.chown(path, uid, gid)
    path.chmod(mode)
