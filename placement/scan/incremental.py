"""What is new since the cursors: planned from the folders' statuses, read in one write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from placement.errors import FolderUnavailable
from placement.mailbox import Answer, Fetched, Mailbox
from placement.vocabulary import Cursor, Folder, FolderState, FolderStatus, ListedFolder

_PARTS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """A message as fetched, and where it stands."""

    folder: Folder
    uidvalidity: int
    message: Fetched


@dataclass(frozen=True, slots=True)
class Want:
    """A folder that has something new, and where reading begins."""

    folder: Folder
    status: FolderStatus
    first: int
    reset: bool = False

    @property
    def most(self) -> int:
        """No more messages than this can stand in the range: UIDs may have gaps, counts have none."""
        span = self.status.uidnext - self.first
        return span if self.status.messages is None else min(span, self.status.messages)


@dataclass(frozen=True, slots=True)
class Step:
    """One range to fetch, and the cursor that stands after it."""

    want: Want
    first: int
    last: int
    after: Cursor


@dataclass(frozen=True, slots=True)
class Plan:
    """`states` holds every folder, as it stays where its step is not carried out."""

    states: Mapping[bytes, FolderState]
    steps: tuple[Step, ...]
    backlog: bool


@dataclass(frozen=True, slots=True)
class Reading:
    states: tuple[FolderState, ...]
    found: tuple[Found, ...]
    backlog: bool


def watched_statuses(
    mailbox: Mailbox, listed: Sequence[ListedFolder], folders: Sequence[Folder]
) -> dict[bytes, FolderStatus]:
    """The statuses that LIST brought along, and those of watched folders it did not."""
    told = {one.raw_name: one.status for one in listed if one.status is not None}
    open_questions = [one.raw_name for one in folders if one.watched and one.raw_name not in told]
    asked = mailbox.status(open_questions) if open_questions else {}
    return told | asked


def plan(
    folders: Sequence[Folder],
    statuses: Mapping[bytes, FolderStatus],
    cursors: Mapping[str, Cursor],
    max_messages: int,
) -> Plan:
    states = {folder.raw_name: FolderState(folder) for folder in folders}
    wants = []
    for folder in folders:
        status = statuses.get(folder.raw_name)
        if not folder.watched or status is None:
            continue
        cursor = cursors.get(folder.name)
        want = _want(folder, status, cursor, is_new_mailbox=not cursors)
        if want is None:
            states[folder.raw_name] = FolderState(folder, cursor or _at_the_end(status), messages=status.messages)
        elif want.most > 0:
            wants.append(want)
        else:
            states[folder.raw_name] = FolderState(folder, _at_the_end(status), want.reset, status.messages)
    steps, backlog = _steps(wants, max_messages)
    return Plan(states, steps, backlog)


def _want(folder: Folder, status: FolderStatus, cursor: Cursor | None, *, is_new_mailbox: bool) -> Want | None:
    """None: nothing to read. A new mailbox starts at its end, a new folder of a known one at its beginning."""
    if cursor is None:
        return None if is_new_mailbox else Want(folder, status, 1)
    if cursor.uidvalidity != status.uidvalidity:
        return Want(folder, status, 1, reset=True)
    if status.uidnext <= cursor.uidnext:
        return None
    return Want(folder, status, cursor.uidnext)


def _at_the_end(status: FolderStatus) -> Cursor:
    return Cursor(status.uidvalidity, status.uidnext)


def _steps(wants: Sequence[Want], max_messages: int) -> tuple[tuple[Step, ...], bool]:
    """Small wants first: a flood in one folder must not keep the others waiting."""
    steps, room, backlog = [], max_messages, False
    for want in sorted(wants, key=lambda one: one.most):
        step = _step(want, room)
        backlog |= step is None or (not want.reset and step.last + 1 < want.status.uidnext)
        if step is not None:
            steps.append(step)
            room -= min(want.most, step.last - step.first + 1)
    return tuple(steps), backlog


def _step(want: Want, room: int) -> Step | None:
    """The oldest first, so that the cursor never jumps over unread mail; but after a reset the newest:
    what stood in the folder before was read under its old UIDs, and the full check looks at the rest."""
    if room <= 0:
        return None
    uidnext = want.status.uidnext
    first, last = want.first, uidnext - 1
    if want.most > room and want.reset:
        first = uidnext - room
    elif want.most > room:
        last = want.first + room - 1
    return Step(want, first, last, Cursor(want.status.uidvalidity, last + 1))


def read_new(mailbox: Mailbox, plan: Plan) -> Reading:
    """Carry out the plan. A folder that fails keeps its old cursor and is read again by the next pass."""
    ranges = [(step.want.folder.raw_name, step.first, step.last) for step in plan.steps]
    answers = mailbox.fetch_ranges(ranges) if ranges else []
    _stop_when_all_refuse(answers)
    states, found, backlog = dict(plan.states), list[Found](), plan.backlog
    for step, answer in zip(plan.steps, answers, strict=True):
        # Another UIDVALIDITY than STATUS said: the folder was made anew in between.
        if answer.uidvalidity != step.want.status.uidvalidity:
            continue
        messages, after = (answer.found, step.after) if not answer.error else read_around(mailbox, step)
        folder = step.want.folder
        states[folder.raw_name] = FolderState(folder, after, step.want.reset, step.want.status.messages)
        found += [Found(folder, answer.uidvalidity, message) for message in messages]
        backlog |= after.uidnext < step.after.uidnext
    return Reading(tuple(states.values()), tuple(found), backlog)


def read_around(mailbox: Mailbox, step: Step) -> tuple[tuple[Fetched, ...], Cursor]:
    """The folder opens, but its server cannot give out this range: one broken message must not stop it.

    The range is asked for in parts, then the first part that fails in parts of its own, until the message
    stands alone; it is left out, and the next pass goes on behind it. The full check asks for it again, and
    is incomplete while it fails.
    """
    messages, read_to = list[Fetched](), step.first
    unread: tuple[int, int] | None = (step.first, step.last)
    while unread is not None:
        parts, unread = _parts(*unread), None
        answers = mailbox.fetch_ranges([(step.want.folder.raw_name, *part) for part in parts])
        for (first, last), answer in zip(parts, answers, strict=True):
            if answer.uidvalidity != step.want.status.uidvalidity or _is_final(answer):
                break
            if answer.error and first < last:
                unread = (first, last)
                break
            messages += answer.found
            read_to = last + 1
    return tuple(messages), Cursor(step.after.uidvalidity, read_to)


def _is_final(answer: Answer[Fetched]) -> bool:
    """An error that says nothing about a single message: throttling, say."""
    return answer.error is not None and not isinstance(answer.error, FolderUnavailable)


def _parts(first: int, last: int) -> list[tuple[int, int]]:
    size = max((last - first + 1) // _PARTS, 1)
    return [(start, min(start + size - 1, last)) for start in range(first, last + 1, size)]


def _stop_when_all_refuse(answers: Sequence[Answer[Fetched]]) -> None:
    """Where one folder answered, its mail is kept and the rest waits; where none did, the server decides:
    it throttles, or takes back the login (163.com lets in and then opens nothing)."""
    if all(answer.error for answer in answers):
        for answer in answers:
            if answer.error and not isinstance(answer.error, FolderUnavailable):
                raise answer.error
