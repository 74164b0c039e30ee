"""Every command of docker-compose.yml and of the Dockerfile does its work: run here against real servers."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import redis
from cryptography.fernet import Fernet

from seedtest.celery import TICKS
from tests.live.compose import ROOT, Container, Place, dockerfile_words, load, run
from tests.live.servers.postgres import Postgres
from tests.live.servers.presence import need
from tests.live.servers.processes import free_ports, greeting
from tests.live.servers.redis import Redis

LASTING = ("web", "worker-poll", "worker", "beat")
#: Longer than any of them needs to start on a machine that is busy with other tests.
PATIENCE = 60.0


@pytest.fixture(scope="module")
def place(postgres: Postgres, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """What stands where: other ports, another database, a folder of our own instead of the container's /tmp."""
    url, port = postgres.create_database("compose"), free_ports(1)[0]
    replaced = {
        "postgresql://seedtest:wonderland@postgres:5432/seedtest": url,
        "redis://redis:6379/0": redis_server.url,
        "0.0.0.0:8000": f"127.0.0.1:{port}",
        "--port=8000": f"--port={port}",
        "/tmp/beat-schedule": str(tmp_path_factory.mktemp("beat") / "beat-schedule"),
        "/app/var/media": str(tmp_path_factory.mktemp("media")),
    }
    return Place(replaced, {"SECRET_KEY": "k" * 50, "SEEDTEST_ENCRYPTION_KEYS": Fernet.generate_key().decode()})


@pytest.fixture(scope="module")
def services() -> dict[str, dict]:
    small = {"POLL_THREADS": "2", "WORK_PROCESSES": "2"}
    return load({"POSTGRES_PASSWORD": "wonderland"} | small)["services"]


@pytest.fixture(scope="module")
def migrated(services: dict[str, dict], place: Place) -> subprocess.CompletedProcess[str]:
    done = run(place.wrapped(services["migrate"], services["migrate"]["command"]))
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def stack(services: dict[str, dict], place: Place, migrated: object) -> Iterator[dict[str, Container]]:
    Path(f"{place.replaced['/tmp/beat-schedule']}.db").write_text("left behind by an earlier beat")
    with ExitStack() as stack:
        yield {name: stack.enter_context(Container(services[name], place)) for name in LASTING}


@pytest.fixture(scope="module")
def web(stack: dict[str, Container], place: Place) -> str:
    """The address of the web service, once it answers."""
    assert until(lambda: stack["web"].health().returncode == 0), stack["web"].log_tail()
    return f"http://{place.replaced['0.0.0.0:8000']}"


def until(true: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + PATIENCE
    while not (answer := true()) and time.monotonic() < give_up:
        time.sleep(0.2)
    return answer


def finished_ticks(place: Place) -> set[str]:
    with psycopg.connect(place.here("postgresql://seedtest:wonderland@postgres:5432/seedtest")) as connection:
        rows = connection.execute("SELECT name FROM seedtest_ticklease WHERE finished_at IS NOT NULL").fetchall()
    return {name for (name,) in rows}


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_migrate_makes_the_tables_and_can_run_again(migrated, services, place):
    again = run(place.wrapped(services["migrate"], services["migrate"]["command"]))
    assert "No migrations to apply" in again.stdout


def test_migrate_refuses_to_start_without_an_encryption_key(services, place):
    keyless = Place(place.replaced, {"SECRET_KEY": "k" * 50})
    done = run(keyless.wrapped(services["migrate"], services["migrate"]["command"]))
    assert done.returncode != 0
    assert "seedtest.E001" in done.stderr


def test_web_answers_its_health_and_shows_the_login(web):
    assert get(f"{web}/health/web") == (200, '{"status": "ok", "checks": {"database": "ok"}}')
    status, page = get(f"{web}/admin/login/")
    assert status == 200
    assert 'name="password"' in page


def test_web_answers_only_to_its_own_name(web):
    request = urllib.request.Request(f"{web}/admin/login/", headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=10)


def test_beat_and_worker_make_every_tick_finish(stack, services, place):
    # Beat first waits the interval of a tick, and this one has a whole minute: ask the worker for it now.
    by_hand = ["celery", "--app=seedtest", "call", "seedtest.tasks.tick", '--args=["housekeeping"]', "--queue=work"]
    run(place.wrapped(services["worker"], by_hand))
    assert until(lambda: finished_ticks(place) == set(TICKS)), stack["worker"].log_tail()


@pytest.mark.parametrize("name", ["worker-poll", "worker", "beat"])
def test_the_health_check_passes(stack, name):
    container = stack[name]
    assert until(lambda: container.health().returncode == 0), container.health().stderr + container.log_tail()


def test_the_whole_service_says_it_is_healthy(web):
    assert until(lambda: get(f"{web}/health")[0] == 200), get(f"{web}/health")


def test_the_images_own_health_check_passes(migrated, services, place):
    words = dockerfile_words("HEALTHCHECK")
    assert words[:3] == ["python", "manage.py", "health"]
    assert run(place.wrapped(services["web"], words)).returncode == 0


@pytest.mark.parametrize("name", ["web", "worker-poll", "worker", "beat"])
def test_sigterm_ends_it_in_order(stack, name):
    seconds = int(stack[name].service.get("stop_grace_period", "10s").removesuffix("s"))
    before = len(stack[name].log_text())
    assert stack[name].terminate(seconds) == 0
    assert "Traceback" not in stack[name].log_text()[before:]


def test_static_files_are_collected_as_the_image_is_built(tmp_path):
    for part in ("manage.py", "placement", "seedtest"):
        whole = ROOT / part
        shutil.copytree(whole, tmp_path / part) if whole.is_dir() else shutil.copy(whole, tmp_path)
    words = next(words for words in runs() if "collectstatic" in words)
    place = Place({}, {})
    done = run(["env", "-i", f"--chdir={tmp_path}", f"PATH={place.environment({})['PATH']}", *words])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "staticfiles" / "admin" / "css" / "base.css").is_file()


def runs() -> Iterator[list[str]]:
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("RUN "):
            yield line.split()[1:]


class ComposeRedis(Redis):
    """Redis with the file's own words, on a port of ours."""

    def __init__(self, words: list[str]) -> None:
        super().__init__()
        self._words = words

    def command(self) -> list[str]:
        return [str(need(self._words[0])), *self._words[1:], "--port", str(self.port), "--dir", str(self.directory)]


def test_redis_starts_answers_its_health_check_and_keeps_nothing(services):
    with ComposeRedis(services["redis"]["command"]) as server:
        _, program, *words = services["redis"]["healthcheck"]["test"]
        done = run([str(need(program)), "-p", str(server.port), *words])
        assert done.stdout.strip() == "PONG"
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert greeting(server.port, say=b"PING\r\n").startswith(b"+PONG")


def test_the_databases_health_check_is_answered(services, postgres):
    _, program, *words = services["postgres"]["healthcheck"]["test"]
    done = run(["env", "PGHOST=127.0.0.1", f"PGPORT={postgres.port}", str(need(program)), *words])
    assert done.returncode == 0, done.stdout
