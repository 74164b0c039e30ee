"""A sign-in service on loopback: authorisation codes with PKCE, rotated refresh tokens, and refusals on order."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt

#: An answer on order: status, JSON, further headers.
Answer = tuple[int, object, dict[str, str]]
KEY = b"a key of thirty-two bytes, no less"


def access_token(user: str, *, lives: float = 3600, key: bytes = KEY) -> str:
    """A JSON Web Token that Dovecot can check by itself."""
    now = int(time.time())
    return jwt.encode({"sub": user, "iat": now, "exp": now + int(lives)}, key, algorithm="HS256")


class TokenEndpoint:
    """`refresh_token` is the only one that is taken; each use makes the next one. `asked` holds the forms."""

    def __init__(self, user: str = "seed", *, certificate: tuple[Path, Path] | None = None) -> None:
        self.user = user
        self.lives = 3600.0
        self.rotates = True
        self.refresh_token = "refresh-1"
        self.asked: list[dict[str, str]] = []
        self.answers: list[Answer | Callable[[], None]] = []  # the next ones, before it works again
        self.codes: dict[str, str] = {}  # authorisation code → PKCE challenge
        self._certificate = certificate
        self._rotated = 1

    def __enter__(self) -> TokenEndpoint:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def settings(self) -> dict[str, object]:
        """What OAUTH_CLIENTS holds for it."""
        given = {"client_id": "our-client", "client_secret": "our-secret", "scopes": ["mail"]}
        endpoints = {"authorize": f"{self.url}/{{tenant}}/oauth2/v2.0/authorize", "token": f"{self.url}/token"}
        return given | endpoints

    def answer(self, path: str, form: dict[str, str]) -> Answer:
        if path.endswith("openid-configuration"):
            return self._configuration(path.split("/")[1])
        self.asked.append(form)
        if self.answers:
            ordered = self.answers.pop(0)
            if not callable(ordered):
                return ordered
            ordered()
        return self._grant(form)

    def _configuration(self, tenant: str) -> Answer:
        base = f"{self.url}/{tenant}"
        return 200, {
            "issuer": base,
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }, {}  # fmt: skip

    def _grant(self, form: dict[str, str]) -> Answer:
        kind = form.get("grant_type")
        if kind == "refresh_token" and form.get("refresh_token") != self.refresh_token:
            return refusal("invalid_grant", "Token has been expired or revoked.")
        if kind == "authorization_code" and not self._proved(form):
            return refusal("invalid_grant", "Malformed auth code.")
        if kind not in ("refresh_token", "authorization_code", "client_credentials"):
            return refusal("unsupported_grant_type")
        told = {"access_token": access_token(self.user, lives=self.lives), "expires_in": self.lives, "scope": "mail"}
        if kind == "client_credentials":
            return 200, told | {"token_type": "Bearer"}, {}
        if self.rotates:
            self._rotated += 1
            self.refresh_token = f"refresh-{self._rotated}"
        return 200, told | {"token_type": "Bearer", "refresh_token": self.refresh_token}, {}

    def _proved(self, form: dict[str, str]) -> bool:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        return self.codes.pop(form.get("code", ""), None) == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                self._reply({name: values[0] for name, values in parse_qs(body).items()})

            def _reply(self, form: dict[str, str]) -> None:
                status, told, headers = endpoint.answer(urlsplit(self.path).path, form)
                data = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status)
                usual = {"content-type": "application/json", "content-length": str(len(data))}
                for name, value in (usual | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def refusal(error: str, description: str = "", status: int = 400) -> Answer:
    return status, {"error": error, "error_description": description}, {}
