"""Whom to wake and when: at once, but a server that cries wolf wakes its mailbox ever more slowly. Has no clock."""

from __future__ import annotations

from collections.abc import Iterable

#: Wake-ups of one mailbox are so far apart; after a burst of BURST of them, a look each EVERY seconds must do.
GAP, BURST, EVERY = 0.1, 10, 2.0
#: A mailbox that is being looked into is asked for again.
AGAIN = 0.1


class Wakes:
    """Wake-ups that were asked for and not done yet. None is ever dropped, only put off."""

    def __init__(self) -> None:
        self._pending: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._paid_until: dict[int, float] = {}  # generic cell rate: the moment all wake-ups so far would be paid for

    def ask(self, mailbox_id: int, clock: float) -> None:
        if mailbox_id not in self._pending:
            self._pending[mailbox_id] = max(clock, self._free_at(mailbox_id))

    def due(self, clock: float) -> list[int]:
        return [one for one, at in self._pending.items() if at <= clock]

    def next_at(self) -> float:
        return min(self._pending.values(), default=float("inf"))

    def done(self, asked: Iterable[int], woken: set[int], clock: float) -> None:
        """Of the due ones that were `asked` for, those in `woken` are awake; the others are asked for again."""
        for one in asked:
            if one not in woken:
                self._pending[one] = clock + AGAIN
                continue
            self._pending.pop(one, None)
            self._last[one] = clock
            self._paid_until[one] = max(self._paid_until.get(one, clock), clock) + EVERY

    def forget(self, mailbox_id: int) -> None:
        for table in (self._pending, self._last, self._paid_until):
            table.pop(mailbox_id, None)

    def _free_at(self, mailbox_id: int) -> float:
        if mailbox_id not in self._last:
            return 0.0
        return max(self._last[mailbox_id] + GAP, self._paid_until[mailbox_id] - BURST * EVERY)
