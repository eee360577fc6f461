"""System checks. A setting that cannot work stops the start, and the error has a hint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from giftcodes import channel_rules, secret_key, site_address
from giftcodes.clients.channels import BadAddressError, channel_client_for, unknown_schemes
from giftcodes.clients.directories.base import ID_PLACEHOLDER
from giftcodes.clients.feeds import FORMATS
from giftcodes.clients.games import CLIENTS
from giftcodes.clients.http.headers import is_sendable_key
from giftcodes.domain import failpoints
from giftcodes.domain.database_encoding import wrong_encoding

#: The time that a worker needs in addition to the request: to be scheduled, to write its intent,
#: and to record the answer.
LEASE_MARGIN_SECONDS = failpoints.seconds("LEASE_MARGIN_SECONDS", 10.0)

LEAST_DAYS_KEPT = 2
#: A century. A date that long ago can still be calculated.
MOST_DAYS_KEPT = 36_500
#: A feed that is polled less often than daily brings codes that have ended.
LEAST_POLL_SECONDS, MOST_POLL_SECONDS = 3.0, 86_400.0

#: A shorter limit would cancel ordinary pages.
LEAST_STATEMENT_SECONDS, MOST_STATEMENT_SECONDS = 1.0, 3_600.0

#: An hour, and more threads or messages at once than any machine needs.
MOST_SECONDS, MOST_AT_ONCE = 3_600, 10_000

_HOST_NAME = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def _errors(
    error_id: str, problems: Iterable[str], *, hint: str | None = None
) -> list[CheckMessage]:
    """An error for each problem, all with the same hint."""
    return [Error(problem, hint=hint, id=error_id) for problem in problems]


@register
def check_lease(**_: Any) -> list[CheckMessage]:
    """A lease that ends before its request can end would give the claim to a second worker."""
    needed = settings.HTTP_SECONDS + LEASE_MARGIN_SECONDS
    problem = (
        f"LEASE_SECONDS is {settings.LEASE_SECONDS:g}, but HTTP_SECONDS is "
        f"{settings.HTTP_SECONDS:g}."
    )
    return _errors(
        "giftcodes.E001",
        [problem] if settings.LEASE_SECONDS < needed else [],
        hint=f"Make the lease at least {needed:g} seconds, or shorten HTTP_SECONDS.",
    )


@register
def check_numbers(**_: Any) -> list[CheckMessage]:
    """These settings must be positive and limited, because no wait may be endless."""
    most = {
        "HTTP_SECONDS": MOST_SECONDS,
        "HTTP_CONNECT_SECONDS": MOST_SECONDS,
        "LEASE_SECONDS": MOST_SECONDS,
        "ANNOUNCE_SECONDS": MOST_SECONDS,
        "REDEEM_THREADS": MOST_AT_ONCE,
        "CONTROL_THREADS": MOST_AT_ONCE,
        "IN_FLIGHT_MAX": MOST_AT_ONCE,
        "ANNOUNCE_MAX": MOST_AT_ONCE,
    }
    return _errors(
        "giftcodes.E002",
        (
            f"{name} must be more than 0, and at most {limit}."
            for name, limit in most.items()
            if not 0 < getattr(settings, name) <= limit
        ),
    )


@register
def check_limits(**_: Any) -> list[CheckMessage]:
    """The limit must let a guild have at least one member."""
    number = settings.MEMBERS_PER_GUILD
    return _errors(
        "giftcodes.E024",
        [f"MEMBERS_PER_GUILD is {number}."] if number < 1 else [],
        hint="Make it at least 1.",
    )


@register
def check_retention(**_: Any) -> list[CheckMessage]:
    """Rows are kept longer than needed: the pipeline reads a minute back, the admin a day."""
    days = {name: getattr(settings, name) for name in ("KEEP_ATTEMPTS_DAYS", "KEEP_JOURNAL_DAYS")}
    return _errors(
        "giftcodes.E011",
        (
            f"{name} is {number}."
            for name, number in days.items()
            if number != 0 and not LEAST_DAYS_KEPT <= number <= MOST_DAYS_KEPT
        ),
        hint=(
            f"Make it 0 (nothing is deleted), or from {LEAST_DAYS_KEPT} to {MOST_DAYS_KEPT} days."
        ),
    )


@register
def check_poll_interval(**_: Any) -> list[CheckMessage]:
    """The feed wants at least three seconds between two calls (docs/reference/protocol.md)."""
    least, most = LEAST_POLL_SECONDS, MOST_POLL_SECONDS
    return _errors(
        "giftcodes.E003",
        (
            f"{config.name.upper()}_POLL_SECONDS is {config.poll_seconds:g}."
            for config in settings.PROVIDERS.values()
            if not least <= config.poll_seconds <= most
        ),
        hint=(
            f"The feed wants at least {least:g} seconds between two calls. Make it from {least:g} "
            f"to {most:.0f}, which is a day."
        ),
    )


@register
def check_feed_format(**_: Any) -> list[CheckMessage]:
    """A feed that is read in the wrong format yields no codes."""
    return _errors(
        "giftcodes.E030",
        (
            f"{config.name.upper()}_FEED_FORMAT is {config.feed_format!r}, which is not known."
            for config in settings.PROVIDERS.values()
            if config.feed_format not in FORMATS
        ),
        hint=f"The known formats are: {', '.join(FORMATS)}.",
    )


@register
def check_protocol(**_: Any) -> list[CheckMessage]:
    """No request can be sent to a game that has no client."""
    return _errors(
        "giftcodes.E031",
        (
            f"The game {config.name} names the protocol {config.protocol!r}, which has no client."
            for config in settings.PROVIDERS.values()
            if config.protocol not in CLIENTS
        ),
        hint=f"The known protocols are: {', '.join(CLIENTS)} (CONTRIBUTING.md).",
    )


@register
def check_addresses_of_games(**_: Any) -> list[CheckMessage]:
    """Requests can be sent only to addresses that begin with https:// or http://."""
    return _errors(
        "giftcodes.E033",
        (
            f"{config.name.upper()}_{what} is not an address that begins with https:// or http://."
            for config in settings.PROVIDERS.values()
            for what, url in (("API_URL", config.api_url), ("FEED_URL", config.feed_url))
            if url and not _is_web_address(url)
        ),
        hint="Write the whole address, such as https://host/path.",
    )


