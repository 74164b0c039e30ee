"""`manage.py demo` as a person runs it: what lands where, twice, after a crash, at the same time, with any message."""

from __future__ import annotations

import http.cookiejar
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from seedtest.demo import world

T = TypeVar("T")
ROOT = Path(world.__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "manage.py"), "demo"]
#: A time-out, not a measurement: the slowest seed of the world decides after half a minute.
PATIENCE = 180.0
pytestmark = pytest.mark.timeout(600)

SAME_FOR_ALL = {("outlook_com", "missing"): 1, ("gmx", "rejected"): 1, ("cpanel_dovecot", "inbox"): 3}
#: Signed by nobody, List-Unsubscribe, "20 %" in the subject.
NEWSLETTER = SAME_FOR_ALL | {
    ("gmail", "inbox"): 5, ("outlook_com", "inbox"): 3, ("yahoo", "inbox"): 3, ("yahoo", "spam"): 2, ("gmx", "spam"): 2,
}  # fmt: skip
#: 8-bit, no List-Unsubscribe, 90 links: more than Skylook (outlook_com) takes.
MANY_LINKS = "mikel-mail/error_emails/content_transfer_encoding_7-bit.eml"
LANDED = SAME_FOR_ALL | {
    ("gmail", "inbox"): 5, ("outlook_com", "spam"): 3, ("yahoo", "inbox"): 3, ("yahoo", "spam"): 2, ("gmx", "inbox"): 2,
}  # fmt: skip


class Demo:
    """One run, and what it has written so far."""

    def __init__(self, folder: Path, output: Path, *words: str) -> None:
        self._output = output
        command = [*COMMAND, "--state", str(folder), *words]
        with output.open("wb") as to:
            self.process = subprocess.Popen(command, stdout=to, stderr=to, start_new_session=True, cwd=ROOT)

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_for(self, words: str) -> str:
        return eventually(lambda: self.said if words in self.said or self.process.poll() is not None else None)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


def eventually(answer: Callable[[], T | None]) -> T:
    give_up = time.monotonic() + PATIENCE
    while (value := answer()) is None:
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.05)
    return value


@contextmanager
def running(folder: Path, output: Path, *words: str) -> Iterator[Demo]:
    demo = Demo(folder, output, *words)
    try:
        yield demo
    finally:
        demo.process.kill()
        demo.process.wait()


def once(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--once", "--state", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE, check=False)


def processes_of(folder: Path) -> list[int]:
    """Whoever names this folder on its command line or in its environment."""
    name = str(folder).encode() + b"/"
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and name in _words_of(one)]


def _words_of(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def placements(folder: Path) -> Counter[tuple[str, str]]:
    """(provider, placement) of the youngest test, from the tables."""
    with closing(sqlite3.connect(folder / "demo.sqlite3", timeout=20)) as connection:
        rows = connection.execute(
            "SELECT provider, placement FROM seedtest_seedresult "
            "WHERE test_id = (SELECT max(id) FROM seedtest_seedtest)"
        )
        return Counter((provider, placement) for provider, placement in rows)


def admin_page(said: str) -> str:
    """The page that the demo names, after logging in the way it says."""
    url, email, password = re.search(r"(http://\S+/change/).*?as +(\S+) .*?password +(\S+)", said, re.DOTALL).groups()  # type: ignore[union-attr]
    jar = http.cookiejar.CookieJar()
    visitor = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
    login = urllib.parse.urljoin(url, "/admin/login/")
    visitor.open(login, timeout=30).close()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"username": email, "password": password, "csrfmiddlewaretoken": token or ""}
    visitor.open(login, urllib.parse.urlencode(form).encode(), timeout=30).close()
    with visitor.open(url, timeout=30) as page:
        return page.read().decode()


def test_it_reports_what_the_rules_say_refuses_a_second_and_leaves_nothing_when_killed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with running(folder, tmp_path / "output") as demo:
        said = demo.wait_for("Ctrl-C")
        assert "Ctrl-C" in said, said
        assert placements(folder) == NEWSLETTER
        assert "5 promotions" in said
        assert "Seed accounts do not open, click or reply" in said
        page = admin_page(said)
        assert "Demo: the shipped newsletter" in page
        assert "paul@postbote.example" in page

        second = once(folder)
        assert second.returncode == 2, second.stdout
        assert "already running" in second.stdout

        assert processes_of(folder)
        demo.process.kill()
        demo.process.wait()
        eventually(lambda: True if not processes_of(folder) else None)

    # The state of the crashed run is taken on; this time over the other kind of broker.
    third = once(folder, "--folders", "--eml", str(ROOT / "seedtest/demo/newsletter.eml"))
    assert third.returncode == 0, third.stdout + third.stderr
    assert "folders on disk" in third.stdout
    assert placements(folder) == NEWSLETTER
    assert not processes_of(folder)


@pytest.mark.corpus
def test_a_real_message_of_yours_lands_by_the_same_rules(tmp_path: Path, corpus: Path) -> None:
    folder = tmp_path / "a folder with spaces, # and %"
    done = once(folder, "--eml", str(corpus / MANY_LINKS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert placements(folder) == LANDED
    assert not processes_of(folder)


def test_ctrl_c_before_the_report_stops_every_child(tmp_path: Path) -> None:
    with running(tmp_path / "state", tmp_path / "output") as demo:
        demo.wait_for("Test opened")
        assert demo.interrupt() == 130, demo.said
        assert "Stopped before the report" in demo.said
        assert not processes_of(tmp_path / "state")


def test_a_child_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with running(folder, tmp_path / "output") as demo:
        demo.wait_for("Test opened")
        (mail_world,) = [
            pid for pid in processes_of(folder) if b"seedtest.demo.world" in _words_of(Path(f"/proc/{pid}"))
        ]
        os.kill(mail_world, signal.SIGKILL)
        assert demo.process.wait(PATIENCE) == 1, demo.said
        assert "world ended by itself with status -9" in demo.said
        assert not processes_of(folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is not a message that can be sent"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not a message that can be sent"),
        (b"Subject: nobody\r\n\r\nhello\r\n", "has no From"),
    ],
)
def test_a_file_that_is_no_message_is_refused_before_anything_starts(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    eml = tmp_path / "message.eml"
    if content is not None:
        eml.write_bytes(content)
    done = once(tmp_path / "state", "--eml", str(eml))
    assert done.returncode == 2
    assert words in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "state").exists()
