"""Without TLS a password travels in the clear: to this machine only."""

from __future__ import annotations

import pytest

from seedtest.models.base import is_this_machine


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_is_known_by_its_addresses(host):
    assert is_this_machine(host)


@pytest.mark.parametrize("host", ["127.evil.example", "localhost.evil.example", "::1.evil.example", "10.0.0.1", ""])
def test_a_name_that_only_looks_like_this_machine_is_not(host):
    assert not is_this_machine(host)
