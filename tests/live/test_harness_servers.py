"""Redis, PostgreSQL and Chromium do what the live tests rely on."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import redis

from tests.live.servers.browser import PHONE, BrowserError
from tests.live.servers.postgres import Postgres

PAGE = """data:text/html,<meta name=viewport content='width=device-width'>
<style>@media (prefers-color-scheme: dark) { .day { display: none } }</style>
<p class=day>It is day</p><p id=width></p><input id=name><div style='width:600px'>wide</div>
<script>width.textContent = document.documentElement.clientWidth</script>"""


def test_redis_forgets_everything_when_killed(redis_server):
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("key", "value")
        redis_server.restart()
        assert client.get("key") is None


def test_a_frozen_redis_answers_nobody_until_it_thaws(redis_server):
    with redis.Redis.from_url(redis_server.url, socket_timeout=0.3, retry=None) as client:
        redis_server.freeze()
        try:
            with pytest.raises(redis.TimeoutError):
                client.ping()
        finally:
            redis_server.thaw()
    with redis.Redis.from_url(redis_server.url, socket_timeout=30) as patient:
        assert patient.ping()


def test_postgres_keeps_what_was_committed_through_a_kill(postgres):
    url = postgres.create_database("harness")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (1,)


def test_postgres_has_as_many_connections_as_asked_for():
    with Postgres(max_connections=7) as small, small.connect() as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("7",)


def test_a_phone_shows_a_page_as_narrow_as_it_is(chromium):
    chromium.open(PAGE, width=PHONE)
    assert str(PHONE) in chromium.text
    assert chromium.overflows()


def test_a_desktop_has_room_for_the_same_page(chromium):
    chromium.open(PAGE)
    assert not chromium.overflows()


def test_the_colour_preference_reaches_the_page(chromium):
    chromium.open(PAGE)
    assert "It is day" in chromium.text
    chromium.open(PAGE, dark=True)
    assert "It is day" not in chromium.text


def test_a_form_can_be_filled_in(chromium):
    chromium.open(PAGE)
    chromium.fill("#name", "Ada")
    assert chromium.script("return document.getElementById('name').value") == "Ada"


def test_a_screenshot_is_as_wide_as_the_window(chromium, tmp_path: Path):
    chromium.open(PAGE, width=PHONE)
    png = chromium.screenshot(tmp_path / "page.png").read_bytes()
    assert int.from_bytes(png[16:20], "big") == PHONE  # PNG, 11.2.2: width in the IHDR chunk


def test_the_browser_reaches_this_machine_only(chromium):
    with pytest.raises(BrowserError, match="ERR_NAME_NOT_RESOLVED"):
        chromium.open("http://elsewhere.example/")


def test_what_a_page_complains_about_is_seen(chromium):
    chromium.open("data:text/html,<script>throw new Error('broken')</script>")
    assert any("broken" in complaint for complaint in chromium.complaints())
