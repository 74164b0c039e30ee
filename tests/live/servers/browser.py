"""A headless Chromium that reaches this machine only: pages as people see them, wide, narrow, light and dark."""

from __future__ import annotations

import base64
import http.client
import json
from pathlib import Path
from typing import Any, Self

from tests.live.servers.presence import need
from tests.live.servers.processes import Server

DESKTOP = 1280
PHONE = 390
#: The key under which WebDriver hands out elements (W3C WebDriver section 11).
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


class BrowserError(RuntimeError):
    """What WebDriver said: no such element, a script that threw …"""


class Chromium(Server):
    """One window, driven over WebDriver by chromedriver."""

    name = "chromium"

    def __init__(self) -> None:
        super().__init__()
        self._session = ""

    def command(self) -> list[str]:
        return [str(need("chromedriver")), f"--port={self.port}", "--allowed-ips=127.0.0.1"]

    def ready(self) -> bool:
        return bool(self._call("GET", "/status")["ready"])

    def __enter__(self) -> Self:
        super().__enter__()
        flags = [*FLAGS, f"--user-data-dir={self.directory / 'profile'}"]
        options = {"binary": str(need("chromium")), "args": flags}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        try:
            opened = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except BaseException:
            self.__exit__()
            raise
        self._session = f"/session/{opened['sessionId']}"
        return self

    def open(self, url: str, *, width: int = DESKTOP, height: int = 900, dark: bool = False) -> None:
        """Show a page in a window of this size, as somebody with this colour preference."""
        phone = width < 600
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        self._do("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        return str(self._do("GET", "/url"))

    @property
    def html(self) -> str:
        """The document as it is now, after scripts."""
        return str(self._do("GET", "/source"))

    @property
    def text(self) -> str:
        """What a person can read on the page."""
        return str(self.script("return document.body.innerText"))

    def fill(self, css: str, value: str) -> None:
        self._element(css, "clear", {})
        self._element(css, "value", {"text": value})

    def click(self, css: str) -> None:
        self._element(css, "click", {})

    def script(self, source: str, *arguments: object) -> Any:
        return self._do("POST", "/execute/sync", {"script": source, "args": list(arguments)})

    def screenshot(self, path: Path, *, whole_page: bool = False) -> Path:
        """A PNG of the window, or of everything one can scroll to."""
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole_page)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def overflows(self) -> bool:
        """Is the page wider than its window, so that a person must scroll sideways?"""
        return bool(self.script("return document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def complaints(self) -> list[str]:
        """Errors on the console since the last call: scripts that threw, files that did not load."""
        entries = self._do("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def forget(self) -> None:
        """Become a stranger: no cookies."""
        self.devtools("Network.clearBrowserCookies")

    def devtools(self, command: str, **parameters: object) -> Any:
        return self._do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _element(self, css: str, action: str, body: dict[str, object]) -> None:
        found = self._do("POST", "/element", {"using": "css selector", "value": css})
        self._do("POST", f"/element/{found[ELEMENT]}/{action}", body)

    def _do(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        return self._call(method, self._session + path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise BrowserError(f"{value['error']}: {value['message']}")
        return value
