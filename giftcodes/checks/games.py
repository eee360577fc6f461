"""The games, their feeds and their directories, as the environment configures them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from giftcodes.checks.common import SETTINGS, errors, is_web_address
from giftcodes.clients.directories.base import ID_PLACEHOLDER
from giftcodes.clients.feeds import FORMATS
from giftcodes.clients.games import CLIENTS
from giftcodes.clients.http.headers import is_sendable_key
from giftcodes.models.games import private_hosts

#: A feed that is polled less often than daily brings codes that have ended.
LEAST_POLL_SECONDS, MOST_POLL_SECONDS = 3.0, 86_400.0

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


@register(SETTINGS)
def check_poll_interval(**_: Any) -> list[CheckMessage]:
    """Two calls of a feed must be at least three seconds apart (docs/reference/protocol.md)."""
    least, most = LEAST_POLL_SECONDS, MOST_POLL_SECONDS
    return errors(
        "giftcodes.E003",
        (
            f"{config.name.upper()}_POLL_SECONDS is {config.poll_seconds:g}."
            for config in settings.PROVIDERS.values()
            if not least <= config.poll_seconds <= most
        ),
        hint=(
            f"Two calls of a feed must be at least {least:g} seconds apart. Set a number from "
            f"{least:g} to {most:.0f}, which is a day."
        ),
    )


@register(SETTINGS)
def check_feed_format(**_: Any) -> list[CheckMessage]:
    """A feed that is read in the wrong format yields no codes."""
    return errors(
        "giftcodes.E030",
        (
            f"{config.name.upper()}_FEED_FORMAT is {config.feed_format!r}, which is not known."
            for config in settings.PROVIDERS.values()
            if config.feed_format not in FORMATS
        ),
        hint=f"The known formats are: {', '.join(FORMATS)}.",
    )


@register(SETTINGS)
def check_protocol(**_: Any) -> list[CheckMessage]:
    """No request can be sent to a game that has no client."""
    return errors(
        "giftcodes.E031",
        (
            f"The game {config.name} names the protocol {config.protocol!r}, which has no client."
            for config in settings.PROVIDERS.values()
            if config.protocol not in CLIENTS
        ),
        hint=f"The known protocols are: {', '.join(CLIENTS)} (CONTRIBUTING.md).",
    )


@register(SETTINGS)
def check_addresses_of_games(**_: Any) -> list[CheckMessage]:
    """Requests can be sent only to addresses that begin with https:// or http://."""
    return errors(
        "giftcodes.E033",
        (
            f"{config.name.upper()}_{what} is not an address that begins with https:// or http://."
            for config in settings.PROVIDERS.values()
            for what, url in (("API_URL", config.api_url), ("FEED_URL", config.feed_url))
            if url and not is_web_address(url)
        ),
        hint="Write the whole address, such as https://host/path.",
    )


@register(SETTINGS)
def check_keys_of_games(**_: Any) -> list[CheckMessage]:
    """A key is sent in a header, which cannot carry every character."""
    return errors(
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
        hint="Copy the key again: only printable ASCII characters, and no space around them.",
    )


@register(SETTINGS)
def check_origin(**_: Any) -> list[CheckMessage]:
    """The game may refuse a request whose Origin is malformed."""
    return errors(
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


@register(SETTINGS)
def check_private_hosts_of_games(**_: Any) -> list[CheckMessage]:
    """If GAME_PRIVATE_HOSTS misspells a host, an address at this host would be refused."""
    problems = []
    try:
        private_hosts()
    except ValueError as error:
        problems.append(f"GAME_PRIVATE_HOSTS: {error}")
    return errors(
        "giftcodes.E035",
        problems,
        hint="Write host names, IP addresses, or networks such as 192.168.1.0/24.",
    )


@register(SETTINGS)
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
            found += errors(
                "giftcodes.E020",
                [f"{prefix}_URL is not an address with a place for the player ID."],
                hint=(
                    "It must look like https://host/players/{id}, with the word {id} in place of "
                    "the player ID."
                ),
            )
        if config.directory_per_day < 1:
            found += errors("giftcodes.E021", [f"{prefix}_PER_DAY must be more than 0."])
    return found


def _has_place_for_id(url: str) -> bool:
    if not is_web_address(url):
        return False
    parts = urlsplit(url)
    return ID_PLACEHOLDER in parts.path + parts.query
