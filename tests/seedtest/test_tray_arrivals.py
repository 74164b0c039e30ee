"""The tray: what arrived without a test, in groups, and a test made of it after the fact."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest.models import Arrival, FolderCursor, SeedAccount, SeedList
from seedtest.services import intake, seeding, tray


@pytest.fixture
def arrive(now):
    numbers = iter(range(1, 1000))

    def arrive(seed, subject="Spring sale", *, ago=timedelta(hours=2), placement="inbox", domain="acme.example"):
        name, role = ("Junk", "junk") if placement == "spam" else ("INBOX", "inbox")
        folder, _ = FolderCursor.objects.get_or_create(
            mailbox=seed.mailbox, name=name, defaults={"role": role, "source": 50, "seen_at": now}
        )
        number = next(numbers)
        return Arrival.objects.create(
            mailbox=seed.mailbox, folder=folder, uidvalidity=1, uid=number, message_key=f"id:{number}",
            internaldate=now - ago, placement=placement, from_domain=domain, subject=subject, first_seen_at=now - ago,
        )  # fmt: skip

    return arrive


def test_one_send_is_one_group_with_counts(cast, make_seed, arrive, now):
    arrive(make_seed(cast.workspace, "gmail"), placement="inbox")
    arrive(make_seed(cast.workspace, "yahoo"), "  Spring   sale ", placement="spam")
    (group,) = tray.groups(cast.workspace, now=now)
    assert (group.count, group.placements, group.providers) == (2, {"inbox": 1, "spam": 1}, ("gmail", "yahoo"))


def test_other_subjects_senders_and_days_are_other_groups(cast, make_seed, arrive, now):
    seed = make_seed(cast.workspace)
    arrive(seed)
    arrive(seed, "Summer sale")
    arrive(seed, domain="other.example")
    arrive(seed, ago=timedelta(days=2))
    assert len(tray.groups(cast.workspace, now=now)) == 4


def test_what_belongs_to_a_test_or_is_old_or_gone_is_not_shown(cast, make_seed, make_test, arrive, now):
    seed = make_seed(cast.workspace)
    test = make_test(cast.workspace, [seed])
    Arrival.objects.filter(pk=arrive(seed).pk).update(result=test.results.get())
    arrive(seed, ago=timedelta(days=15))
    Arrival.objects.filter(pk=arrive(seed).pk).update(gone_at=now)
    assert tray.groups(cast.workspace, now=now) == ()


def test_arrivals_of_others_and_of_shared_mailboxes_are_never_shown(cast, make_seed, arrive, now):
    arrive(make_seed(cast.elsewhere))
    lent = make_seed(cast.workspace)
    make_seed(cast.elsewhere, mailbox=lent.mailbox)
    arrive(lent)
    pool = make_seed(cast.workspace)
    type(pool.mailbox).objects.filter(pk=pool.mailbox_id).update(workspace=None)
    arrive(pool)
    assert tray.groups(cast.workspace, now=now) == ()
    assert len(tray.groups(cast.elsewhere, now=now)) == 1


def test_this_was_my_test_makes_results_of_the_arrivals(cast, make_seed, arrive, now):
    got, empty = make_seed(cast.workspace), make_seed(cast.workspace, "yahoo")
    arrive(got, placement="spam")
    (group,) = tray.groups(cast.workspace, now=now)
    test = tray.this_was_my_test(cast.workspace, group, name="Spring", user=cast.owner, now=now)
    placements = dict(test.results.values_list("seed_account", "placement"))
    assert placements == {got.pk: "spam", empty.pk: "waiting"}
    assert (test.sent_at, test.created_by) == (group.first_at, cast.owner)
    assert tray.groups(cast.workspace, now=now) == ()


def test_the_siblings_are_the_smallest_list_with_all_of_them(cast, make_seed, arrive, now):
    seeds = [make_seed(cast.workspace) for _ in range(4)]
    for name, members in (("all", seeds), ("campaign", seeds[:2]), ("other", seeds[2:])):
        seeding.set_members(SeedList.objects.create(workspace=cast.workspace, name=name), members)
    arrive(seeds[0])
    (group,) = tray.groups(cast.workspace, now=now)
    assert tray.siblings(cast.workspace, group).name == "campaign"
    test = tray.this_was_my_test(cast.workspace, group, name="Spring", user=None, now=now)
    assert set(test.results.values_list("seed_account", flat=True)) == {seeds[0].pk, seeds[1].pk}


def test_a_message_without_subject_can_be_claimed_too(cast, make_seed, arrive, now):
    arrive(make_seed(cast.workspace), "")
    (group,) = tray.groups(cast.workspace, now=now)
    test = tray.this_was_my_test(cast.workspace, group, name="Untitled", user=None, now=now)
    assert test.results.get().placement == "inbox"


def test_a_group_cannot_be_claimed_twice(cast, make_seed, arrive, now):
    arrive(make_seed(cast.workspace))
    (group,) = tray.groups(cast.workspace, now=now)
    tray.this_was_my_test(cast.workspace, group, name="First", user=None, now=now)
    assert tray.find(cast.workspace, group.id, now=now) is None


def test_without_a_usable_seed_the_reason_is_said_and_nothing_is_opened(cast, make_seed, arrive, now):
    seed = make_seed(cast.workspace)
    arrive(seed)
    (group,) = tray.groups(cast.workspace, now=now)
    SeedAccount.objects.update(enabled=False)
    with pytest.raises(intake.IntakeError, match="No usable seed"):
        tray.this_was_my_test(cast.workspace, group, name="First", user=None, now=now)
    assert not cast.workspace.seed_tests.exists()
