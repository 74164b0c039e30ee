"""Django settings. Values from outside come through `seedtest.env`; nothing secret has a default outside DEBUG."""

from __future__ import annotations

from datetime import timedelta

from seedtest.env import BASE_DIR, database, env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="insecure-development-key-that-is-never-used-in-production" if DEBUG else "")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env("PUBLIC_URL", default="http://localhost:8000").rstrip("/")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "import_export",
    "seedtest.apps.SeedtestConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "seedtest.api.addresses.NoNul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "seedtest.admin.tenancy.WorkspaceZone",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "seedtest.urls"
WSGI_APPLICATION = "seedtest.wsgi.application"
ASGI_APPLICATION = "seedtest.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "seedtest" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "seedtest.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "seedtest" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(BASE_DIR / "var" / "media"))()
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 15 * 1024 * 1024  # a message of 10 MB in base64, and the rest of its request
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # a seed list sends a field for each seed that is ticked

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("COOKIES_SECURE", default=PUBLIC_URL.startswith("https"))
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=0)
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- secrets at rest, and the door to the outside
#: Fernet keys, newest first; the first one seals, all of them open. `manage.py newkey` prints one.
SEEDTEST_ENCRYPTION_KEYS: list[str] = env.list("SEEDTEST_ENCRYPTION_KEYS", default=[])
#: CIDR[:ports] that may be dialled although they are private: "127.0.0.0/8:1024-65535". Empty in production.
NETGUARD_ALLOW: list[str] = env.list("NETGUARD_ALLOW", default=[])
#: DNS servers for our own SPF, DKIM, DMARC, ARC and BIMI checks: IP or IP:port. Empty: these checks are off.
DNS_NAMESERVERS: list[str] = env.list("DNS_NAMESERVERS", default=[])

# --- signing in to mailbox providers with OAuth 2: our registration at each (docs/settings.md)
OAUTH_GOOGLE_CLIENT_ID = env("OAUTH_GOOGLE_CLIENT_ID", default="")
OAUTH_GOOGLE_CLIENT_SECRET = env("OAUTH_GOOGLE_CLIENT_SECRET", default="")
OAUTH_MICROSOFT_CLIENT_ID = env("OAUTH_MICROSOFT_CLIENT_ID", default="")
OAUTH_MICROSOFT_CLIENT_SECRET = env("OAUTH_MICROSOFT_CLIENT_SECRET", default="")
OAUTH_MICROSOFT_TENANT = env("OAUTH_MICROSOFT_TENANT", default="")
#: Others by provider id: {"yahoo": {"client_id": …, "client_secret": …}}; also authorize, token, scopes, tenant.
OAUTH_CLIENTS: dict[str, object] = env.json("OAUTH_CLIENTS", default={})

# --- the broker carries hints only; the database is the truth
BROKER_URL = env("BROKER_URL", default="redis://127.0.0.1:6379/0")
#: Folder for the file system transport, where no Redis-compatible server can run (demo only).
BROKER_FOLDER = env("BROKER_FOLDER", default=str(BASE_DIR / "var" / "broker"))
#: IMAP sessions at once in one poll worker.
POLL_SESSIONS = env.int("POLL_SESSIONS", default=50)
#: Mailboxes that one `manage.py watch` holds IDLE on, two connections each.
WATCH_MAILBOXES = env.int("WATCH_MAILBOXES", default=1000)
#: Sessions that one poll worker keeps for the next look, beside those in use; 0 = a login a look.
KEEP_SESSIONS = env.int("KEEP_SESSIONS", default=64)

# --- polling and closing
#: Seconds one IMAP session may last by the wall clock, and how long its lease holds (must be longer).
SESSION_DEADLINE = env.float("SESSION_DEADLINE", default=90.0)
LEASE_SECONDS = env.float("LEASE_SECONDS", default=150.0)
#: How long a dispatched hint is trusted before the mailbox is offered again.
DISPATCH_SECONDS = env.float("DISPATCH_SECONDS", default=30.0)
#: Multiplies every polling interval and allowance: 1 in production, smaller in the demo and the tests.
PACE = env.float("PACE", default=1.0)
#: Overrides every provider's delivery allowance (minutes) when set: demo and tests.
ALLOWANCE_MINUTES: float | None = env.float("ALLOWANCE_MINUTES", default=None)
START_BY = timedelta(hours=env.float("START_BY_HOURS", default=24))
WATCH_FOR = timedelta(hours=env.float("WATCH_HOURS", default=24))
#: Days without a good look, though looks were tried, after which a seed is set aside until one succeeds.
QUARANTINE_AFTER_DAYS = env.float("QUARANTINE_AFTER_DAYS", default=3.0)
#: Days after which `purgeseeds` may delete messages of ended tests in the operator's pool; 0 = never.
PURGE_POOL_AFTER_DAYS = env.int("PURGE_POOL_AFTER_DAYS", default=0)

# --- retention, in days
RETAIN_UNMATCHED_ARRIVALS = env.int("RETAIN_UNMATCHED_ARRIVALS", default=14)
RETAIN_UNMATCHED_HEADERS = env.int("RETAIN_UNMATCHED_HEADERS", default=7)
RETAIN_TESTS = env.int("RETAIN_TESTS", default=730)
RETAIN_EVENTS = env.int("RETAIN_EVENTS", default=90)
RETAIN_IDEMPOTENCY_KEYS = env.int("RETAIN_IDEMPOTENCY_KEYS", default=2)
RETAIN_INVITATIONS = env.int("RETAIN_INVITATIONS", default=30)

#: Seconds added to the database's clock. A seam for tests; a system check warns when it is set.
CLOCK_OFFSET_SECONDS = env.float("CLOCK_OFFSET_SECONDS", default=0.0)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["seedtest.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["seedtest.api.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "seedtest.api.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Seed test API",
    "DESCRIPTION": "Inbox placement seed tests: open one, send to the seeds, read where it landed and why.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
}
UNFOLD = {
    "SITE_TITLE": "Seed tests",
    "SITE_HEADER": "Seed tests",
    "SITE_SUBHEADER": "Where your mail lands, and why",
    "SITE_SYMBOL": "mark_email_read",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": ["/static/seedtest/admin.css"],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "seedtest.admin.navigation.sidebar",
    },
    "DASHBOARD_CALLBACK": "seedtest.admin.dashboard.dashboard",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
}