@register
def check_keys_of_games(**_: Any) -> list[CheckMessage]:
    """A key is sent in a header, which cannot carry every character."""
    return _errors(
        "giftcodes.E034",
        (
            f"{config.name.upper()}_{what} has characters that no header can carry."
            for config in settings.PROVIDERS.values()
            for what, key in (
                ("FEED_KEY", config.feed_key),
                ("DIRECTORY_KEY", config.directory_key),
            )
            if not is_sendable_key(key)
        ),
        hint="Copy the key again. It has only ASCII letters and digits, and no space around it.",
    )


def _is_web_address(url: str) -> bool:
    return _is_address(url, {"http", "https"})


def _is_address(url: str, schemes: Iterable[str]) -> bool:
    """Whether an address has one of the schemes, a host, a valid port and no white space."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(host) and not re.search(r"[\s<>\"]", url)


@register
def check_broker(**_: Any) -> list[CheckMessage]:
    """The address contains a password, so no error repeats it."""
    url = settings.CELERY_BROKER_URL
    is_valid = all(
        _is_address(part, {"redis", "rediss", "sentinel"}) or part.startswith("redis+socket://")
        for part in url.split(";")
    )
    return _errors(
        "giftcodes.E018",
        [] if is_valid else ["REDIS_URL is not the address of a Redis or Valkey server."],
        hint="It looks like redis://:password@host:6379/0, or begins with rediss:// for TLS.",
    )


@register
def check_hosts(**_: Any) -> list[CheckMessage]:
    """A host with a scheme or a port never matches, so each request would be refused."""
    hosts = [host for host in settings.ALLOWED_HOSTS if host != "*"]
    found = _errors(
        "giftcodes.E019",
        (
            f"ALLOWED_HOSTS has the entry {host!r}, which is not a host name."
            for host in hosts
            if not _HOST_NAME.fullmatch(host)
        ),
        hint="Write names without https:// and without a port, separated by commas.",
    )
    if not settings.ALLOWED_HOSTS and not settings.DEBUG:
        hint = "Write the site's name, or remove the line: the default is this machine."
        found += _errors(
            "giftcodes.E019", ["ALLOWED_HOSTS is empty: each request would be refused."], hint=hint
        )
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        words = "ALLOWED_HOSTS is *: the site answers to every host name, even a stranger's."
        hint = "Write the names of the site, separated by commas."
        found.append(Warning(words, hint=hint, id="giftcodes.W003"))
    return found


@register
def check_bind(**_: Any) -> list[CheckMessage]:
    """BIND is a host without a port, because the port has a setting of its own."""
    is_valid = _is_interface(settings.BIND)
    return _errors(
        "giftcodes.E023",
        [] if is_valid else [f"BIND is {settings.BIND!r}, which is not an IP address or a name."],
        hint="It looks like 127.0.0.1, 0.0.0.0 or ::. Write the port into PORT.",
    )


def _is_interface(text: str) -> bool:
    try:
        ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return bool(re.fullmatch(r"[A-Za-z0-9_.-]+", text))
    return True


@register
def check_channel_schemes(**_: Any) -> list[CheckMessage]:
    """With a misspelled scheme, the channel that needs the scheme would be refused."""
    return _errors(
        "giftcodes.E022",
        (
            f"CHANNEL_SCHEMES has the entry {name!r}, which Apprise does not know."
            for name in unknown_schemes(settings.CHANNEL_SCHEMES)
        ),
        hint=(
            "Write the schemes of Apprise's services without ://, separated by commas, such as "
            "signal,whatsapp. Apprise's wiki lists them: https://github.com/caronc/apprise/wiki."
        ),
    )


@register
def check_origin(**_: Any) -> list[CheckMessage]:
    """The game may refuse a request whose Origin is malformed."""
    return _errors(
        "giftcodes.E032",
        (
            f"{config.name.upper()}_ORIGIN is {config.origin!r}."
            for config in settings.PROVIDERS.values()
            if config.origin and not _ORIGIN.fullmatch(config.origin)
        ),
        hint=(
            "It must look like https://ks-giftcode.centurygame.com: no path, and nothing after the "
            "host."
        ),
    )


@register
def check_some_provider(**_: Any) -> list[CheckMessage]:
    """A game without a salt is off. If all games are off, nothing can be redeemed."""
    if any(config.is_on for config in settings.PROVIDERS.values()):
        return []
    return [
        Warning(
            "No game is configured: nothing can be redeemed.",
            hint=f"Set {_salts()} in .env (README, “Connect the real game”).",
            id="giftcodes.W001",
        )
    ]


def _salts() -> str:
    """The settings that switch a game on. The simulator is left out unless it has an address."""
    return " or ".join(
        f"{config.name.upper()}_SALT" for config in settings.PROVIDERS.values() if config.api_url
    )


@register
def check_operator_channel(**_: Any) -> list[CheckMessage]:
    """Without a working channel the operator learns of alarms too late."""
    problems = []
    if settings.OPERATOR_CHANNEL:
        try:
            channel_client_for(
                settings.OPERATOR_CHANNEL,
                total_seconds=1,
                connect_seconds=1,
                rules=channel_rules.for_operator(),
            )
        except BadAddressError as error:
            problems.append(f"OPERATOR_CHANNEL: {error}")
    return _errors("giftcodes.E010", problems, hint="See docs/how-to/announce.md.")


@register
def check_private_hosts(**_: Any) -> list[CheckMessage]:
    """With a misspelled entry, the channel that needs the entry would be refused."""
    problems = []
    try:
        channel_rules.for_guilds()
    except ValueError as error:
        problems.append(f"CHANNEL_PRIVATE_HOSTS: {error}")
    return _errors(
        "giftcodes.E014",
        problems,
        hint="Write host names, IP addresses, or networks such as 192.168.1.0/24.",
    )


@register
def check_statement_limit(**_: Any) -> list[CheckMessage]:
    """A limit of less than a second, or of more than an hour, is a mistake."""
    seconds = settings.WEB_STATEMENT_SECONDS
    is_valid = seconds == 0 or LEAST_STATEMENT_SECONDS <= seconds <= MOST_STATEMENT_SECONDS
    return _errors(
        "giftcodes.E015",
        [] if is_valid else [f"WEB_STATEMENT_SECONDS is {seconds:g}."],
        hint=(
            f"Make it 0 (no limit), or from {LEAST_STATEMENT_SECONDS:g} to "
            f"{MOST_STATEMENT_SECONDS:g}."
        ),
    )


@register
def check_encryption_keys(**_: Any) -> list[CheckMessage]:
    """A short key can be guessed from a copy of the database."""
    is_weak = any(secret_key.is_weak(key) for key in settings.ENCRYPTION_KEYS)
    return _errors(
        "giftcodes.E016",
        ["ENCRYPTION_KEYS has a key that is too short, or that can be guessed."] if is_weak else [],
        hint=f"Each key needs {secret_key.WHAT_A_KEY_NEEDS}, without a comma in it.",
    )


@register
def check_key_strength(**_: Any) -> list[CheckMessage]:
    """With a guessed key, a copy of the database shows addresses and players who opted out."""
    is_weak = secret_key.is_set() and secret_key.is_weak(secret_key.secret_key())
    return _errors(
        "giftcodes.E017", [secret_key.WEAK] if is_weak else [], hint=secret_key.HOW_TO_REPLACE
    )


@register(deploy=True)
def check_secret_key(**_: Any) -> list[CheckMessage]:
    """Sessions, the opt-out list and the addresses of channels are protected with this key."""
    return _errors(
        "giftcodes.E004",
        [] if secret_key.is_set() else ["SECRET_KEY is not set."],
        hint="Put a long random SECRET_KEY into .env.",
    )


@register
def check_site_url(**_: Any) -> list[CheckMessage]:
    """A channel refuses a whole message because of one malformed link in it."""
    is_valid = not settings.SITE_URL or site_address.is_valid(settings.SITE_URL)
    return _errors(
        "giftcodes.E012",
        [] if is_valid else ["SITE_URL is not an address that begins with https:// or http://."],
        hint=(
            "Write the site's address as in a browser, for example "
            "SITE_URL=https://codes.example.org"
        ),
    )


@register(Tags.database)
def check_encoding(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A database that cannot hold every character refuses some names, or cannot find them."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SHOW server_encoding")
            (encoding,) = cursor.fetchone()
        if problem := wrong_encoding(encoding):
            messages.append(Error(problem, id="giftcodes.E013"))
    return messages


@register
def check_failpoints(**_: Any) -> list[CheckMessage]:
    """Failpoints are for `make chaos` only."""
    if failpoints.is_on():
        return [
            Warning(
                "Faults are switched on: this process may end itself on purpose, and its waits may "
                "be shortened.",
                hint=f"Remove {failpoints.SWITCH} from the environment, except for `make chaos`.",
                id="giftcodes.W002",
            )
        ]
    problem = f"{failpoints.FAILPOINT} or {failpoints.TIMES} is set without {failpoints.SWITCH}=1."
    return _errors(
        "giftcodes.E005",
        [problem] if failpoints.is_set_without_switch() else [],
        hint="Remove them from the environment: they are for `make chaos`.",
    )


@register
def check_directories(**_: Any) -> list[CheckMessage]:
    """A directory of players needs a key, and an address with a place for the player ID."""
    found: list[CheckMessage] = []
    for config in settings.PROVIDERS.values():
        prefix = f"{config.name.upper()}_DIRECTORY"
        if config.directory_key and not config.directory_url:
            hint = f"Set {prefix}_URL, or remove {prefix}_KEY from the settings."
            found.append(
                Warning(
                    f"{prefix}_KEY is set, but {prefix}_URL is not.", hint=hint, id="giftcodes.W020"
                )
            )
        if config.directory_url and not _has_place_for_id(config.directory_url):
            found += _errors(
                "giftcodes.E020",
                [f"{prefix}_URL is not the address of a player."],
                hint=(
                    "It looks like https://host/players/{id}, with the word {id} in place of the "
                    "player ID."
                ),
            )
        if config.directory_per_day < 1:
            found += _errors("giftcodes.E021", [f"{prefix}_PER_DAY must be more than 0."])
    return found


def _has_place_for_id(url: str) -> bool:
    if not _is_web_address(url):
        return False
    parts = urlsplit(url)
    return ID_PLACEHOLDER in parts.path + parts.query
