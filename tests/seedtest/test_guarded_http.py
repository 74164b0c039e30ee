"""HTTP to the outside: only vetted addresses, only verified TLS, never for ever, never endless."""

from __future__ import annotations

import socket
import threading
import zlib

import httpx
import pytest

from placement.mailbox import shared_ssl_context
from seedtest import guarded_http
from tests.live.servers.certificates import make_certificates
from tests.token_endpoint import TokenEndpoint


def ask(url: str, *, seconds: float = 5.0) -> httpx.Response:
    with guarded_http.client(seconds=seconds) as web:
        return web.post(url, data={"a": "b"})


def test_an_answer_comes_back_with_status_and_headers():
    with TokenEndpoint() as endpoint:
        endpoint.answers = [(418, {"error": "tea"}, {"retry-after": "7"})]
        answer = ask(f"{endpoint.url}/token")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (418, {"error": "tea"}, "7")
    assert endpoint.asked == [{"a": "b"}]


def test_a_private_address_is_not_dialled(settings):
    settings.NETGUARD_ALLOW = []
    with TokenEndpoint() as endpoint:
        with pytest.raises(httpx.TransportError, match="not a public internet address"):
            ask(f"{endpoint.url}/token")
        assert endpoint.asked == []


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    made = make_certificates(tmp_path, ["127.0.0.1"])
    with TokenEndpoint(certificate=(made.certificate, made.key)) as endpoint:
        with pytest.raises(httpx.TransportError, match="certificate verify failed"):
            ask(f"{endpoint.url}/token")
        context = shared_ssl_context(str(made.ca))
        with httpx.Client(transport=guarded_http.GuardedTransport(seconds=5, ssl_context=context)) as web:
            assert web.post(f"{endpoint.url}/token", data={}).status_code == 400


def test_plain_http_leaves_this_machine_never(monkeypatch):
    class Elsewhere(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return ("192.0.2.7", 80)

    pair = socket.socketpair()
    monkeypatch.setattr("seedtest.netguard.dial", lambda *_, **__: Elsewhere(fileno=pair[0].detach()))
    with pytest.raises(httpx.TransportError, match="without TLS"):
        ask("http://token.example/token")
    assert pair[1].recv(10) == b""
    pair[1].close()


def test_a_redirect_is_not_followed():
    with TokenEndpoint() as endpoint:
        endpoint.answers = [(302, {}, {"location": "http://127.0.0.1:1/elsewhere"})]
        assert ask(f"{endpoint.url}/token").status_code == 302


def test_the_environments_proxy_is_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with TokenEndpoint() as endpoint:
        assert ask(f"{endpoint.url}/token").status_code == 400


def test_a_server_that_drips_ends_at_the_wall_deadline():
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.05):
                    try:
                        sock.sendall(b"X: y\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(httpx.TransportError):
            ask(f"http://127.0.0.1:{listener.getsockname()[1]}/", seconds=0.4)
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("body", "headers"), [(b"x" * (guarded_http.MAX_ANSWER + 1), {}), (b"{}", {"content-length": "x"})]
)
def test_an_endless_or_broken_answer_is_an_error(body, headers):
    with TokenEndpoint() as endpoint:
        endpoint.answers = [(200, body, headers)]
        if headers:
            assert ask(f"{endpoint.url}/token").status_code == 200
        else:
            with pytest.raises(httpx.TransportError, match="more than"):
                ask(f"{endpoint.url}/token")


def test_a_packed_answer_is_not_unpacked():
    packed = zlib.compress(b"0" * 10_000_000)
    with TokenEndpoint() as endpoint:
        endpoint.answers = [(200, packed, {"content-encoding": "deflate"})]
        assert ask(f"{endpoint.url}/token").content == packed
