"""The import arrows of docs/architecture.md, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Room → floor. A room may import from its own floor and from those below.
FLOORS = {
    "": 0,
    "vocabulary": 0,
    "errors": 0,
    "moments": 0,
    "modified_utf7": 1,
    "folder_names": 1,
    "campaign_headers": 1,
    "message_body": 1,
    "mime": 0,
    "marker": 1,
    "folders": 1,
    "headers": 1,
    "rates": 1,
    "mailbox": 1,
    "providers": 2,
    "verify": 2,
    "bounces": 2,
    "audit": 2,
    "classify": 3,
    "diagnosis": 3,
    "reading": 3,
    "scan": 4,
}

#: What carries mail over a network or runs the service has no place in the engine.
FOREIGN_TO_THE_ENGINE = {"seedtest", "django", "celery", "redis", "kombu", "rest_framework", "environ"}

#: Room of the service → rooms it may import; "placement" is the engine.
ARROWS = {
    "crashing": set(),
    "crypto": set(),
    "netguard": {"socks"},
    "socks": set(),
    "guarded_http": {"netguard", "placement"},
    "name_servers": {"placement"},
    "env": set(),
    "folder_transport": set(),
    "redis_transport": set(),
    "models": {"crypto", "placement"},
    "reports": {"models", "placement"},
    "channels": {"netguard", "guarded_http", "reports"},
    "services": {
        "crashing",
        "models",
        "reports",
        "channels",
        "crypto",
        "netguard",
        "guarded_http",
        "name_servers",
        "placement",
    },
    "own_queue": {"services", "celery"},
    "tasks": {"own_queue", "services", "reports", "models", "placement", "celery"},
    "api": {"crashing", "services", "reports", "models", "placement"},
    "admin": {"services", "reports", "models", "placement", "pages", "templatetags"},
    "pages": {"services", "reports", "models", "placement"},
    "templatetags": {"reports", "models", "placement"},
    "management": {"tasks", "services", "reports", "models", "name_servers", "placement", "demo", "celery"},
    "demo": {"services", "models", "reports", "placement", "celery"},
    "system_checks": {"crashing", "models", "placement", "crypto", "netguard", "name_servers"},
}
#: Where the service is put together: settings, URL tables, the application itself.
ASSEMBLY = {"", "settings", "urls", "wsgi", "asgi", "celery", "apps", "migrations"}


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of every module of a package."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(name: str, path: Path) -> Iterator[str]:
    """Dotted names that a module imports, wherever in it."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, [base, node.module or ""]))
            yield from (f"{source}.{alias.name}" for alias in node.names)


def room(dotted: str) -> str:
    return [*dotted.split("."), ""][1]


def crossings(package: str) -> set[tuple[str, str, str]]:
    """(module, its room, imported name) for every import of a module of a package."""
    return {(name, room(name), target) for name, path in modules(package) for target in imports(name, path)}


def test_every_room_of_the_engine_has_a_floor():
    homeless = {room(name) for name, _ in modules("placement")} - FLOORS.keys()
    assert not homeless, f"say in FLOORS where they belong: {homeless}"


def test_the_engine_imports_from_its_own_floor_and_below_only():
    upward = {
        (name, target)
        for name, here, target in crossings("placement")
        if target.startswith("placement.") and FLOORS.get(room(target), 0) > FLOORS.get(here, 0)
    }
    assert upward == set()


def test_the_engine_knows_nothing_of_the_service():
    foreign = {
        (name, target)
        for name, _, target in crossings("placement")
        if target.partition(".")[0] in FOREIGN_TO_THE_ENGINE
    }
    assert foreign == set()


def test_one_room_alone_speaks_imap():
    speakers = {here for _, here, target in crossings("placement") if target.startswith(("imapclient", "imaplib"))}
    assert speakers == {"mailbox"}


def test_every_room_of_the_service_has_its_arrows():
    homeless = {room(name) for name, _ in modules("seedtest")} - ARROWS.keys() - ASSEMBLY
    assert not homeless, f"say in ARROWS what they may import: {homeless}"


def allowed(here: str, target: str) -> bool:
    if target.startswith("placement"):
        return "placement" in ARROWS[here]
    there = room(target)
    return there == here or there in ARROWS[here] or there not in ARROWS.keys() | ASSEMBLY


def test_the_service_follows_its_arrows():
    against = {
        (name, target)
        for name, here, target in crossings("seedtest")
        if here in ARROWS and target.startswith(("seedtest.", "placement")) and not allowed(here, target)
    }
    assert against == set()


@pytest.mark.parametrize(
    ("here", "forbidden"),
    [
        ("services", {"tasks", "api", "admin"}),
        ("models", {"services", "api", "admin", "tasks"}),
        ("reports", {"services"}),
        ("channels", {"services", "models"}),
    ],
)
def test_the_table_itself_keeps_what_the_house_forbids(here: str, forbidden: set[str]):
    assert not ARROWS[here] & forbidden


IMPORT_ALL = """
import importlib, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError("the engine asked for " + name)
sys.meta_path.insert(0, Refuse())
for name in {names!r}:
    importlib.import_module(name)
"""


def test_the_engine_imports_where_django_celery_and_redis_are_not_installed():
    names = [name for name, _ in modules("placement")]
    code = IMPORT_ALL.format(blocked=FOREIGN_TO_THE_ENGINE, names=names)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "placement.marker" in names and len(names) > 20
