"""Django's settings. Values that differ between installations come from the environment or `.env`.

docs/reference/settings.md lists those values.
"""

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from giftcodes.clients.games.config import ProviderConfig
from redeemer import database_url, environment, paths
from redeemer.games import GAMES, providers
from redeemer.localserver import discovery
from redeemer.logging import FORMATS, LEVELS, configure
from redeemer.site_threads import THREADS_WITH_DATABASE

BASE_DIR = paths.CODE
#: What a person types before the name of a command, and to start everything. Advice names them.
COMMAND, START_COMMAND = paths.COMMAND, paths.START_COMMAND

environment.load_file()
env = environment.Settings()
# Use the servers of a running `make up`, unless the environment names others.
discovery.load_running_environment()

# --- Django ---------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
# There is no default. If the key is missing, commands that do not need it still run. The site, the
# workers, Celery beat, and the commands that hash or sign do not start (giftcodes.secret_key).
SECRET_KEY = env.str("SECRET_KEY", default="")
#: The key that was used before SECRET_KEY. It only decrypts, and recognises players who opted out.
OLD_SECRET_KEY = env.str("OLD_SECRET_KEY", default="")
THIS_MACHINE = {"localhost", "127.0.0.1", "[::1]"}
#: Texts, each of which gives a key for the secrets in the database (giftcodes.encryption). The
#: first key encrypts, and all of them decrypt. SECRET_KEY is added at the end, so its key encrypts
#: if this list is empty.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=sorted(THIS_MACHINE))
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# `make up` reads BIND and PORT before Django's settings. Here they are only checked.
BIND = env.str("BIND", default="").strip() or "127.0.0.1"
PORT = env.int("PORT", default=8000, least=1, most=65_535)
ROOT_URLCONF = "redeemer.urls"
WSGI_APPLICATION = "redeemer.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "giftcodes",
    "redeemer.apps.RedeemerConfig",
    # The `ready()` of Unfold's default configuration would replace our admin site with Unfold's.
    # The basic configuration has no `ready()`.
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
    "redeemer.language.ViewerLanguageMiddleware",
    "redeemer.zone.ViewerTimeZoneMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "redeemer.fair_share.FairShareMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "redeemer.statement_limit.StatementLimitMiddleware",
    # This must be last: it replaces the response when there were too many failed logins.
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [paths.TEMPLATES],
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
# Static files are served from the packages, without collectstatic. The filter below hides
# WhiteNoise's warning that STATIC_ROOT does not exist.
WHITENOISE_USE_FINDERS = True
warnings.filterwarnings("ignore", message="No directory at", module="django.core.handlers.base")
# The languages that have a catalogue in LOCALE_PATHS. If only Django has a catalogue of a language,
# pages in it would be partly in English. Browsers and Discord say which language a person reads
# (decision 31).
LANGUAGES = [
    ("en", "English"),
    ("de", "German"),
    ("fr", "French"),
    ("es", "Spanish"),
    ("pt-br", "Brazilian Portuguese"),
    ("it", "Italian"),
    ("pl", "Polish"),
    ("tr", "Turkish"),
    ("ru", "Russian"),
    ("ar", "Arabic"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("zh-hans", "Simplified Chinese"),
]
#: The language of people whose browser names none of these, and of channels whose guild has none.
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", [code for code, _name in LANGUAGES], default="en")
#: The one catalogue of all texts: those of the app, of the project and of the templates.
LOCALE_PATHS = [BASE_DIR / "giftcodes" / "locale"]
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = env.zone("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["redeemer.formats"]
LOGIN_REDIRECT_URL = "/admin/"
# The table holds a hash of each session's key.
SESSION_ENGINE = "redeemer.sessions"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "giftcodes.services.discord_links.NewPasswordUnlinks"},
]

