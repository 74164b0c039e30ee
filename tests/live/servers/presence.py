"""What this machine has: a missing server skips a test, except with CI=true, where it fails it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

#: Where Debian keeps programs that are on nobody's PATH.
PLACES = (
    "/usr/sbin",
    "/sbin",
    "/usr/lib/postfix/sbin",
    "/usr/lib/dovecot",
    "/opt/homebrew/sbin",
    "/usr/local/sbin",
)


def absent(what: str) -> NoReturn:
    """Skip the running test because something is not there; with CI=true fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}. With CI=true nothing may be skipped.", pytrace=False)
    pytest.skip(what)


def need(binary: str) -> Path:
    """The path of a program this test cannot do without."""
    found = find(binary)
    if found is None:
        absent(f"{binary} is not installed: scripts/install-test-servers installs it")
    return found


def need_root(what: str) -> None:
    if os.geteuid() != 0:
        absent(f"{what} runs only as root, and this user is not")


def find(binary: str) -> Path | None:
    found = shutil.which(binary) or shutil.which(binary, path=os.pathsep.join(PLACES))
    return Path(found) if found else None
