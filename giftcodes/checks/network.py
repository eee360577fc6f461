"""The addresses of the site, its broker and its channels."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from giftcodes import channel_rules, site_address
from giftcodes.checks.common import SETTINGS, errors, is_address
from giftcodes.clients.channels import BadAddressError, channel_client_for, unknown_schemes

_HOST_NAME = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")


@register(SETTINGS)
def check_broker(**_: Any) -> list[CheckMessage]:
    """REDIS_URL must be the address of a server. It contains a password, so no error repeats it."""
    url = settings.CELERY_BROKER_URL
    is_valid = all(
        is_address(part, {"redis", "rediss", "sentinel"}) or part.startswith("redis+socket://")
        for part in url.split(";")
    )
    return errors(
        "giftcodes.E018",
        [] if is_valid else ["REDIS_URL is not the address of a Redis or Valkey server."],
        hint="It must look like redis://:password@host:6379/0, or begin with rediss:// for TLS.",
    )


@register(SETTINGS)
def check_hosts(**_: Any) -> list[CheckMessage]:
    """A host with a scheme or a port never matches, so each request would be refused."""
    hosts = [host for host in settings.ALLOWED_HOSTS if host != "*"]
    found = errors(
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
        found += errors(
            "giftcodes.E019", ["ALLOWED_HOSTS is empty: each request would be refused."], hint=hint
        )
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        words = "ALLOWED_HOSTS is *: the site answers to every host name, even a stranger's."
        hint = "Write the names of the site, separated by commas."
        found.append(Warning(words, hint=hint, id="giftcodes.W003"))
    return found


@register(SETTINGS)
def check_bind(**_: Any) -> list[CheckMessage]:
    """BIND is a host without a port, because the port has a setting of its own."""
    is_valid = _is_interface(settings.BIND)
    return errors(
        "giftcodes.E023",
        [] if is_valid else [f"BIND is {settings.BIND!r}, which is not an IP address or a name."],
        hint="It must look like 127.0.0.1, 0.0.0.0 or ::. Write the port into PORT.",
    )


def _is_interface(text: str) -> bool:
    try:
        ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return bool(re.fullmatch(r"[A-Za-z0-9_.-]+", text))
    return True


@register(SETTINGS)
def check_site_url(**_: Any) -> list[CheckMessage]:
    """A channel refuses a whole message because of one malformed link in it."""
    is_valid = not settings.SITE_URL or site_address.is_valid(settings.SITE_URL)
    return errors(
        "giftcodes.E012",
        [] if is_valid else ["SITE_URL is not an address that begins with https:// or http://."],
        hint=(
            "Write the site's address as in a browser, for example "
            "SITE_URL=https://codes.example.org"
        ),
    )


@register(SETTINGS)
def check_channel_schemes(**_: Any) -> list[CheckMessage]:
    """If CHANNEL_SCHEMES misspells a scheme, a channel with this scheme would be refused."""
    return errors(
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


@register(SETTINGS)
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
    return errors("giftcodes.E010", problems, hint="See docs/how-to/announce.md.")


@register(SETTINGS)
def check_private_hosts(**_: Any) -> list[CheckMessage]:
    """If CHANNEL_PRIVATE_HOSTS misspells a host, a channel at this host would be refused."""
    problems = []
    try:
        channel_rules.for_guilds()
    except ValueError as error:
        problems.append(f"CHANNEL_PRIVATE_HOSTS: {error}")
    return errors(
        "giftcodes.E014",
        problems,
        hint="Write host names, IP addresses, or networks such as 192.168.1.0/24.",
    )
