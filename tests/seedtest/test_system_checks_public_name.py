"""A service that would refuse its own public name says so at start-up."""

from __future__ import annotations

import pytest

from seedtest.system_checks import public_name


@pytest.mark.parametrize(
    ("url", "hosts", "said"),
    [
        ("https://seeds.example.com", ["seeds.example.com"], []),
        ("https://seeds.example.com:8443/", [".example.com"], []),
        ("http://[::1]:8000", ["[::1]"], []),
        ("https://seeds.example.com", ["localhost"], ["seedtest.W003"]),
        ("seeds.example.com", ["seeds.example.com"], ["seedtest.W003"]),
    ],
)
def test_the_public_name_must_be_one_the_service_answers_to(settings, url, hosts, said):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = url, hosts
    assert [message.id for message in public_name(None)] == said
