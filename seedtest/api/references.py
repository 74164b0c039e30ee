"""Ids in a request body → rows of this workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Model

from seedtest.models import SeedList, SendingProfile, Stream, Workspace
from seedtest.services.intake import IntakeError, unknown_id

_MODELS: Final[dict[str, type[Model]]] = {
    "stream": Stream,
    "seed_list": SeedList,
    "sending_profile": SendingProfile,
}


def resolve(workspace: Workspace, body: Mapping[str, Any]) -> dict[str, Any]:
    """The rows that `body` names by id. Another workspace's id is as unknown as one that never was."""
    rows: dict[str, Any] = {}
    faults = []
    for name, model in _MODELS.items():
        if name not in body:
            continue
        wanted = body[name]
        rows[name] = None
        if wanted is None:
            continue
        rows[name] = model._default_manager.filter(workspace=workspace, public_id=wanted).first()
        if rows[name] is None:
            faults.append(unknown_id(name))
    if faults:
        raise IntakeError(faults)
    return rows
