"""A way out is given to a group of mailboxes at once: in their list, or in the CSV they come from."""

from __future__ import annotations

import pytest
from django.urls import reverse

from seedtest import models
from seedtest.services import seed_tables

pytestmark = pytest.mark.django_db
LIST = "admin:seedtest_mailbox_changelist"


@pytest.fixture
def route(cast):
    return models.EgressRoute.objects.create(workspace=cast.workspace, name="Office", source_address="192.0.2.1")


@pytest.fixture
def foreign(cast):
    return models.EgressRoute.objects.create(workspace=cast.elsewhere, name="Theirs", source_address="192.0.2.2")


def choose(client, person, action, *rows):
    client.force_login(person)
    return client.post(reverse(LIST), {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)


def routes() -> dict[str, str]:
    rows = models.Mailbox.objects.values_list("address", "egress__name")
    return {address.partition("@")[0]: name for address, name in rows}


def test_ticked_mailboxes_leave_by_a_route_and_back(client, cast, make_seed, route):
    anna, bert, carl = (
        make_seed(cast.workspace, address=f"{one}@x.example").mailbox for one in ("anna", "bert", "carl")
    )
    answer = choose(client, cast.owner, f"leave_by_{route.public_id}", anna, bert)
    assert routes() == {"anna": "Office", "bert": "Office", "carl": None}
    assert "2 mailboxes leave by “Office” from now on." in answer.content.decode()
    choose(client, cast.owner, "leave_as_usual", bert, carl)
    assert routes() == {"anna": "Office", "bert": None, "carl": None}


def test_routes_and_mailboxes_of_others_cannot_be_named(client, cast, make_seed, route, foreign):
    ours, theirs = make_seed(cast.workspace, address="o@x.example"), make_seed(cast.elsewhere, address="t@x.example")
    choose(client, cast.owner, f"leave_by_{foreign.public_id}", ours.mailbox)
    choose(client, cast.owner, f"leave_by_{route.public_id}", theirs.mailbox)
    assert routes() == {"o": None, "t": None}


@pytest.mark.parametrize("forged", ["x", "\x00", "9" * 30, "-1", "١"])
def test_a_tick_that_can_be_no_mailbox_is_none(client, cast, make_seed, route, forged):
    mailbox = make_seed(cast.workspace, address="o@x.example").mailbox
    client.force_login(cast.owner)
    ticked = {"action": f"leave_by_{route.public_id}", "_selected_action": [forged]}
    assert "Items must be selected" in client.post(reverse(LIST), ticked, follow=True).content.decode()
    client.post(reverse(LIST), {**ticked, "_selected_action": [forged, mailbox.pk]})
    assert routes() == {"o": "Office"}


def test_an_operator_gives_a_route_to_mailboxes_of_its_owner_only(client, cast, make_seed, foreign):
    cast.stranger.is_superuser = True
    cast.stranger.save()
    ours, theirs = make_seed(cast.workspace, address="o@x.example"), make_seed(cast.elsewhere, address="t@x.example")
    answer = choose(client, cast.stranger, f"leave_by_{foreign.public_id}", ours.mailbox, theirs.mailbox)
    assert routes() == {"o": None, "t": "Theirs"}
    assert "1 of other owners were left as they are" in answer.content.decode()


def test_who_may_not_change_mailboxes_sees_no_way_out(client, cast, make_seed, route):
    mailbox = make_seed(cast.workspace, address="anna@x.example").mailbox
    choose(client, cast.teammate, f"leave_by_{route.public_id}", mailbox)
    assert routes() == {"anna": None}
    assert "Leave by" not in client.get(reverse(LIST)).content.decode()


def test_a_csv_names_the_route_of_each_mailbox(cast, route):
    report = seed_tables.import_csv(
        cast.workspace,
        "address,password,way out\nanna@gmail.com,x1,Office\nbert@gmail.com,x2,\ncarl@gmail.com,x3,Nowhere",
    )
    assert routes() == {"anna": "Office", "bert": None}
    (wrong,) = report.errors
    assert wrong.number == 4 and "no egress route of this name" in wrong.message
    assert "Nowhere" not in wrong.message, "with shifted columns it may be the password"


def test_a_csv_cannot_name_a_route_of_another_workspace(cast, foreign):
    report = seed_tables.import_csv(cast.workspace, "address,password,egress\nanna@gmail.com,x1,Theirs")
    assert len(report.errors) == 1 and routes() == {}
