"""A test run that is killed leaves no server behind, whatever the server did with its own children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.scene import until
from tests.live.servers.dovecot import need_dovecot
from tests.live.servers.postgres import program
from tests.live.servers.presence import need
from tests.live.servers.undertaker import left_behind

ROOT = Path(__file__).resolve().parents[2]
#: A run with one server, started in a thread that has ended since.
RUN = """
import sys, threading, time
from tests.live.servers.{module} import {name}
server = {name}()
starter = threading.Thread(target=server.__enter__)
starter.start()
starter.join()
print(server.pid, server.directory, flush=True)
time.sleep(600)
"""
NEEDS = {
    "Dovecot": ("dovecot", need_dovecot),
    "Postgres": ("postgres", lambda: program("postgres")),
    "Redis": ("redis", lambda: need("redis-server")),
}


@pytest.mark.parametrize("name", NEEDS)
def test_a_killed_run_leaves_no_server_and_no_folder(name: str) -> None:
    module, needed = NEEDS[name]
    needed()
    command = [sys.executable, "-c", RUN.format(module=module, name=name)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, directory = run.stdout.readline().split()
        assert int(pid) in left_behind([int(pid)], [directory]), "the server runs"
        os.kill(run.pid, signal.SIGKILL)
    until(lambda: not list(left_behind([int(pid)], [directory])), "servers are left")
    until(lambda: not Path(directory).exists(), "its folder is left")


def test_a_process_that_left_its_servers_session_is_found_by_its_folder(tmp_path: Path) -> None:
    """As Dovecot's and Chromium's may: a double fork into a session of its own."""
    twice = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    print(os.getpid(), flush=True)\n    time.sleep(600)"
    )
    done = subprocess.Popen([sys.executable, "-c", twice], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert done.stdout is not None
    pid = int(done.stdout.readline())
    try:
        done.wait()
        assert list(left_behind([done.pid], [str(tmp_path)])) == [pid]
    finally:
        os.kill(pid, signal.SIGKILL)
        done.stdout.close()
