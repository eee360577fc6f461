"""Clients of the channels that receive messages: one file for each kind of service. No Django."""

from __future__ import annotations

from giftcodes.clients.channels.apprise import AppriseClient
from giftcodes.clients.channels.base import (
    PRIVATE_HOST,
    STRICT_RULES,
    BadAddressError,
    ChannelClient,
    ChannelRules,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
    shortened,
)
from giftcodes.clients.channels.discord import DiscordClient, is_webhook
from giftcodes.clients.http.connections import resolve
from giftcodes.clients.http.destinations import ForbiddenAddressError

__all__ = [
    "BadAddressError",
    "ChannelClient",
    "ChannelRules",
    "Delivery",
    "DeliveryOutcome",
    "Message",
    "Severity",
    "channel_client_for",
    "check_host",
    "shortened",
]


def channel_client_for(
    address: str,
    *,
    total_seconds: float,
    connect_seconds: float,
    rules: ChannelRules = STRICT_RULES,
) -> ChannelClient:
    """The client for an address: a Discord webhook, or a service that Apprise supports.

    It does not look the host up.

    Args:
        address: a secret; no error contains it.
        total_seconds: the limit for one message.
        connect_seconds: the part of it that connecting may take.
        rules: what the address may be.

    Raises:
        BadAddressError: the address is not that of a channel, or not allowed.
    """
    address = address.strip()
    if is_webhook(address):
        return DiscordClient(
            address, total_seconds=total_seconds, connect_seconds=connect_seconds, rules=rules
        )
    if "://" not in address or address.startswith(("http://", "https://")):
        message = "Not the address of a Discord webhook, nor one of Apprise (service://…)."
        raise BadAddressError(message)
    return AppriseClient(address, total_seconds=total_seconds, rules=rules)


def check_host(client: ChannelClient, rules: ChannelRules, *, seconds: float) -> None:
    """Look up the host that a person typed. A host that is not found is not refused.

    Args:
        client: of the address.
        rules: with the private hosts that are allowed.
        seconds: the limit for looking it up.

    Raises:
        BadAddressError: all its addresses are private ones that are not allowed.
    """
    if not client.host:
        return
    try:
        found = resolve(client.host.strip("[]"), None, seconds)
    except OSError:
        return
    if not any(_is_allowed(str(address[0]), rules) for *_, address in found):
        raise BadAddressError(PRIVATE_HOST)


def _is_allowed(address: str, rules: ChannelRules) -> bool:
    try:
        rules.private_hosts.check(address)
    except ForbiddenAddressError:
        return False
    return True
