"""Sets the scene inside the service's own environment: reads one JSON order on stdin, answers one on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any

import django

django.setup()

from seedtest import models  # noqa: E402
from seedtest.models.people import Scope  # noqa: E402
from seedtest.services import seeding  # noqa: E402


def seed(workspace: models.Workspace, order: dict[str, Any], ca_pem: str) -> dict[str, Any]:
    added = seeding.add_seed(
        workspace, order["address"], order["password"], provider=order.get("provider", "generic"),
        overrides={"host": "127.0.0.1", "port": order["port"], "login": order["login"], "tls": order.get("tls", "ssl")},
    )  # fmt: skip
    models.Mailbox.objects.filter(pk=added.account.mailbox_id).update(ca_pem=ca_pem)
    return {"id": added.account.public_id, "mailbox": added.account.mailbox_id}


def lend(workspace: models.Workspace, mailbox_id: int) -> None:
    """Give the workspace a seed account on a mailbox that somebody else uses too."""
    models.Mailbox.objects.filter(pk=mailbox_id).update(workspace=None)
    models.SeedAccount.objects.create(workspace=workspace, mailbox_id=mailbox_id)


def run(order: dict[str, Any]) -> dict[str, Any]:
    workspace = models.Workspace.objects.create(name=order["workspace"])
    seeds = [seed(workspace, one, order["ca_pem"]) for one in order.get("seeds", [])]
    for mailbox_id in order.get("lend", []):
        lend(workspace, mailbox_id)
    _, text = models.ApiKey.mint(workspace=workspace, name="tests", scopes=[scope.value for scope in Scope])
    answer: dict[str, Any] = {"key": text, "seeds": seeds, "workspace": workspace.pk}
    if order.get("smtp_port"):
        profile = models.SendingProfile.objects.create(
            workspace=workspace, name="local", host="127.0.0.1", port=order["smtp_port"], tls="none",
            envelope_from="bounces@brand.example",
        )  # fmt: skip
        answer["profile"] = profile.public_id
    return answer


json.dump(run(json.load(sys.stdin)), sys.stdout)
