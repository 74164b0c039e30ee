"""The one door to the outside: what is private is refused, whatever the name says, and nobody waits for ever."""

from __future__ import annotations

import socket
import time

import pytest

from seedtest import netguard
from seedtest.system_checks import netguard_allow

PRIVATE = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "198.18.0.1", "255.255.255.255", "::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "2002:7f00:1::", "fc00::1", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1", "2001:0:1::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused(settings, address):
    settings.NETGUARD_ALLOW = []
    with pytest.raises(netguard.Refused, match="not a public internet address"):
        netguard.vet(address, 993)


@pytest.mark.parametrize("address", ["1.1.1.1", "203.0.112.1", "2606:4700::1111", "2a00:1450::1"])
def test_a_public_address_may_be_dialled(settings, address):
    settings.NETGUARD_ALLOW = []
    netguard.vet(address, 993)


def test_what_the_operator_allows_is_allowed_at_its_ports_only(settings):
    settings.NETGUARD_ALLOW = ["10.1.0.0/16:993", "[fd00::/8]:1024-2048"]
    netguard.vet("10.1.2.3", 993)
    netguard.vet("fd00::7", 2000)
    for address, port in (("10.1.2.3", 25), ("10.2.0.1", 993), ("fd00::7", 993)):
        with pytest.raises(netguard.Refused):
            netguard.vet(address, port)


def test_one_private_address_condemns_the_whole_name(settings, monkeypatch):
    settings.NETGUARD_ALLOW = []
    answers = [(socket.AF_INET, "1.1.1.1"), (socket.AF_INET, "127.0.0.1")]
    monkeypatch.setattr(netguard, "_resolve", lambda host, port: iter(answers))
    with pytest.raises(netguard.Refused):
        netguard.dial("rebind.example", 993, 1)


def test_a_name_that_no_dns_could_hold_is_an_ordinary_failure():
    for host in ("a" * 70 + ".example", "xn--\ud800.example", "bad..name.example", ""):
        with pytest.raises(OSError, match=r"no address in DNS|not a public"):
            netguard.dial(host, 993, 1)


def test_dead_addresses_share_one_timeout(monkeypatch):
    """A name with fifty dead addresses must not hold a session for fifty timeouts."""
    tried: list[float] = []

    def dead(family, address, port, timeout, route):
        tried.append(timeout)
        time.sleep(0.02)
        raise TimeoutError("timed out")

    monkeypatch.setattr(netguard, "_resolve", lambda host, port: iter([(socket.AF_INET, "127.0.0.1")] * 50))
    monkeypatch.setattr(netguard, "_dial_one", dead)
    with pytest.raises(OSError, match="timed out"):
        netguard.dial("dead.example", 993, 5)
    assert len(tried) == netguard.MAX_ADDRESSES
    assert tried == sorted(tried, reverse=True)
    assert tried[-1] < 5


def test_the_socket_goes_to_the_vetted_address_without_delay():
    server = socket.create_server(("127.0.0.1", 0))
    with server, netguard.dial("127.0.0.1", server.getsockname()[1], 5) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getpeername() == server.getsockname()


def test_an_unreadable_exception_list_speaks_at_start_up(settings):
    settings.NETGUARD_ALLOW = ["127.0.0.0/8:imap"]
    assert [message.id for message in netguard_allow(None)] == ["seedtest.E003"]


def test_an_exception_list_in_production_is_warned_of(settings):
    settings.NETGUARD_ALLOW, settings.DEBUG = ["10.0.0.0/8"], False
    assert [message.id for message in netguard_allow(None)] == ["seedtest.W001"]
