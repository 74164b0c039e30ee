"""docker-compose.yml as Docker Compose reads it, and each of its commands as a plain process of this machine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.live.servers.processes import Server

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"

#: ${NAME}, ${NAME:-default}, ${NAME:?complaint}; $$ is a dollar sign.
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::([-?])([^}]*))?\})")


class MissingVariable(KeyError):
    """Compose stops here with the file's own complaint."""


def interpolate(text: str, values: dict[str, str]) -> str:
    def replace(found: re.Match[str]) -> str:
        dollar, name, operator, rest = found.groups()
        if dollar:
            return dollar
        if values.get(name):
            return values[name]
        if operator == "?":
            raise MissingVariable(rest)
        return rest or ""

    return _VARIABLE.sub(replace, text)


def _walk(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, str):
        return interpolate(value, values)
    if isinstance(value, dict):
        return {key: _walk(one, values) for key, one in value.items()}
    return [_walk(one, values) for one in value] if isinstance(value, list) else value


def load(values: dict[str, str]) -> dict[str, Any]:
    """The file with its variables filled in."""
    return _walk(yaml.safe_load(FILE.read_text(encoding="utf-8")), values)


def variables() -> set[str]:
    """Names the file asks its .env for."""
    return {found[2] for found in _VARIABLE.finditer(FILE.read_text(encoding="utf-8")) if found[2]}


@dataclass(frozen=True)
class Place:
    """What is different here from the container: text → text, in commands and in the environment."""

    replaced: dict[str, str]
    env_file: dict[str, str]

    def here(self, text: str) -> str:
        for ours, theirs in self.replaced.items():
            text = text.replace(ours, theirs)
        return text

    def environment(self, service: dict[str, Any]) -> dict[str, str]:
        """Nothing of this process's own environment goes in, but where programs are."""
        own = service.get("environment", {})
        programs = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        values = {name: self.here(value) for name, value in (self.env_file | own).items()}
        return {"PATH": programs, "HOME": "/nonexistent", "HOSTNAME": os.uname().nodename} | values

    def wrapped(self, service: dict[str, Any], words: list[str]) -> list[str]:
        pairs = [f"{name}={value}" for name, value in self.environment(service).items()]
        return ["env", "-i", f"--chdir={ROOT}", *pairs, *(self.here(word) for word in words)]


class Container(Server):
    """One service of the file, as a process."""

    name = "compose"
    port_names = ()

    def __init__(self, service: dict[str, Any], place: Place) -> None:
        super().__init__()
        self.service, self.place = service, place

    def command(self) -> list[str]:
        return self.place.wrapped(self.service, self.service["command"])

    def ready(self) -> bool:
        return True  # as for Docker: whether it is any good, its health check says

    def health(self) -> subprocess.CompletedProcess[str]:
        """Run the service's own health check once."""
        kind, *words = self.service["healthcheck"]["test"]
        words = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        return run(self.place.wrapped(self.service, words))

    def terminate(self, seconds: float) -> int:
        """SIGTERM, as `docker stop` does; the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=seconds)


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def dockerfile_words(instruction: str) -> list[str]:
    """The words of the Dockerfile's last `instruction`, exec form or shell form, continuation lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith(instruction)]
    rest = lines[-1].removeprefix(instruction).strip()
    return yaml.safe_load(rest[rest.index("[") :]) if "[" in rest else shlex.split(rest)
