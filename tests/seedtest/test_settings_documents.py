""".env.example, docs/settings.md and the code name the same settings, with the same defaults."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import environ
import pytest

from tests.live.compose import variables

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / ".env.example"
PAGE = ROOT / "docs" / "settings.md"
UNSAID = object()


def _calls() -> Iterator[ast.Call]:
    for name in ("settings.py", "env.py"):
        tree = ast.parse((ROOT / "seedtest" / name).read_text(encoding="utf-8"))
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _asks_environment(node.func))


def _asks_environment(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == "env" and function.attr != "read_env"
    return isinstance(function, ast.Name) and function.id == "env"


def settings_of_the_code() -> dict[str, object]:
    """Name → default; UNSAID where it is computed."""
    found = {}
    for call in _calls():
        default = next((one.value for one in call.keywords if one.arg == "default"), None)
        found[ast.literal_eval(call.args[0])] = default.value if isinstance(default, ast.Constant) else UNSAID
    return found


def example() -> dict[str, str]:
    """Name → value, of the lines that are set and of those that show a default."""
    lines = re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(lines)


def page() -> dict[str, str]:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: default.strip("`") for name, default in rows}


CODE = settings_of_the_code()
SAID = {name: default for name, default in CODE.items() if default not in (UNSAID, None, "")}


def test_the_code_reads_settings_at_all():
    assert {"SECRET_KEY", "DATABASE_URL", "DB_POOL_SIZE", "MEDIA_ROOT", "POLL_SESSIONS"} <= CODE.keys()


def test_the_example_has_the_settings_of_the_code_and_of_the_compose_file():
    assert example().keys() == CODE.keys() | variables()


def test_the_page_has_the_settings_of_the_code_and_of_the_compose_file():
    assert page().keys() == CODE.keys() | variables()


def test_no_setting_is_told_twice():
    names = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted(SAID))
def test_the_default_that_is_shown_is_the_one_that_is_used(name):
    default = SAID[name]
    shown = str(int(default)) if isinstance(default, bool) else str(default)
    assert page()[name] == shown
    assert example()[name] == shown


def test_the_example_holds_no_secret():
    for name in ("SECRET_KEY", "SEEDTEST_ENCRYPTION_KEYS", "POSTGRES_PASSWORD"):
        assert example()[name] == ""


def test_the_example_is_a_file_the_service_can_read(monkeypatch, tmp_path):
    monkeypatch.setattr(environ.Env, "ENVIRON", {})
    filled = tmp_path / ".env"
    filled.write_text(re.sub(r"^#([A-Z_]+=)", r"\1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    environ.Env.read_env(str(filled))
    assert example() == environ.Env.ENVIRON
