"""HTTP to the outside: httpx whose sockets come from netguard, with a wall-clock deadline and a cap on answers."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from placement.errors import PlacementError
from placement.mailbox import Deadline, shared_ssl_context
from seedtest import netguard

#: An answer longer than this is no answer to anything we ask.
MAX_ANSWER = 1024 * 1024
_HTTPS, _HTTP = 443, 80


class GuardedTransport(httpx.BaseTransport):
    """One connection a request, dialled by netguard, TLS verified for the host that was asked for.

    The deadline is wall-clock: a server that sends a byte a second ends with the socket shut, not with patience.
    """

    def __init__(
        self, *, seconds: float, ssl_context: ssl.SSLContext | None = None, route: netguard.Route = netguard.DIRECT
    ) -> None:
        self._seconds = seconds
        self._route = route
        self._context = ssl_context

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _as_httpx(request):
            deadline = Deadline(self._seconds)
            try:
                answer = self._answer(request, deadline)
                if deadline.expired:  # to http.client, a line that ends is an answer that ends
                    raise TimeoutError
                return answer
            finally:
                deadline.cancel()

    def _answer(self, request: httpx.Request, deadline: Deadline) -> httpx.Response:
        host, tls = request.url.host, request.url.scheme == "https"
        port = request.url.port or (_HTTPS if tls else _HTTP)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = self._socket(host, port, tls, deadline)
        try:
            headers = {name: value for name, value in request.headers.items() if name != "connection"}
            body = request.read()
            connection.request(request.method, request.url.raw_path.decode("ascii"), body, headers)
            answer = connection.getresponse()
            data = answer.read(MAX_ANSWER + 1)
        finally:
            connection.close()
        if len(data) > MAX_ANSWER:
            raise http.client.HTTPException(f"an answer of more than {MAX_ANSWER} bytes")
        return httpx.Response(answer.status, headers=_kept(answer), content=data, request=request)

    def _socket(self, host: str, port: int, tls: bool, deadline: Deadline) -> socket.socket:
        if not tls and self._route.proxy:
            _refuse_remote(host)  # the peer of the socket will be the proxy
        sock = netguard.dial(host, port, deadline.remaining(), route=self._route)
        try:
            deadline.watch(sock)
            if not tls:
                _refuse_remote(sock.getpeername()[0])
                return sock
            context = self._context or shared_ssl_context()
            sock = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            deadline.watch(sock)
            sock.do_handshake()
            return sock
        except BaseException:
            sock.close()
            raise


def client(*, seconds: float, route: netguard.Route = netguard.DIRECT) -> httpx.Client:
    """No proxy and no .netrc from the environment, no redirects: what is dialled is what was named."""
    transport = GuardedTransport(seconds=seconds, route=route)
    headers = {"accept-encoding": "identity", "user-agent": "seedtest"}
    return httpx.Client(transport=transport, headers=headers, trust_env=False, follow_redirects=False)


def _kept(answer: http.client.HTTPResponse) -> list[tuple[str, str]]:
    """http.client has undone the chunks. Nothing is unpacked: we ask for no compression, so it would be a bomb."""
    undone = ("transfer-encoding", "content-encoding")
    return [(name, value) for name, value in answer.getheaders() if name.lower() not in undone]


def _refuse_remote(address: str) -> None:
    if not netguard.is_loopback(address):
        raise ConnectionRefusedError("HTTP without TLS is allowed to this machine itself only; nothing was sent")


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Everything that goes wrong is an httpx.TransportError, as its callers expect."""
    try:
        yield
    except TimeoutError as fault:
        raise httpx.ConnectTimeout("the server did not answer in time", request=request) from fault
    except (OSError, http.client.HTTPException, PlacementError, ValueError) as fault:
        raise httpx.ConnectError(str(fault) or type(fault).__name__, request=request) from fault
