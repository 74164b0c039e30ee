"""docker-compose.yml is what Compose's own schema allows, bakes no secret in, and asks for what it needs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from tests.live.compose import FILE, ROOT, MissingVariable, dockerfile_words, interpolate, load

SCHEMA = Path(__file__).parent / "compose_spec" / "compose-spec.json"
ENV = {"POSTGRES_PASSWORD": "wonderland"}
OURS = ("migrate", "web", "worker-poll", "worker", "beat", "watch")


@pytest.fixture(scope="module")
def compose() -> dict:
    return load(ENV)


def complaints(document: dict) -> list[str]:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    # The schema names its draft in a way of its own; `format: duration` is Go's (1m30s), not ISO 8601.
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(document)]


def test_the_file_is_what_the_schema_allows(compose):
    assert complaints(compose) == []


@pytest.mark.parametrize(
    ("service", "change"),
    [("web", {"helthcheck": {}}), ("beat", {"command": 7}), ("redis", {"ports": ["many"], "image": None})],
)
def test_the_schema_refuses_what_compose_would_refuse(compose, service, change):
    spoilt = compose | {"services": compose["services"] | {service: compose["services"][service] | change}}
    assert complaints(spoilt) != []


def test_it_has_the_services_the_documents_name(compose):
    assert set(compose["services"]) == {*OURS, "postgres", "redis"}


def test_without_a_database_password_nothing_starts():
    with pytest.raises(MissingVariable, match="POSTGRES_PASSWORD"):
        load({})


def test_no_secret_is_baked_in():
    text = FILE.read_text(encoding="utf-8") + (ROOT / "Dockerfile").read_text(encoding="utf-8")
    secret = re.compile(r"(?:PASSWORD|SECRET_KEY|ENCRYPTION_KEYS)\s*[:=]\s*(?!\$\{|\?|only-while-building)\S")
    assert secret.findall(text) == []
    assert re.findall(r"://\w+:(?!\$\{)[^@\s]+@", text) == []


def test_the_password_reaches_the_database_and_those_who_ask_it(compose):
    assert compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"] == "wonderland"
    for name in OURS:
        assert ":wonderland@postgres:5432/" in compose["services"][name]["environment"]["DATABASE_URL"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_write_nothing_and_gain_nothing(compose, name):
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service["env_file"] == ".env"


def test_only_the_web_port_is_published_and_only_to_this_machine(compose):
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_pools_are_for_threads_and_never_for_prefork_parents(compose):
    sizes = {name: compose["services"][name]["environment"]["DB_POOL_SIZE"] for name in OURS}
    assert sizes == {"migrate": "0", "web": "8", "worker-poll": "8", "worker": "0", "beat": "0", "watch": "2"}


def test_polls_run_on_threads_and_everything_that_may_crash_on_processes(compose):
    poll, work = (compose["services"][name]["command"] for name in ("worker-poll", "worker"))
    assert {"--pool=threads", "--queues=poll"} <= set(poll)
    assert {"--pool=prefork", "--queues=work,poll-suspect"} <= set(work)


def test_a_poll_worker_is_given_the_time_of_a_session_to_stop(compose, settings):
    seconds = int(compose["services"]["worker-poll"]["stop_grace_period"].removesuffix("s"))
    assert seconds > settings.SESSION_DEADLINE


def test_the_watch_is_started_only_where_it_is_asked_for(compose):
    asked_for = {name: service["profiles"] for name, service in compose["services"].items() if "profiles" in service}
    assert asked_for == {"watch": ["watch"]}
    assert compose["services"]["watch"]["command"] == ["python", "manage.py", "watch"]


def test_whoever_needs_the_tables_waits_for_the_migration(compose):
    for name in ("web", "worker-poll", "worker", "beat", "watch"):
        waits = compose["services"][name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
    assert compose["services"]["migrate"]["restart"] == "no"


@pytest.mark.parametrize("name", ["web", "worker-poll", "worker", "beat", "postgres", "redis"])
def test_every_lasting_service_has_a_health_check(compose, name):
    assert compose["services"][name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert compose["services"][name]["restart"] == "unless-stopped"


def test_the_volumes_that_are_used_are_declared(compose):
    used = {volume.partition(":")[0] for one in compose["services"].values() for volume in one.get("volumes", [])}
    assert used == set(compose["volumes"])


def test_the_image_starts_what_the_web_service_starts(compose):
    assert dockerfile_words("CMD") == compose["services"]["web"]["command"]


def test_the_image_does_not_run_as_root():
    assert dockerfile_words("USER") == ["seedtest"]


def test_variables_are_read_as_compose_reads_them():
    assert interpolate("${A:-1} ${B:-2} $$HOME", {"A": "7", "B": ""}) == "7 2 $HOME"
