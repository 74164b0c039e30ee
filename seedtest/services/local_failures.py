"""A mailbox that cannot be asked because of something on our side: nobody's login was tried."""

from __future__ import annotations

from placement.errors import PlacementError
from placement.vocabulary import Reason


class LocalFailure(PlacementError):
    permanent = True
    reason = Reason.SECRET_UNREADABLE
