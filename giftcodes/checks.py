"""Settings that cannot work stop the start, with a hint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from giftcodes import secret_key, site_address
from giftcodes.clients.channels import BadAddressError, announcer_for
from giftcodes.clients.directories.base import PLACE_OF_ID
from giftcodes.clients.feeds import FORMATS
from giftcodes.clients.games import CLIENTS
from giftcodes.domain import failpoints
from giftcodes.domain.database_encoding import wrong_encoding

#: What a worker needs beside the call itself: to be scheduled, to write its intent, to record.
LEASE_MARGIN_SECONDS = failpoints.seconds("LEASE_MARGIN_SECONDS", 10.0)

LEAST_DAYS_KEPT = 2
#: A century: so long ago is a moment that can be counted back to.
MOST_DAYS_KEPT = 36_500
#: A feed that is asked less often than daily brings codes that have ended.
MOST_POLL_SECONDS = 86_400.0

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


@register
def check_lease(**_: Any) -> list[CheckMessage]:
    """A claim that ends before its request can end would be handed to a second worker."""
    needed = settings.HTTP_SECONDS + LEASE_MARGIN_SECONDS
    if settings.LEASE_SECONDS >= needed:
        return []
    return [
        Error(
            f"LEASE_SECONDS is {settings.LEASE_SECONDS:g}, but HTTP_SECONDS is {settings.HTTP_SECONDS:g}.",
            hint=f"Make the lease at least {needed:g} seconds, or shorten HTTP_SECONDS.",
            id="giftcodes.E001",
        )
    ]


@register
def check_numbers(**_: Any) -> list[CheckMessage]:
    """Numbers of which zero or less makes no sense."""
    wrong = [
        name
        for name in (
            "HTTP_SECONDS",
            "HTTP_CONNECT_SECONDS",
            "REDEEM_THREADS",
            "CONTROL_THREADS",
            "IN_FLIGHT_MAX",
            "ANNOUNCE_SECONDS",
            "ANNOUNCE_MAX",
        )
        if getattr(settings, name) <= 0
    ]
    return [Error(f"{name} must be more than 0.", id="giftcodes.E002") for name in wrong]


@register
def check_retention(**_: Any) -> list[CheckMessage]:
    """The flow looks back for a minute, and the admin for a day."""
    return [
        Error(
            f"{name} is {getattr(settings, name)}.",
            hint=f"Make it 0 (for ever), or from {LEAST_DAYS_KEPT} to {MOST_DAYS_KEPT} days.",
            id="giftcodes.E011",
        )
        for name in ("KEEP_ATTEMPTS_DAYS", "KEEP_JOURNAL_DAYS")
        if getattr(settings, name) != 0
        and not LEAST_DAYS_KEPT <= getattr(settings, name) <= MOST_DAYS_KEPT
    ]


@register
def check_poll_interval(**_: Any) -> list[CheckMessage]:
    """The feed asks for three seconds between two calls (docs: the protocol)."""
    return [
        Error(
            f"{config.name.upper()}_POLL_SECONDS is {config.poll_seconds:g}.",
            hint="The feed wants at least 3 seconds between two calls. Make it from 3 to 86400, which is a day.",
            id="giftcodes.E003",
        )
        for config in settings.PROVIDERS.values()
        if not 3 <= config.poll_seconds <= MOST_POLL_SECONDS
    ]


@register
def check_feed_format(**_: Any) -> list[CheckMessage]:
    """A list that is read in the wrong format brings no code."""
    return [
        Error(
            f"{config.name.upper()}_FEED_FORMAT is {config.feed_format!r}, which is not known.",
            hint=f"Known are: {', '.join(FORMATS)}.",
            id="giftcodes.E030",
        )
        for config in settings.PROVIDERS.values()
        if config.feed_format not in FORMATS
    ]


@register
def check_protocol(**_: Any) -> list[CheckMessage]:
    """A game without a client cannot be asked."""
    return [
        Error(
            f"The game {config.name} names the protocol {config.protocol!r}, which has no client.",
            hint=f"Known are: {', '.join(CLIENTS)} (CONTRIBUTING.md).",
            id="giftcodes.E031",
        )
        for config in settings.PROVIDERS.values()
        if config.protocol not in CLIENTS
    ]


@register
def check_origin(**_: Any) -> list[CheckMessage]:
    """The game may refuse a request whose Origin is none."""
    return [
        Error(
            f"{config.name.upper()}_ORIGIN is {config.origin!r}.",
            hint="It must look like https://ks-giftcode.centurygame.com: no path, and nothing behind the host.",
            id="giftcodes.E032",
        )
        for config in settings.PROVIDERS.values()
        if config.origin and not _ORIGIN.fullmatch(config.origin)
    ]


@register
def check_some_provider(**_: Any) -> list[CheckMessage]:
    """A provider without a salt is off; with all of them off there is nothing to do."""
    if any(config.is_on for config in settings.PROVIDERS.values()):
        return []
    return [
        Warning(
            "No game is configured: nothing can be redeemed.",
            hint=f"Set {_salts()} in .env (README, “Connect the real game”).",
            id="giftcodes.W001",
        )
    ]


@register
def check_operator_channel(**_: Any) -> list[CheckMessage]:
    """Alarms that go nowhere are noticed too late."""
    if not settings.OPERATOR_CHANNEL:
        return []
    try:
        announcer_for(settings.OPERATOR_CHANNEL, total_seconds=1, connect_seconds=1)
    except BadAddressError as error:
        return [
            Error(
                f"OPERATOR_CHANNEL: {error}",
                hint="See docs/how-to/announce.md.",
                id="giftcodes.E010",
            )
        ]
    return []


@register(deploy=True)
def check_secret_key(**_: Any) -> list[CheckMessage]:
    """Sessions and the opt-out list are keyed with it."""
    if secret_key.is_set():
        return []
    return [
        Error(
            "SECRET_KEY is not set.",
            hint="Put a long random SECRET_KEY into .env.",
            id="giftcodes.E004",
        )
    ]


@register
def check_site_url(**_: Any) -> list[CheckMessage]:
    """Announcers refuse a whole message for a link in it that is none."""
    if not settings.SITE_URL or site_address.is_valid(settings.SITE_URL):
        return []
    return [
        Error(
            "SITE_URL is not an address that begins with https:// or http://.",
            hint="Write the site's address as in a browser, for example SITE_URL=https://codes.example.org",
            id="giftcodes.E012",
        )
    ]


@register(Tags.database)
def check_encoding(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A database that cannot hold every character refuses names, or finds nothing."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SHOW server_encoding")
            (encoding,) = cursor.fetchone()
        if problem := wrong_encoding(encoding):
            messages.append(Error(problem, id="giftcodes.E013"))
    return messages


@register
def check_faults(**_: Any) -> list[CheckMessage]:
    """Faults are for `make chaos`: a process that has them says so, and half of them is a mistake."""
    if failpoints.is_on():
        return [
            Warning(
                "Faults are switched on: this process may end itself on purpose, and its waits may be shortened.",
                hint=f"Take {failpoints.SWITCH} out of the environment of everything but `make chaos`.",
                id="giftcodes.W002",
            )
        ]
    if not failpoints.is_half_set():
        return []
    return [
        Error(
            f"{failpoints.FAULT} or {failpoints.TIMES} is set without {failpoints.SWITCH}=1.",
            hint="Take them out of the environment: they are for `make chaos`.",
            id="giftcodes.E005",
        )
    ]


@register
def check_directories(**_: Any) -> list[CheckMessage]:
    """A directory of players is asked with a key, at an address that has a place for the player ID."""
    found: list[CheckMessage] = []
    for config in settings.PROVIDERS.values():
        prefix = f"{config.name.upper()}_DIRECTORY"
        if config.directory_key and not config.directory_url:
            hint = f"Set {prefix}_URL, or take {prefix}_KEY out of the settings."
            found.append(
                Warning(f"{prefix}_KEY is set, but no address.", hint=hint, id="giftcodes.W020")
            )
        if config.directory_url and not _is_place_for_players(config.directory_url):
            hint = "It looks like https://host/players/{id}, with the word {id} where the player ID goes."
            found.append(
                Error(
                    f"{prefix}_URL is not the address of a player.", hint=hint, id="giftcodes.E020"
                )
            )
        if config.directory_per_day < 1:
            found.append(Error(f"{prefix}_PER_DAY must be more than 0.", id="giftcodes.E021"))
    return found


def _is_place_for_players(url: str) -> bool:
    parts = urlsplit(url)
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and PLACE_OF_ID in parts.path + parts.query
    )


def _salts() -> str:
    """The settings that switch a real game on: the simulator needs an address, too."""
    return " or ".join(
        f"{config.name.upper()}_SALT" for config in settings.PROVIDERS.values() if config.api_url
    )
