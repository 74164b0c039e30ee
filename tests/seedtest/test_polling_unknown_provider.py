"""A provider that is not in the catalogue any more is an error that is told, not a crash of a worker."""

from __future__ import annotations

import pytest

from seedtest import tasks
from seedtest.models import Mailbox
from seedtest.models.clock import db_now
from seedtest.services import backing_off

pytestmark = pytest.mark.django_db


def test_a_mailbox_of_an_unknown_provider_backs_off_and_says_why(cast, make_seed):
    seed, other = make_seed(cast.workspace), make_seed(cast.workspace, "generic", port=9, tls="none")
    Mailbox.objects.filter(pk=seed.mailbox_id).update(provider="gone_provider")
    for count in range(1, 4):
        Mailbox.objects.update(next_poll_at=db_now(), backoff_until=None)
        tasks.poll([seed.mailbox_id, other.mailbox_id])
        mailbox = Mailbox.objects.get(pk=seed.mailbox_id)
        assert (mailbox.attempts, mailbox.lease_until) == (0, None), "no lost claim: that leads to quarantine"
        assert (mailbox.fail_count, mailbox.auth_fail_count) == (count, 0)
        assert Mailbox.objects.get(pk=other.mailbox_id).fail_count == count, "the others of the message are read"
    assert (mailbox.state, mailbox.state_reason) == ("degraded", "mailbox_unreachable")
    assert "'gone_provider'" in mailbox.state_detail
    assert backing_off.login_allowed_at(mailbox, db_now()) is None
