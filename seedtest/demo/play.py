"""The demo from beginning to end: raise the stage, run one seed test, show the report, stay until told to go."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seedtest.demo import stage, state, story
from seedtest.demo.processes import ChildFailed
from seedtest.demo.show import Screen

#: Exit statuses: 0 the report is there · 1 the test could not be completed · 2 it could not begin as asked.
DONE, FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class Wishes:
    """The command's options."""

    eml: str
    once: bool
    folder: Path
    folders: bool


def play(wishes: Wishes, screen: Screen) -> int:
    """The exit status."""
    try:
        letter = story.read_letter(wishes.eml)
        with _endings(), state.opened(wishes.folder) as own:
            return _perform(wishes, letter, own, screen)
    except (story.NoMessage, state.InUse) as error:
        screen.problem(str(error))
        return UNUSABLE
    except (ChildFailed, story.Refused, story.NotCompleted) as error:
        screen.problem(f"The demo could not be completed.\n{error}\nAll logs: {wishes.folder / 'logs'}")
        return FAILED
    except KeyboardInterrupt:
        screen.problem("Stopped before the report was there.")
        return INTERRUPTED


def _perform(wishes: Wishes, letter: story.Letter, own: state.State, screen: Screen) -> int:
    with stage.running(own, screen.step, folders=wishes.folders) as raised:
        api = story.Api(raised.url, raised.cast.api_key)
        opened = story.open_test(raised, api, letter)
        screen.step(f"Test opened for {letter.name}: {len(opened['seeds'])} seeds, sent over SMTP, polled over IMAP")
        with screen.progress() as progress:
            report = story.follow(raised, api, opened["id"], progress.show)
        screen.step("Report")
        screen.report(report)
        screen.rules()
        screen.limits(report)
        if wishes.once:
            return _outcome(report)
        screen.way_in(f"{raised.url}/admin/seedtest/seedtest/{opened['id']}/change/", raised.cast.email, own.password)
        _stay(raised)
    return _outcome(report)


def _outcome(report: story.Body) -> int:
    if report["status"] == "complete":
        return DONE
    raise story.NotCompleted(f"The test ended as “{report['status_text']}”.")


def _stay(raised: stage.Stage) -> None:
    try:
        while True:
            raised.family.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return


@contextmanager
def _endings() -> Iterator[None]:
    """Whatever asks us to end does it the way Ctrl-C does: through every `finally`."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
