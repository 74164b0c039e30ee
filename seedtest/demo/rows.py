"""The demo's rows: workspace, login, mailboxes, seed list, ways to send, a schedule; made anew or brought up to date.

python -m seedtest.demo.rows   in the demo's environment: reads an Order as JSON on stdin, answers a Cast on stdout.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from seedtest import models  # noqa: E402
from seedtest.demo import world  # noqa: E402
from seedtest.demo.cast import ESP_RETURN_PATH, NEWSLETTER, OWN_RETURN_PATH, SENDER, Cast, Order  # noqa: E402
from seedtest.models.clock import db_now  # noqa: E402
from seedtest.models.mailboxes import MailboxState, Tls  # noqa: E402
from seedtest.models.people import Role, Scope  # noqa: E402
from seedtest.services import intake, outgoing, scheduling, seeding  # noqa: E402

EMAIL = "demo@demo.example"
PROFILES = {"Bluebird Coffee": OWN_RETURN_PATH, "Postwing, an ESP": ESP_RETURN_PATH}


def prepare(order: Order) -> Cast:
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    running = world.read(Path(order.ports_file))
    now = db_now()
    workspace = _workspace()
    user = _user(workspace, order.password)
    _end_former_tests(workspace, now)
    seed_list = _seed_list(workspace, running.mailboxes, now)
    profiles = [_profile(workspace, running, name, sender) for name, sender in PROFILES.items()]
    stream = _stream(workspace)
    _schedule(workspace, seed_list, profiles[0], stream, user, now)
    return Cast(
        api_key=_api_key(workspace, user, now),
        email=user.email,
        seed_list=seed_list.public_id,
        stream=stream.public_id,
        profiles={profile.envelope_from: profile.public_id for profile in profiles},
    )


def _workspace() -> models.Workspace:
    return models.Workspace.objects.get_or_create(name="Demo", defaults={"timezone": "Europe/Berlin"})[0]


def _user(workspace: models.Workspace, password: str) -> models.User:
    user = models.User.objects.filter(email=EMAIL).first() or models.User(email=EMAIL, name="Demo")
    user.is_superuser = True  # the operator of this installation, too
    user.set_password(password)
    user.save()
    models.Membership.objects.get_or_create(user=user, workspace=workspace, defaults={"role": Role.OWNER})
    return user


def _api_key(workspace: models.Workspace, user: models.User, now: datetime) -> str:
    models.ApiKey.objects.filter(workspace=workspace, name="Demo", revoked_at=None).update(revoked_at=now)
    scopes = [scope.value for scope in Scope]
    return models.ApiKey.mint(workspace=workspace, name="Demo", scopes=scopes, user=user)[1]


def _end_former_tests(workspace: models.Workspace, now: datetime) -> None:
    """The mail of earlier runs went with their world: nobody may look for it, and call it gone."""
    for test in models.SeedTest.objects.open().filter(workspace=workspace):
        intake.cancel(test, now=now)
    models.SeedTest.objects.filter(workspace=workspace, watch_until__gt=now).update(watch_until=now)


def _seed_list(workspace: models.Workspace, logins: Iterable[world.Login], now: datetime) -> models.SeedList:
    accounts = [_seed(workspace, login, now) for login in logins]
    seed_list = models.SeedList.objects.get_or_create(workspace=workspace, name="All demo seeds")[0]
    seeding.set_members(seed_list, accounts)
    return seed_list


def _seed(workspace: models.Workspace, login: world.Login, now: datetime) -> models.SeedAccount:
    server = {"host": login.imap_host, "port": login.imap_port, "tls": login.tls, "login": login.email}
    added = seeding.add_seed(
        workspace, login.email, login.password, provider=login.provider_id, overrides=server, mailbox_type="consumer"
    )
    _move(added.account.mailbox, login, now)
    return added.account


def _move(mailbox: models.Mailbox, login: world.Login, now: datetime) -> None:
    """The world is new at every start: other ports, another CA, other UIDVALIDITYs, and nobody's lease."""
    mailbox.host, mailbox.port, mailbox.tls = login.imap_host, login.imap_port, login.tls
    mailbox.ca_pem = Path(login.ca_file).read_text()
    mailbox.secret = login.password
    mailbox.state, mailbox.state_reason, mailbox.state_detail = MailboxState.NEW, "", ""
    mailbox.next_poll_at, mailbox.dispatched_until, mailbox.backoff_until = now, None, None
    mailbox.lease_until, mailbox.session_until = None, None
    mailbox.attempts = mailbox.fail_count = 0
    mailbox.save()
    # The rows stay, for the evidence of earlier tests hangs on them; only how far they were read is forgotten.
    mailbox.folders.update(uidvalidity=None, uidnext=None)


def _profile(workspace: models.Workspace, running: world.World, name: str, sender: str) -> models.SendingProfile:
    door = {"host": running.smtp_host, "port": running.smtp_port, "tls": Tls.NONE, "envelope_from": sender}
    return models.SendingProfile.objects.update_or_create(workspace=workspace, name=name, defaults=door)[0]


def _stream(workspace: models.Workspace) -> models.Stream:
    values = {"from_domain": SENDER, "esp": "Postwing"}
    return models.Stream.objects.get_or_create(workspace=workspace, name="Letters", defaults=values)[0]


def _schedule(
    workspace: models.Workspace,
    seed_list: models.SeedList,
    profile: models.SendingProfile,
    stream: models.Stream,
    user: models.User,
    now: datetime,
) -> None:
    name = "Letters, every working day at nine"
    if models.Schedule.objects.filter(workspace=workspace, name=name).exists():
        return
    example = models.Schedule(
        workspace=workspace, name=name, enabled=False, cron="0 9 * * 1-5", timezone=workspace.timezone,
        seed_list=seed_list, stream=stream, sending_profile=profile, created_by=user,
        message=_newsletter(workspace, now),
    )  # fmt: skip
    scheduling.save_schedule(example, now=now)


def _newsletter(workspace: models.Workspace, now: datetime) -> models.OutgoingMessage:
    raw = NEWSLETTER.read_bytes()
    kept = models.OutgoingMessage.objects.filter(workspace=workspace, sha256=hashlib.sha256(raw).hexdigest()).first()
    return kept or outgoing.store_message(workspace, raw, now=now)


def main() -> None:
    order: dict[str, Any] = json.load(sys.stdin)
    json.dump(asdict(prepare(Order(**order))), sys.stdout)


if __name__ == "__main__":
    main()
