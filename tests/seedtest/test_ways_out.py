"""Connections of a group of mailboxes leave by their own route, and by no other when that one is down."""

from __future__ import annotations

import socket
import threading

import pytest

from seedtest import models, netguard, socks
from seedtest.services import ways_out
from tests.seedtest.socks_server import SocksServer


@pytest.fixture
def echo():
    """A server that sends back the address its client came from."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, address = listener.accept()
            except OSError:
                return
            with client:
                client.sendall(f"{address[0]}\n".encode())

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def said(sock: socket.socket) -> str:
    with sock:
        return sock.recv(100).decode().strip()


def through(proxy: SocksServer, **more: str) -> netguard.Route:
    return netguard.Route(proxy=netguard.Proxy("127.0.0.1", proxy.port, **more))


def test_without_a_route_we_dial_directly(echo):
    assert said(netguard.dial("127.0.0.1", echo, 5)) == "127.0.0.1"


def test_a_source_address_is_where_the_connection_comes_from(echo):
    assert said(netguard.dial("127.0.0.1", echo, 5, route=netguard.Route("127.0.0.2"))) == "127.0.0.2"


def test_a_source_address_this_machine_has_not_is_an_error_and_no_direct_connection(echo):
    with pytest.raises(OSError):
        netguard.dial("127.0.0.1", echo, 5, route=netguard.Route("192.0.2.9"))


def test_a_proxy_is_asked_for_the_address_and_never_for_a_name(echo):
    with SocksServer() as proxy:
        assert said(netguard.dial("localhost", echo, 5, route=through(proxy))) == "127.0.0.1"
    assert proxy.asked == [("127.0.0.1", echo)]


def test_the_proxy_is_reached_from_the_source_address(echo):
    with SocksServer() as proxy:
        route = netguard.Route("127.0.0.3", netguard.Proxy("127.0.0.1", proxy.port))
        said(netguard.dial("127.0.0.1", echo, 5, route=route))
    assert proxy.came_from == ["127.0.0.3"]


def test_user_and_password_are_given_where_the_proxy_asks(echo):
    with SocksServer(username="anna", password="sesame") as proxy:
        assert said(netguard.dial("127.0.0.1", echo, 5, route=through(proxy, username="anna", password="sesame")))


@pytest.mark.parametrize(
    ("server", "login", "words"),
    [
        ({"username": "anna", "password": "sesame"}, {"username": "anna", "password": "wrong"}, "refused user"),
        ({"username": "anna", "password": "sesame"}, {}, "wants a sign-in"),
        ({"answer": 2}, {}, "its rules forbid it"),
        ({"answer": 99}, {}, "it answered 99"),
        ({"greeting": b"* OK IMAP ready\r\n"}, {}, "no SOCKS5 proxy"),
        ({"greeting": b"\x05"}, {}, "hung up"),
    ],
)
def test_a_proxy_that_does_not_let_us_through_says_why(echo, server, login, words):
    with SocksServer(**server) as proxy, pytest.raises(socks.ProxyRefused, match=words) as refused:
        netguard.dial("127.0.0.1", echo, 5, route=through(proxy, **login))
    assert "sesame" not in str(refused.value) and "wrong" not in str(refused.value)


def test_a_proxy_that_says_nothing_is_left_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        route = netguard.Route(proxy=netguard.Proxy("127.0.0.1", silent.getsockname()[1]))
        with pytest.raises(TimeoutError):
            netguard.dial("127.0.0.1", 993, 0.2, route=route)


def test_a_proxy_at_a_private_address_is_refused(settings, echo):
    settings.NETGUARD_ALLOW = [f"127.0.0.0/8:{echo}"]
    with SocksServer() as proxy, pytest.raises(netguard.Refused):
        netguard.dial("127.0.0.1", echo, 5, route=through(proxy))


def test_a_target_at_a_private_address_is_refused_before_the_proxy_hears_of_it(settings, echo):
    with SocksServer() as proxy:
        settings.NETGUARD_ALLOW = [f"127.0.0.0/8:{proxy.port}"]
        with pytest.raises(netguard.Refused):
            netguard.dial("127.0.0.1", echo, 5, route=through(proxy))
    assert proxy.asked == []


@pytest.mark.django_db
def test_a_mailbox_leaves_by_the_route_of_its_group(cast, make_seed, echo):
    with SocksServer(username="anna", password="sesame") as proxy:
        route = models.EgressRoute.objects.create(
            workspace=cast.workspace, name="Office", proxy_host="127.0.0.1", proxy_port=proxy.port,
            proxy_username="anna", proxy_password="sesame",
        )  # fmt: skip
        seed = make_seed(cast.workspace, egress=route)
        mailbox = models.Mailbox.objects.get(pk=seed.mailbox_id)
        assert said(ways_out.dial_of(mailbox)("127.0.0.1", echo, 5))
        assert proxy.asked == [("127.0.0.1", echo)]
        assert "sesame" not in repr(ways_out.dial_of(mailbox))


@pytest.mark.django_db
def test_a_mailbox_without_a_route_leaves_as_everything_else(cast, make_seed):
    assert ways_out.dial_of(make_seed(cast.workspace).mailbox) is netguard.dial
