"""The service's settings with a test's environment: a throw-away key, loopback allowed, SQLite unless told otherwise."""

import os

os.environ.setdefault("SECRET_KEY", "tests-only")
os.environ.setdefault("SEEDTEST_ENCRYPTION_KEYS", "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=")
os.environ.setdefault("NETGUARD_ALLOW", "127.0.0.0/8,[::1/128]")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from seedtest.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
