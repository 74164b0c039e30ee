"""The API's own description is committed, current, clean, and true of real answers."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from seedtest import models
from seedtest.api import urls
from seedtest.services import seed_watch
from tests.seedtest.received_mail import arrive

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"


def test_the_committed_document_equals_the_generated_one_and_is_clean(tmp_path):
    fresh = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(fresh))
    assert COMMITTED.read_text() == fresh.read_text(), "run: manage.py spectacular --file docs/openapi.yaml"


def test_the_document_is_served_without_a_key(db):
    answer = Client().get("/api/v1/schema")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["openapi"] == "3.1.0"


def test_every_operation_has_a_name_a_summary_and_its_problems():
    for path, operations in yaml.safe_load(COMMITTED.read_text())["paths"].items():
        for method, one in operations.items():
            assert one["operationId"] and one["summary"], (method, path)
            assert {"401", "403", "503"} <= one["responses"].keys(), (method, path)
            assert ("404" in one["responses"]) == ("{" in path), (method, path)


@pytest.fixture
def answers(ours, cast, make_seed, make_test, recurring, now):
    seeds = [make_seed(cast.workspace, "gmail"), make_seed(cast.workspace, "gmx")]
    test = make_test(cast.workspace, seeds, domain_mix={"gmail.com": 3}, meta={"a": [1]})
    test.results.filter(provider="gmail").update(
        placement="inbox", tab="primary", received_at=now, delivery_seconds=1.5,
        authentication={"spf": {"method": "spf", "result": "pass"}, "dkim": [{"method": "dkim", "result": "fail"}]},
    )  # fmt: skip
    models.Mailbox.objects.update(quota_used=0.95)
    seed_watch.watch(now)
    own = f"/tests/{test.public_id}"
    seed = make_seed(cast.workspace, "gmail")
    shown = arrive(make_test(cast.workspace, [seed]), seed)
    return {
        ("/api/v1/tests", "get"): ours.get("/tests"),
        ("/api/v1/tests", "post"): ours.post("/tests", {"name": "Spring"}),
        ("/api/v1/tests/{test_id}", "get"): ours.get(own),
        ("/api/v1/tests/{test_id}/results", "get"): ours.get(f"{own}/results"),
        ("/api/v1/tests/{test_id}/recheck", "post"): ours.post(f"{own}/recheck"),
        ("/api/v1/tests/{test_id}/cancel", "post"): ours.post(f"{own}/cancel"),
        ("/api/v1/results/{result_id}/evidence", "get"): ours.get(f"/results/{shown.public_id}/evidence"),
        ("/api/v1/seeds", "get"): ours.get("/seeds"),
        ("/api/v1/seeds/export.csv", "get"): ours.get("/seeds/export.csv"),
        ("/api/v1/schedules", "get"): ours.get("/schedules"),
        ("/api/v1/schedules", "post"): ours.post("/schedules", {}),
        ("/api/v1/schedules/{schedule_id}", "get"): ours.get(f"/schedules/{recurring.public_id}"),
        ("/api/v1/schedules/{schedule_id}", "patch"): ours.patch(f"/schedules/{recurring.public_id}", {}),
        ("/api/v1/schedules/{schedule_id}", "delete"): ours.delete(f"/schedules/{recurring.public_id}"),
    }


def closed(schema):
    """The same schema with every object closed, so that an undocumented field is found."""
    if isinstance(schema, dict):
        shut = {name: closed(value) for name, value in schema.items()}
        is_object = shut.get("type") == "object" and "properties" in shut
        return shut | ({"additionalProperties": False} if is_object else {})
    return [closed(one) for one in schema] if isinstance(schema, list) else schema


def test_real_answers_are_what_the_document_says(answers):
    document = closed(yaml.safe_load(COMMITTED.read_text()))
    described = {(path, method) for path, operations in document["paths"].items() for method in operations}
    assert described == set(answers)
    for (path, method), answer in answers.items():
        response = document["paths"][path][method]["responses"][str(answer.status_code)]
        if not answer.content:
            assert "content" not in response
            continue
        schema = response["content"][answer["Content-Type"]]["schema"]
        said = answer.content.decode() if answer["Content-Type"].startswith("text/csv") else answer.json()
        jsonschema.validate(said, schema | {"components": document["components"]})


def test_the_guide_names_every_operation_with_its_scope():
    guide = (COMMITTED.parent / "api.md").read_text()
    for pattern in urls.v1:
        view = pattern.callback.view_class
        path = re.sub(r"<str:\w+>", "{id}", str(pattern.pattern))
        for method, scope in getattr(view, "scopes", {}).items():
            if hasattr(view, method.lower()):
                assert f"| `{method} /{path}` | `{scope}` |" in guide


def test_the_guide_names_every_field_of_a_new_test():
    guide = (COMMITTED.parent / "api.md").read_text()
    for name in yaml.safe_load(COMMITTED.read_text())["components"]["schemas"]["NewTestBody"]["properties"]:
        assert f"`{name}" in guide or f'"{name}"' in guide, name