# --- The admin theme; its side bar is giftcodes.admin_menu ----------------------------------------
UNFOLD = {
    "SITE_TITLE": "Redeemer",
    "SITE_HEADER": "Redeemer",
    "SITE_SUBHEADER": _("Gift codes for guilds"),
    "SITE_SYMBOL": "redeem",
    # The admin is the only site, so its pages link to no other.
    "SITE_URL": None,
    "LOGIN": {"form": "giftcodes.login_form.LoginForm"},
    "DASHBOARD_CALLBACK": "giftcodes.admin.home.dashboard.add_board",
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
        lambda _request: static("giftcodes/copy.js"),
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

# --- Database: PostgreSQL only --------------------------------------------------------------------
REDEEM_THREADS = env.int("REDEEM_THREADS", default=8, least=1, most=1000)
CONTROL_THREADS = env.int("CONTROL_THREADS", default=4, least=1, most=1000)

#: Django's engine with our additions for each connection (redeemer/postgresql/base.py).
_ENGINE = "redeemer.postgresql"
POOL = {
    # An idle process keeps no connection, because each takes 5 MB of the server's memory.
    "min_size": 0,
    # In seconds. A connection that is not used for this long is closed.
    "max_idle": 60.0,
    # Enough for the threads of a worker and a few more, and for those of the site, whose number
    # does not depend on settings. A process opens only as many connections as its threads use.
    "max_size": max(REDEEM_THREADS + 4, CONTROL_THREADS + 4, THREADS_WITH_DATABASE),
    # In seconds. There are enough connections for all threads, so a thread waits only if the server
    # does not answer.
    "timeout": 4,
    # In seconds. The pool tries to reconnect for this long, and doubles the wait between two tries.
    # After that it tries again only when a thread needs a connection, and begins with short waits.
    # So with a low value, work resumes within seconds of the server's return.
    "reconnect_timeout": 2,
}
#: If this is the host of the database, no server is running, and commands say so.
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
            # A broken connection is noticed within half a minute. The kernel would take two hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
    )
    if env.bool("DATABASE_POOL", default=True):
        DATABASES["default"]["OPTIONS"]["pool"] = POOL
        # The engine checks pooled connections itself, because the pool's own check is too slow.
        DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
else:
    # There is no server, and this host does not exist. Its name says what to do ("start it with
    # make up"), because the driver's error shows the name.
    DATABASES["default"] = {
        "ENGINE": _ENGINE,
        "NAME": "redeemer",
        "HOST": NO_SERVER_HOST,
    }

#: The time limit for one statement of a page, in seconds. 0 means no limit. Workers and commands
#: have no limit.
WEB_STATEMENT_SECONDS = env.float("WEB_STATEMENT_SECONDS", default=15.0)

# --- Celery: messages only wake workers (decision 2) -------------------------------------
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
    # A worker notes in its memory, and not in Redis, which messages it has not begun (decision 2).
    "ack_emulation": False,
}
# A lost message delays the work by one tick, so publishing does not retry when the broker is down.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ROUTES = {"giftcodes.tasks.redeem_member": {"queue": "redeem"}}
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "redeemer.beat:TolerantScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# --- The pipeline ---------------------------------------------------------------------------------
#: The time limit for one request to the game, in seconds. LEASE_SECONDS must be at least ten
#: seconds longer (giftcodes.checks.numbers).
HTTP_SECONDS = env.float("HTTP_SECONDS", default=15.0)
HTTP_CONNECT_SECONDS = env.float("HTTP_CONNECT_SECONDS", default=5.0)
LEASE_SECONDS = env.float("LEASE_SECONDS", default=30.0)
#: How many claims a thread may have of a game without a limit. A message with many claims costs
#: hardly more than one with a few. But if the game answers slowly, the lease of the last claim may
#: end before its request begins. Then the claim is given back.
CLAIMS_FOR_A_THREAD = 8
#: How many requests all workers together may have in flight.
IN_FLIGHT_MAX = env.int("IN_FLIGHT_MAX", default=CLAIMS_FOR_A_THREAD * REDEEM_THREADS)

# --- Limits ---------------------------------------------------------------------------------------
#: The maximum number of active members in a guild, and of different players who may be added to it
#: in seven days. Larger guilds keep their members.
MEMBERS_PER_GUILD = env.int("MEMBERS_PER_GUILD", default=2_000)

# --- Retention (decision 10) --------------------------------------------------------------
#: In days. 0 means that attempts are kept without a limit. Attempts that prove that a member has a
#: code, or that have no clear answer, are always kept.
KEEP_ATTEMPTS_DAYS = env.int("KEEP_ATTEMPTS_DAYS", default=90)
#: In days. 0 means that the journal is kept without a limit. The last run of each redemption is
#: always kept.
KEEP_JOURNAL_DAYS = env.int("KEEP_JOURNAL_DAYS", default=365)

# Versions are looked up by row, not by date, so they need no index on the date.
SIMPLE_HISTORY_DATE_INDEX = False

