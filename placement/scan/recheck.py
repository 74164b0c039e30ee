"""Known places asked for again: what left them since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from placement.mailbox import Answer, Mailbox
from placement.vocabulary import Folder, Place


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A place whose folder did not answer is in neither."""

    gone: tuple[Place, ...] = ()
    present: tuple[Place, ...] = ()


def look_again(mailbox: Mailbox, folders: Sequence[Folder], places: Sequence[Place]) -> SecondLook:
    open_folders = {folder.name: folder for folder in folders if folder.selectable}
    by_folder: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_folder[place.folder].append(place)
    asked = [name for name in by_folder if name in open_folders]
    wanted = [(open_folders[name].raw_name, [place.uid for place in by_folder[name]]) for name in asked]
    answers = dict(zip(asked, mailbox.existing(wanted) if wanted else [], strict=True))
    gone = [place for place in places if _is_gone(place, answers)]
    present = [place for place in places if _is_present(place, answers)]
    return SecondLook(tuple(gone), tuple(present))


def _is_gone(place: Place, answers: dict[str, Answer[int]]) -> bool:
    answer = answers.get(place.folder)
    if answer is None:
        return True  # the folder itself is gone
    return answer.error is None and not _stands(place, answer)


def _is_present(place: Place, answers: dict[str, Answer[int]]) -> bool:
    answer = answers.get(place.folder)
    return answer is not None and answer.error is None and _stands(place, answer)


def _stands(place: Place, answer: Answer[int]) -> bool:
    # Under another UIDVALIDITY the same number is another message (RFC 9051 2.3.1.1).
    return answer.uidvalidity == place.uidvalidity and place.uid in answer.found
