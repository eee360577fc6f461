"""Settings. What differs between installs comes from the environment or from `.env`:
docs/reference/settings.md lists it.
"""

from __future__ import annotations

import datetime as dt
import warnings
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from giftcodes.clients.games.config import ProviderConfig
from redeemer import database_url, environment
from redeemer.games import GAMES, providers
from redeemer.localserver import discovery
from redeemer.logging import FORMATS, LEVELS, configure

BASE_DIR = Path(__file__).resolve().parent.parent

environment.load(BASE_DIR / ".env")
env = environment.Settings()
# A running `make up` tells where its servers are; what the environment says itself goes before it.
discovery.load_running_environment()

# --- Django -----------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
# Without one, commands that need none still run; the site, the workers, beat, and what hashes or signs do not
# (giftcodes.secret_key). There is no other value to fall back to.
SECRET_KEY = env.str("SECRET_KEY", default="")
THIS_MACHINE = {"localhost", "127.0.0.1", "[::1]"}
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=sorted(THIS_MACHINE))
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "redeemer.urls"
WSGI_APPLICATION = "redeemer.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "giftcodes",
    "redeemer.apps.RedeemerConfig",
    # Without its `ready`, which puts a site of its own in the place of ours.
    "unfold.apps.BasicAppConfig",
    "redeemer.apps.RedeemerAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_structlog",
    "axes",
    "csp",
    "simple_history",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "redeemer.zone.ViewersZone",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    # Last: it replaces the answer to a login that was one too many.
    "axes.middleware.AxesMiddleware",
]

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

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# Files are found where the packages keep them: nothing has to be collected, and WhiteNoise need not warn of that.
WHITENOISE_USE_FINDERS = True
warnings.filterwarnings("ignore", message="No directory at", module="django.core.handlers.base")
LANGUAGE_CODE = "en"
TIME_ZONE = env.zone("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["redeemer.formats"]
LOGIN_REDIRECT_URL = "/admin/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- The frame of the admin; its side bar is giftcodes.admin_menu ---------------------------------
UNFOLD = {
    "SITE_TITLE": "Redeemer",
    "SITE_HEADER": "Redeemer",
    "SITE_SUBHEADER": "Gift codes for guilds",
    "SITE_SYMBOL": "redeem",
    # The admin is the site.
    "SITE_URL": None,
    "DASHBOARD_CALLBACK": "giftcodes.admin.monitoring.dashboard.add_board",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("giftcodes/icon.svg"),
        }
    ],
    "SCRIPTS": [
        lambda _request: static("giftcodes/live.js"),
        lambda _request: static("giftcodes/frame.js"),
    ],
    "STYLES": [lambda _request: static("giftcodes/admin.css")],
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
}

# --- Database: PostgreSQL only ----------------------------------------------------------------------------------------
REDEEM_THREADS = env.int("REDEEM_THREADS", default=8)
CONTROL_THREADS = env.int("CONTROL_THREADS", default=4)

