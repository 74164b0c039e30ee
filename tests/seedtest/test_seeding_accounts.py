"""Seed accounts and lists: added with the provider recognised, never taken from others, versioned."""

from __future__ import annotations

import pytest

from seedtest.models import Mailbox, SeedAccount, SeedList
from seedtest.services import exporting, seed_tables, seeding


def test_a_gmail_address_brings_its_own_server(cast):
    added = seeding.add_seed(cast.workspace, " Anna@Gmail.com ", "secret")
    mailbox = added.account.mailbox
    assert (mailbox.provider, mailbox.host, mailbox.port, mailbox.tls) == ("gmail", "imap.gmail.com", 993, "ssl")
    assert mailbox.login == mailbox.address == "Anna@gmail.com"
    assert mailbox.secret.reveal() == "secret"


def test_an_unknown_domain_asks_for_its_server(cast):
    with pytest.raises(seeding.SeedingError) as raised:
        seeding.add_seed(cast.workspace, "anna@acme.example", "secret")
    assert raised.value.field == "host"
    assert "acme.example" in str(raised.value)


def test_what_a_person_types_wins_over_the_catalogue(cast):
    added = seeding.add_seed(
        cast.workspace,
        "anna@gmail.com",
        "secret",
        overrides={"host": "IMAP.acme.example", "port": "1993", "login": "anna"},
    )
    mailbox = added.account.mailbox
    assert (mailbox.host, mailbox.port, mailbox.login, mailbox.provider) == ("imap.acme.example", 1993, "anna", "gmail")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"address": "no address"}, "address"),
        ({"password": ""}, "password"),
        ({"provider": "carrier_pigeon"}, "provider"),
        ({"overrides": {"port": "99999"}}, "port"),
        ({"overrides": {"tls": "none", "host": "imap.acme.example"}}, "tls"),
        ({"mailbox_type": "robot"}, "mailbox_type"),
        ({"region": "Germany"}, "region"),
    ],
)
def test_a_wrong_value_names_its_field(cast, values, field):
    given = {"address": "anna@gmail.com", "password": "secret"} | values
    with pytest.raises(seeding.SeedingError) as raised:
        seeding.add_seed(cast.workspace, given.pop("address"), given.pop("password"), **given)
    assert raised.value.field == field
    assert not SeedAccount.objects.exists()
    assert not Mailbox.objects.exists()


def test_the_same_mailbox_twice_is_one_seed(cast):
    first = seeding.add_seed(cast.workspace, "anna@gmail.com", "secret")
    again = seeding.add_seed(cast.workspace, "ANNA@gmail.com", "other")
    assert not again.created
    assert again.account == first.account
    assert Mailbox.objects.get().secret.reveal() == "secret"


@pytest.mark.parametrize("host", ["IMAP.GMAIL.COM", "imap.gmail.com.", " Imap.Gmail.com. "])
def test_a_host_written_another_way_is_the_same_host(cast, host):
    first = seeding.add_seed(cast.workspace, "anna@gmail.com", "secret")
    again = seeding.add_seed(cast.workspace, "anna@gmail.com", "other", overrides={"host": host})
    assert again.account == first.account
    other = seeding.add_seed(cast.workspace, "berta@gmail.com", "secret", overrides={"host": host})
    assert other.account.mailbox.host == "imap.gmail.com"


def test_a_line_of_a_table_with_the_host_written_another_way_takes_no_mailbox_of_others(cast):
    seeding.add_seed(cast.workspace, "anna@gmail.com", "secret")
    table = "address,password,host\nanna@gmail.com,guessed,IMAP.GMAIL.COM.\n"
    (line,) = seed_tables.import_csv(cast.elsewhere, table).lines
    assert line.outcome == "error" and "outside your workspace" in line.message


def test_knowing_an_address_is_no_right_to_the_mailbox_of_another_workspace(cast):
    seeding.add_seed(cast.workspace, "anna@gmail.com", "secret")
    with pytest.raises(seeding.SeedingError, match="outside your workspace"):
        seeding.add_seed(cast.elsewhere, "anna@gmail.com", "guessed")
    assert not cast.elsewhere.seed_accounts.exists()


def test_a_list_gets_a_new_version_only_when_its_members_change(cast, make_seed):
    seed_list = SeedList.objects.create(workspace=cast.workspace, name="Main")
    one, two = make_seed(cast.workspace), make_seed(cast.workspace)
    assert seeding.set_members(seed_list, [one, two])
    assert not seeding.set_members(seed_list, [two, one])
    assert seed_list.version == 2
    assert seeding.set_members(seed_list, [two])
    assert (seed_list.version, list(seed_list.seed_accounts.all())) == (3, [two])


def test_a_seed_of_another_workspace_cannot_be_put_on_a_list(cast, make_seed):
    seed_list = SeedList.objects.create(workspace=cast.workspace, name="Main")
    assert not seeding.set_members(seed_list, [make_seed(cast.elsewhere)])
    assert not seed_list.members.exists()


def exported(source, now):
    """The lines of the CSV."""
    return seed_tables.as_csv(exporting.hand_out(source, now=now), now=now).splitlines()


def test_an_export_leaves_out_what_is_switched_off(cast, make_seed, now):
    seed_list = SeedList.objects.create(workspace=cast.workspace, name="Main")
    kept, off, dead = (
        make_seed(cast.workspace, address=f"{name}@gmail.example", last_good_poll_at=now)
        for name in ("kept", "off", "dead")
    )
    seeding.set_members(seed_list, [kept, off, dead])
    SeedAccount.objects.filter(pk=off.pk).update(enabled=False)
    Mailbox.objects.filter(pk=dead.mailbox_id).update(state="quarantined")
    assert seed_tables.as_lines(exporting.hand_out(seed_list, now=now)) == "kept@gmail.example\n"


def test_the_csv_names_list_version_and_day_and_holds_no_formula(cast, make_seed, now):
    seed_list = SeedList.objects.create(workspace=cast.workspace, name="Main", version=6)
    address = "=cmd@gmail.example"
    seeding.set_members(seed_list, [make_seed(cast.workspace, address=address, last_good_poll_at=now)])
    header, row, *_ = exported(seed_list, now)
    assert header == f"email,provider,mailbox_type,region,Main v7 {now:%Y-%m-%d}"
    assert row.startswith("'=cmd@gmail.example,gmail")


@pytest.mark.parametrize("address", ["-anna@gmail.example", "+anna@gmail.example"])
def test_an_address_is_exported_as_the_esp_must_send_to_it(cast, make_seed, address, now):
    make_seed(cast.workspace, address=address, last_good_poll_at=now)
    assert exported(cast.workspace, now)[1].startswith(f"{address},gmail")


@pytest.mark.parametrize(
    "ill",
    [
        {"state": "new", "last_good_poll_at": None},
        {"state": "needs_sign_in"},
        {"state": "degraded", "fail_count": 3},
        {"state": "healthy", "quota_used": 0.9},
    ],
)
def test_a_seed_that_may_bounce_is_in_no_export_even_before_it_is_judged(cast, make_seed, ill, now):
    make_seed(cast.workspace, **({"last_good_poll_at": now} | ill))
    assert exporting.exported_accounts(cast.workspace) == []
