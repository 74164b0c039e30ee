"""A provider that is not in the catalogue any more is an error that is told, not a crash of a worker."""

from __future__ import annotations

import pytest

from seedtest import reports, tasks
from seedtest.models import Mailbox
from seedtest.models.clock import db_now
from seedtest.services import backing_off, intake, recording
from seedtest.services.asking import IntakeError
from seedtest.services.intake import NewTest
from tests.seedtest.scans import INBOX, look_at, scanned, seen

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


def test_a_test_is_not_opened_with_such_a_seed_and_the_answer_says_which(cast, make_seed):
    gone, _ = make_seed(cast.workspace), make_seed(cast.workspace, "yahoo")
    Mailbox.objects.filter(pk=gone.mailbox_id).update(provider="gone_provider")
    with pytest.raises(IntakeError) as refused:
        intake.open_test(cast.workspace, NewTest(name="Any"), now=db_now())
    (fault,) = refused.value.errors
    assert fault.code == "unknown_provider"
    assert "'gone_provider'" in fault.detail and gone.mailbox.address in fault.detail


def test_an_entry_that_goes_while_a_test_is_open_costs_its_neighbours_nothing(cast, make_seed):
    gone, well = make_seed(cast.workspace), make_seed(cast.workspace, "yahoo")
    opened = intake.open_test(cast.workspace, NewTest(name="Any"), now=db_now())
    Mailbox.objects.filter(pk=gone.mailbox_id).update(provider="gone_provider")
    opened.results.filter(seed_account=gone).update(provider="gone_provider")
    assert recording.record(look_at(well), scanned(seen(INBOX, test=opened)))
    assert opened.results.get(seed_account=well).placement == "inbox"
    waits = opened.results.get(seed_account=gone)
    assert (waits.placement, waits.deadline_at is None) == ("waiting", False)
    assert "gone_provider" in {row.provider_name for row in reports.build(opened).seeds}
