"""Keys can be changed while the service runs, and a change that is killed half-way loses nothing."""

from __future__ import annotations

import io

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from seedtest import crypto
from seedtest.crypto import SecretUnreadable
from seedtest.models import Mailbox, SendingProfile
from seedtest.services import rotating

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def mailbox(settings, cast, make_seed) -> Mailbox:
    settings.SEEDTEST_ENCRYPTION_KEYS = [OLD]
    return make_seed(cast.workspace, secret="apple pie").mailbox


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def test_after_a_rotation_the_old_key_is_needed_no_more(settings, cast, mailbox):
    profile = SendingProfile.objects.create(
        workspace=cast.workspace, name="relay", host="smtp.example", password="plum"
    )
    settings.SEEDTEST_ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotatekeys", stdout=io.StringIO())
    settings.SEEDTEST_ENCRYPTION_KEYS = [NEW]
    assert fresh(mailbox).secret.reveal() == "apple pie"
    assert fresh(profile).password.reveal() == "plum"


def test_killed_half_way_both_halves_stay_readable(settings, cast, mailbox, make_seed, monkeypatch):
    other = make_seed(cast.workspace, secret="cherry").mailbox
    settings.SEEDTEST_ENCRYPTION_KEYS = [NEW, OLD]
    calls = iter([crypto.rotate])

    def killed_at_the_second(token: str) -> str:
        return next(calls)(token)

    monkeypatch.setattr(crypto, "rotate", killed_at_the_second)
    with pytest.raises(StopIteration):
        rotating.rotate_all()
    assert {fresh(mailbox).secret.reveal(), fresh(other).secret.reveal()} == {"apple pie", "cherry"}


def test_a_password_entered_meanwhile_is_kept(settings, mailbox, monkeypatch):
    settings.SEEDTEST_ENCRYPTION_KEYS = [NEW, OLD]
    rotate = crypto.rotate

    def while_somebody_types(token: str) -> str:
        row = fresh(mailbox)
        row.secret = "entered meanwhile"
        row.save()
        return rotate(token)

    monkeypatch.setattr(crypto, "rotate", while_somebody_types)
    rotating.rotate_all()
    assert fresh(mailbox).secret.reveal() == "entered meanwhile"


def test_a_secret_whose_key_is_gone_is_counted_and_left_alone(settings, mailbox):
    settings.SEEDTEST_ENCRYPTION_KEYS = [NEW]
    out = io.StringIO()
    with pytest.raises(CommandError, match="Take no key out yet"):
        call_command("rotatekeys", stdout=out)
    assert "1 unreadable" in out.getvalue()
    with pytest.raises(SecretUnreadable):
        fresh(mailbox).secret.reveal()
    settings.SEEDTEST_ENCRYPTION_KEYS = [OLD]
    assert fresh(mailbox).secret.reveal() == "apple pie"


def test_every_sealed_column_is_rotated():
    columns = {(model.__name__, field.name) for model, field in rotating.sealed_columns()}
    assert {("Mailbox", "secret"), ("SendingProfile", "password")} <= columns