# --- Notifications --------------------------------------------------------------------------------
#: The channel for alarms: a Discord webhook or an Apprise address. It is a secret.
OPERATOR_CHANNEL = env.str("OPERATOR_CHANNEL", default="")
#: The hosts in private networks that a guild's channel may be at: host names, IP addresses or
#: networks.
CHANNEL_PRIVATE_HOSTS = env.list("CHANNEL_PRIVATE_HOSTS", default=[])
#: Further schemes of Apprise to allow, besides those that Redeemer supports itself.
CHANNEL_SCHEMES = env.list("CHANNEL_SCHEMES", default=[])
#: The public address of the site, for links in messages and links for players. If it is empty,
#: messages have no links, and links for players begin with the address in the officer's browser.
SITE_URL = env.str("SITE_URL", default="").strip().rstrip("/")
#: The time limit for one message, in seconds. At most ANNOUNCE_MAX messages are sent at a time, so
#: that channels that do not answer do not delay the ticks.
ANNOUNCE_SECONDS = env.float("ANNOUNCE_SECONDS", default=6.0)
ANNOUNCE_MAX = env.int("ANNOUNCE_MAX", default=max(1, CONTROL_THREADS // 4))


# --- The Discord bot ------------------------------------------------------------------------------
#: The token of the bot. It is a secret. Without it, here or entered in the browser, no bot runs.
DISCORD_TOKEN = env.str("DISCORD_TOKEN", default="").strip()

# --- Officers -------------------------------------------------------------------------------------
#: What happens to a code that an officer enters and that is new to everybody: "add" or "propose".
#: If it is empty, an administrator decides in the browser (giftcodes.models.officer_rules).
OFFICER_CODES = env.choice("OFFICER_CODES", ("add", "propose"), default="")

# --- The games (to add one, see redeemer/games.py) ------------------------------------------------
try:
    PROVIDERS: dict[str, ProviderConfig] = providers(GAMES, env)
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from error

#: The hosts in private networks that a game or a feed may be at if its address was entered in the
#: browser: host names, IP addresses or networks.
GAME_PRIVATE_HOSTS = env.list("GAME_PRIVATE_HOSTS", default=[])

#: The token for the control paths of the bundled simulator, which the demo and the audit use.
SIMULATOR_TOKEN = env.str("SIMULATOR_TOKEN", default="")

# --- Transport security outside DEBUG -------------------------------------------------------------
# HTTPS=1: a proxy with TLS is in front of the site. `make up` on localhost is plain HTTP.
HTTPS = env.bool("HTTPS", default=False)
# A site that other hosts can reach sends cookies only over TLS, unless SECURE_COOKIES=0 says that
# there is no TLS.
SECURE_COOKIES = env.bool(
    "SECURE_COOKIES", default=HTTPS or not (DEBUG or set(ALLOWED_HOSTS) <= THIS_MACHINE)
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_COOKIES
CSRF_FAILURE_VIEW = "redeemer.error_pages.csrf_failed"
SECURE_SSL_REDIRECT = HTTPS
# Monitors request these directly, without the proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# The owner of the domain decides whether HSTS includes subdomains (W005), and whether the domain is
# on the browsers' preload lists (W021).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# A page may load and run only our own files (decision 12).
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

# --- Logins: after five failures, the address is locked out for 15 minutes ------------------------
# redeemer/logins.py slows down guesses at one account from many addresses.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
#: The number of our proxies in front of the site, each of which appends to X-Forwarded-For.
PROXIES = env.int("PROXIES", default=1 if HTTPS else 0, least=0, most=20)
AXES_HANDLER = "redeemer.logins.LoginHandler"
AXES_CLIENT_IP_CALLABLE = "redeemer.security.lockout_address"
AXES_LOCKOUT_CALLABLE = "redeemer.security.locked_out"
# Lock the address, not the account: otherwise anyone could lock out the owner of an account.
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
# Further attempts do not extend the lockout, so that the time shown on the page stays true.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_VERBOSE = False

# --- Watching -------------------------------------------------------------------------------------
#: The token with which a program reads /metrics. Without it, only this machine can.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="").strip()
#: The address, with its key, of the project in Sentry that unexpected errors are sent to.
SENTRY_DSN = env.str("SENTRY_DSN", default="").strip()
#: Whether traces are sent. OpenTelemetry itself reads this variable and its other ones.
SENDS_TRACES = bool(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="").strip())

# --- Logs -----------------------------------------------------------------------------------------
LOGGING = configure(
    log_format=env.choice("LOG_FORMAT", FORMATS, default="console"),
    level=env.choice("LOG_LEVEL", LEVELS, default="INFO"),
)
LOGGING_CONFIG = "logging.config.dictConfig"
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# django-structlog would trust any X-Forwarded-For. redeemer.security.bind_client_address adds the
# address instead.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
