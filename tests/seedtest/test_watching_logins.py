"""Logins beside the watch's loop: whatever becomes of the loop, no connection is left behind."""

from __future__ import annotations

import socket
import threading

import pytest

from placement import mailbox as engine
from seedtest.services.watching import entering, logins
from tests.live.scene import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    yield ours, theirs
    theirs.close()


def opened(sock: socket.socket) -> entering.Opened:
    return entering.Opened(sock, engine.FolderWatch(b"EXAMINE INBOX", None, engine.Secrets("secret")), b"", 60.0)


def test_a_login_that_succeeds_after_the_end_is_closed(line, monkeypatch):
    ours, theirs = line
    begun, go_on = threading.Event(), threading.Event()

    def enter(_mailbox_id: int, *, owner: str) -> list[entering.Opened]:
        begun.set()
        assert go_on.wait(10)
        return [opened(ours)]

    monkeypatch.setattr(entering, "enter", enter)
    running = logins.Logins("this test")
    running.start(1, clock=0.0)
    assert begun.wait(10)
    running.end()
    go_on.set()
    assert theirs.recv(1) == b""


def test_a_login_that_nobody_took_over_is_closed_at_the_end(line, monkeypatch):
    ours, theirs = line
    monkeypatch.setattr(entering, "enter", lambda _, *, owner: [opened(ours)])
    running = logins.Logins("this test")
    running.start(1, clock=0.0)
    until(lambda: not running._outcomes.empty(), "the login does not end")
    running.end()
    assert theirs.recv(1) == b""
