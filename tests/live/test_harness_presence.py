"""A missing server skips a test on somebody's laptop and fails it in CI."""

from __future__ import annotations

import pytest

from tests.live.servers.presence import need


def test_a_missing_program_skips_the_test(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"):
        need("no-such-server")


def test_with_ci_a_missing_program_fails_the_test(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-server is not installed"):
        need("no-such-server")


def test_a_program_that_is_there_is_found():
    assert need("sh").is_file()
