"""Django's settings. Every variable that an operator may set is in DESIGN 5.1 and in `.env.example`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import django_stubs_ext
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from edgesite.env import Environment, load_or_make_key
from edgesite.logging import configure_logging

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = Environment.load(Path.cwd())

DEBUG = ENV.flag("DEBUG")
VAR_DIR = ENV.folder("VAR_DIR", "var")


def _key(name: str, make: Callable[[], str]) -> str:
    given = ENV.text(name)
    if given or not DEBUG:
        if not given:
            ENV.problem(name, "must be set when DEBUG is off; every process of an installation shares it.")
        return given
    try:
        return load_or_make_key(VAR_DIR / name.lower(), make)
    except OSError as error:
        ENV.problem(name, f"is not set and could not be made in VAR_DIR: {error.strerror}.")
        return ""


# Without a key nothing may be signed with a guessable one: an unset key becomes a random one for this process and an error.
SECRET_KEY = _key("SECRET_KEY", get_random_secret_key) or get_random_secret_key()
FIELD_ENCRYPTION_KEYS = [
    key.strip()
    for key in _key("FIELD_ENCRYPTION_KEY", lambda: Fernet.generate_key().decode()).split(",")
    if key.strip()
]

PUBLIC_URL = ENV.url("PUBLIC_URL", "", ("http", "https")).rstrip("/")
ALLOWED_HOSTS = ENV.names("ALLOWED_HOSTS") or (["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = ENV.names("CSRF_TRUSTED_ORIGINS")

CLOUD_REDIS_URL = ENV.url("CLOUD_REDIS_URL", "redis://127.0.0.1:6379/0", ("redis", "rediss", "unix"))
LOCAL_REDIS_URL = ENV.url("LOCAL_REDIS_URL", "redis://127.0.0.1:6379/1", ("redis", "rediss", "unix"))
CHANNEL_REDIS_URL = ENV.url("CHANNEL_REDIS_URL", "redis://127.0.0.1:6379/2", ("redis", "rediss", "unix"))

DEVICE_ID = ENV.text("DEVICE_ID")
DEVICE_TOKEN = ENV.text("DEVICE_TOKEN")
DETECTION_MODEL = ENV.text("DETECTION_MODEL")
ORT_PROVIDER = ENV.choice("ORT_PROVIDER", "auto", ("auto", "tensorrt", "cuda", "openvino", "cpu"))

MEDIA_ROOT = Path(ENV.text("MEDIA_ROOT", str(VAR_DIR / "media"))).absolute()
OUTPUT_DIR = Path(ENV.text("OUTPUT_DIR", str(VAR_DIR / "recordings"))).absolute()
S3_BUCKET = ENV.text("S3_BUCKET")
S3_ENDPOINT_URL = ENV.url("S3_ENDPOINT_URL", "", ("http", "https"))
S3_REGION = ENV.text("S3_REGION")
S3_ACCESS_KEY_ID = ENV.text("S3_ACCESS_KEY_ID")
S3_SECRET_ACCESS_KEY = ENV.text("S3_SECRET_ACCESS_KEY")

CAPTURE_DAYS = ENV.number("CAPTURE_DAYS", 7, least=1, most=3650)
CAPTURE_MB = ENV.number("CAPTURE_MB", 0, least=0, most=100_000_000)
TASK_CLIP_DAYS = ENV.number("TASK_CLIP_DAYS", 90, least=0, most=3650)
ALERT_CLIP_DAYS = ENV.number("ALERT_CLIP_DAYS", 30, least=0, most=3650)
CLIP_GB = ENV.number("CLIP_GB", 0, least=0, most=1_000_000)
SNAPSHOT_DAYS = ENV.number("SNAPSHOT_DAYS", 30, least=0, most=3650)
REPORT_DAYS = ENV.number("REPORT_DAYS", 400, least=1, most=3650)
OUTBOX_ROWS = ENV.number("OUTBOX_ROWS", 100_000, least=100, most=10_000_000)
OUTBOX_MB = ENV.number("OUTBOX_MB", 4000, least=1, most=100_000_000)

FFMPEG_PATH = ENV.text("FFMPEG_PATH")
FFMPEG_LOGLEVEL = ENV.choice(
    "FFMPEG_LOGLEVEL", "warning", ("quiet", "panic", "fatal", "error", "warning", "info", "verbose", "debug", "trace")
)
FFMPEG_RTSP_TRANSPORT = ENV.choice("FFMPEG_RTSP_TRANSPORT", "tcp", ("tcp", "udp"))
FFMPEG_PRESET = ENV.choice(
    "FFMPEG_PRESET", "veryfast",
    ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
)  # fmt: skip
MAX_TASK_SECONDS = ENV.number("MAX_TASK_SECONDS", 3600, least=1, most=86_400)
SNAPSHOT_CALLBACK_HOSTS = ENV.names("SNAPSHOT_CALLBACK_HOSTS")
NOTIFY_HOSTS = ENV.names("NOTIFY_HOSTS")
TEST_ALERT_MINUTES = ENV.number("TEST_ALERT_MINUTES", 60, least=0, most=10_080)
MAIL = ENV.mail("EMAIL_URL")  # empty: no e-mail is sent
EMAIL_BACKEND = str(MAIL.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend"))
EMAIL_HOST, EMAIL_PORT = str(MAIL.get("EMAIL_HOST", "")), int(str(MAIL.get("EMAIL_PORT") or 25))
EMAIL_HOST_USER = str(MAIL.get("EMAIL_HOST_USER") or "")
EMAIL_HOST_PASSWORD = str(MAIL.get("EMAIL_HOST_PASSWORD") or "")
EMAIL_USE_TLS, EMAIL_USE_SSL = bool(MAIL.get("EMAIL_USE_TLS")), bool(MAIL.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = ENV.text("EMAIL_FROM", "edgesite@localhost")

INSTALLED_APPS = [
    "daphne",
    "edgesite",
    "cameras",
    "recordings",
    "detection",
    "edgesite.admin_config.EdgesiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "ninja",
    "csp",
    "servestatic",
    "axes",
    "simple_history",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "edgesite.middleware.ApiErrors",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "edgesite.middleware.LostKey",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False

ROOT_URLCONF = "edgesite.urls"
ASGI_APPLICATION = "edgesite.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

DATABASES = {"default": ENV.database("DATABASE_URL", f"sqlite:///{quote(str(VAR_DIR))}/edgesite.sqlite3")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # `select_for_update` is a no-op on SQLite: a transaction takes the write lock when it begins.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
EDGE_DATABASE = ENV.sqlite_path("EDGE_DATABASE_URL", VAR_DIR / "edge.sqlite3")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # The layer waits 5 s for a message: the client's own time-out must be longer.
        "CONFIG": {
            "hosts": [{"address": CHANNEL_REDIS_URL, "socket_timeout": 15}],
            "prefix": "channels",
            "capacity": 500,
        },
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "live"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_COOKIE_AGE = 3600 * 24 * 365
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["edgesite.formats"]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
SERVESTATIC_USE_FINDERS = True  # no collectstatic step on a box

_files = {
    "BACKEND": "edgesite.storage.DurableFileStorage",
    "OPTIONS": {"location": str(MEDIA_ROOT), "file_permissions_mode": 0o640},
}
_objects = {
    "BACKEND": "edgesite.bucket.BucketStorage",
    "OPTIONS": {
        "bucket_name": S3_BUCKET,
        "endpoint_url": S3_ENDPOINT_URL or None,
        "region_name": S3_REGION or None,
        "access_key": S3_ACCESS_KEY_ID or None,
        "secret_key": S3_SECRET_ACCESS_KEY or None,
        "file_overwrite": True,
        # By itself botocore signs links for a host without the region, and in some regions in the older way: buckets of
        # newer regions, and new buckets, refuse those.
        "addressing_style": "path" if S3_ENDPOINT_URL else "virtual",
        "signature_version": "s3v4",
    },
}
STORAGES = {
    "default": _objects if S3_BUCKET else _files,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = 3600 * 24 * 30 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LOGGING_CONFIG = None
configure_logging(debug=DEBUG)
