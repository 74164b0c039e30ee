"""A seed test from the API to the report: real mail servers, real broker, real database, real workers."""

from __future__ import annotations

import smtplib
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator

import pytest

from seedtest.demo.broker import start_broker
from tests.live import esp
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.postfix import Postfix
from tests.live.service import Service, Tenant, running, seed_orders

pytestmark = pytest.mark.timeout(300)

SEEDS = {
    "su-01": "inbox", "su-02": "junk", "de-01": "inbox", "de-02": "junk", "fr-01": "junk", "cp-01": "inbox",
    "cp-02": "junk", "su-03": "other", "fr-02": "trash", "nojunk-01": "inbox",
}  # fmt: skip
#: Minutes: what lands in a folder nobody watches is found by the full check after its deadline.
ALLOWANCE = "0.25"
#: A busy machine may take longer than the harness grants to hand in eleven messages in one session.
SESSIONS = {"SESSION_DEADLINE": "20", "LEASE_SECONDS": "25"}
LANDED = {"inbox": "inbox", "junk": "spam", "other": "other", "trash": "other"}


@pytest.fixture(scope="module", params=["postgresql and redis", "sqlite and the embedded broker"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    if request.param.startswith("postgresql"):
        database = request.getfixturevalue("postgres").create_database(f"story_{uuid.uuid4().hex[:8]}")
        broker = request.getfixturevalue("redis_server").url
        with running(folder, database, broker, ALLOWANCE_MINUTES=ALLOWANCE, **SESSIONS) as service:
            yield service
        return
    broker = start_broker(folder / "broker")
    try:
        database = f"sqlite:///{folder}/service.sqlite3"
        with running(folder, database, broker.url, ALLOWANCE_MINUTES=ALLOWANCE, **SESSIONS) as service:
            yield service
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def tenant(service: Service, dovecot: Dovecot, postfix: Postfix) -> Tenant:
    users = [*SEEDS, "rcpt550-su-09"]
    return service.tenant(
        "Brand", seeds=seed_orders(dovecot, users), ca_pem=dovecot.ca_file.read_text(), smtp_port=postfix.port
    )


def test_the_esp_sends_and_every_seed_is_found_where_its_server_filed_it(
    tenant: Tenant, dovecot: Dovecot, postfix: Postfix
) -> None:
    opened = tenant.open(max_seeds_per_provider=len(SEEDS))
    addresses = {seed["email"] for seed in opened["seeds"]}
    assert addresses == {f"{user}@seed.example" for user in SEEDS}
    wanted = {f"{user}@seed.example": where for user, where in SEEDS.items()}
    esp.send(postfix, esp.campaign(opened["marker"]), wanted)
    done = tenant.wait_for(opened["id"])
    assert done["status"] == "complete"
    found = {row["email"]: row for row in tenant.results(done["id"])}
    assert Counter(row["placement"] for row in found.values()) == Counter(LANDED[where] for where in SEEDS.values())
    assert all(row["placement"] == "waiting" or row["folder"] for row in found.values())


def test_the_service_sends_itself_and_a_refused_seed_counts_as_rejected(
    service: Service, tenant: Tenant, dovecot: Dovecot
) -> None:
    raw = esp.campaign(None, subject="Sent by the service", X_Seed_Placement="junk").as_bytes()
    opened = tenant.open(sending_profile=tenant.profile, message={"raw_base64": b64encode(raw).decode()})
    done = tenant.wait_for(opened["id"])
    placed = Counter(row["placement"] for row in tenant.results(done["id"]))
    assert placed == {"rejected": 1, "spam": len(SEEDS) - 1, "unknown": 1}
    (blind,) = [row for row in tenant.results(done["id"]) if row["placement"] == "unknown"]
    assert (blind["email"], blind["reason"]) == ("nojunk-01@seed.example", "junk_not_visible")
    ((reply,),) = service.sql("SELECT smtp_reply FROM seedtest_outbound WHERE status = 'failed'")
    assert "simulated provider refusal" in reply


def test_two_workspaces_on_one_mailbox_see_their_own_test_only(
    service: Service, tenant: Tenant, dovecot: Dovecot, postfix: Postfix
) -> None:
    shared = tenant.seeds[0]
    other = service.tenant("Other brand", lend=[shared["mailbox"]])
    mine, theirs = tenant.open(name="Mine"), other.open(name="Theirs")
    esp.send(postfix, esp.campaign(theirs["marker"], subject="Theirs"), {"su-01@seed.example": "junk"})
    done = other.wait_for(theirs["id"])
    assert [row["placement"] for row in other.results(done["id"])] == ["spam"]
    assert {row["placement"] for row in tenant.results(mine["id"])} == {"waiting"}
    assert other.call("GET", f"/tests/{mine['id']}")[0] == 404
    assert tenant.call("GET", f"/tests/{theirs['id']}")[0] == 404
    tenant.call("POST", f"/tests/{mine['id']}/cancel")


def test_polling_changes_no_flag(tenant: Tenant, dovecot: Dovecot) -> None:
    for user in SEEDS:
        assert not {flag for flags in dovecot.flags(user).values() for flag in flags} - {r"\Recent"}, user


def test_nobody_listens_outside(postfix: Postfix) -> None:
    """The oracle of the rest: this Postfix refuses whatever is not a seed's domain."""
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=20) as smtp:
        smtp.mail("bounces@brand.example")
        assert smtp.rcpt("somebody@example.com")[0] >= 500
