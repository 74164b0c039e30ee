"""A place in a list, sealed: nobody outside can read it, change it, or use it for another list or workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from seedtest import crypto
from seedtest.models import Workspace


class BadCursor(Exception):
    """Spoilt, or of another list or workspace."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last row that was shown."""

    created_at: datetime
    id: int


def seal(position: Position, list_name: str, workspace: Workspace) -> str:
    # Sealed, not only signed: a signed cursor shows how many rows the whole installation has.
    value = json.dumps([position.created_at.isoformat(), position.id])
    return crypto.seal(value, table="cursor", field=list_name, public_id=workspace.public_id)


def unseal(text: str, list_name: str, workspace: Workspace) -> Position:
    try:
        value = crypto.unseal(text, table="cursor", field=list_name, public_id=workspace.public_id)
    except crypto.SecretUnreadable as error:
        raise BadCursor from error
    created_at, pk = json.loads(value)
    return Position(datetime.fromisoformat(created_at), pk)
