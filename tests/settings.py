"""The service's settings with a test's environment: a throw-away key, loopback allowed, SQLite by default."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "tests-only")
os.environ.setdefault("SEEDTEST_ENCRYPTION_KEYS", "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=")
os.environ.setdefault("NETGUARD_ALLOW", "127.0.0.0/8,[::1/128]")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from seedtest.settings import *  # noqa: F403

if "sqlite" in DATABASES["default"]["ENGINE"]:  # noqa: F405
    # A file, not memory: connections that share memory meet "table is locked", which no time-out waits for.
    _file = Path(tempfile.gettempdir()) / f"seedtest-tests-{os.getpid()}.sqlite3"
    DATABASES["default"]["TEST"] = {"NAME": str(_file)}  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"  # noqa: F405

STATIC_ROOT = BASE_DIR / "var" / "tests-static"  # noqa: F405
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns of a missing folder, and warnings are errors here

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