#: Django's own, and what each of its connections needs beside (redeemer/postgresql/base.py).
_ENGINE = "redeemer.postgresql"
POOL = {
    "min_size": 1,
    "max_size": max(REDEEM_THREADS, CONTROL_THREADS) + 4,
    # In seconds. A thread never waits for another one's connection: it waits only for a server that is away.
    "timeout": 4,
    # In seconds. The wait between two attempts doubles as long as one round of attempts goes on. A short round is
    # followed by a new one as soon as a thread asks: work goes on within seconds of the server's return.
    "reconnect_timeout": 2,
}
#: The commands recognise by it that no server is running.
NO_SERVER_HOST = discovery.NO_SERVER_HOST
DATABASES: dict[str, dict[str, Any]] = {}
if env.str("DATABASE_URL", default=""):
    DATABASES["default"] = {
        "CONN_HEALTH_CHECKS": True,
        **database_url.django_settings(env.str("DATABASE_URL")),
        "ENGINE": _ENGINE,
    }
    DATABASES["default"]["OPTIONS"].update(
        {
            "connect_timeout": 5,
            "application_name": "redeemer",
            "server_side_binding": True,
            "prepare_threshold": 5,
            # A cut link is noticed within half a minute, not after the kernel's two hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
    )
    if env.bool("DATABASE_POOL", default=True):
        DATABASES["default"]["OPTIONS"]["pool"] = POOL
else:
    # Named, so that the error says what to do; there is no server behind it.
    DATABASES["default"] = {
        "ENGINE": _ENGINE,
        "NAME": "redeemer",
        "HOST": NO_SERVER_HOST,
    }

# --- Celery: the doorbell (decision 2) -----------------------------------------------------------------------
CELERY_BROKER_URL = env.str("REDIS_URL", default="") or "redis://127.0.0.1:6379/0"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20.0
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
# A lost ring costs one tick: publishing never waits for a broker that is away.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ROUTES = {"giftcodes.tasks.redeem_member": {"queue": "redeem"}}
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "redeemer.beat:PatientScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# --- The flow ---------------------------------------------------------------------------------------------------------
#: One call of the game, in all, in seconds. The lease must outlast it by ten (giftcodes.checks).
HTTP_SECONDS = env.float("HTTP_SECONDS", default=15.0)
HTTP_CONNECT_SECONDS = env.float("HTTP_CONNECT_SECONDS", default=5.0)
LEASE_SECONDS = env.float("LEASE_SECONDS", default=30.0)
#: Never more requests under way, over all workers: twice the threads keeps each one busy.
IN_FLIGHT_MAX = env.int("IN_FLIGHT_MAX", default=2 * REDEEM_THREADS)

# --- What is kept (decision 10) -------------------------------------------------------------------------------
#: In days; 0: for ever. Attempts that prove something, or that have no clear answer, are kept for ever.
KEEP_ATTEMPTS_DAYS = env.int("KEEP_ATTEMPTS_DAYS", default=90)
#: In days; 0: for ever. The last run of each redemption is kept for ever.
KEEP_JOURNAL_DAYS = env.int("KEEP_JOURNAL_DAYS", default=365)

# Versions are read row by row, not by date.
SIMPLE_HISTORY_DATE_INDEX = False

# --- What people are told ---------------------------------------------------------------------------------------------
#: Where alarms go: a Discord webhook, or an Apprise address. A secret.
OPERATOR_CHANNEL = env.str("OPERATOR_CHANNEL", default="")
#: The site's address as people reach it, for links in messages; empty: no links.
SITE_URL = env.str("SITE_URL", default="").strip().rstrip("/")
#: One message, in all. Few are under way at a time, so that a dead channel never keeps the ticks waiting.
ANNOUNCE_SECONDS = env.float("ANNOUNCE_SECONDS", default=6.0)
ANNOUNCE_MAX = env.int("ANNOUNCE_MAX", default=max(1, CONTROL_THREADS // 4))


# --- The games: a new one is a block in redeemer/games.py -------------------------------------------------------------
try:
    PROVIDERS: dict[str, ProviderConfig] = providers(GAMES, env)
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from error

# --- Safe transport outside DEBUG -------------------------------------------------------------------------------------
# HTTPS=1 says that a proxy with TLS stands in front; `make up` on localhost is plain HTTP.
HTTPS = env.bool("HTTPS", default=False)
# A site that others can reach keeps its cookies off the open wire, unless somebody says that there is no TLS.
SECURE_COOKIES = env.bool(
    "SECURE_COOKIES", default=HTTPS or not (DEBUG or set(ALLOWED_HOSTS) <= THIS_MACHINE)
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
CSRF_FAILURE_VIEW = "redeemer.security.csrf_failed"
SECURE_SSL_REDIRECT = HTTPS
# Monitors ask from inside, past the proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Other hosts of the domain, and browsers' own lists, are for the domain's owner to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# What a page may load and run: ours alone (decision 12).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- Logins: five wrong ones, and the address waits for a quarter of an hour ------------------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
#: How many proxies of ours stand in front, each of which appends to X-Forwarded-For.
PROXIES = env.int("PROXIES", default=1 if HTTPS else 0)
AXES_CLIENT_IP_CALLABLE = "redeemer.security.lockout_address"
AXES_LOCKOUT_CALLABLE = "redeemer.security.locked_out"
# By address: locking an account would let anybody lock its owner out.
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
# The time that was told stays true, however often somebody tries meanwhile.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_VERBOSE = False

# --- Logs -------------------------------------------------------------------------------------------------------------
LOGGING = configure(
    log_format=env.choice("LOG_FORMAT", FORMATS, default="console"),
    level=env.choice("LOG_LEVEL", LEVELS, default="INFO"),
)
LOGGING_CONFIG = "logging.config.dictConfig"
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# Its own reading believes X-Forwarded-For from everybody: redeemer.security.note_address names the address instead.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
