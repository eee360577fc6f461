"""Clients of the channels that receive messages: one file for each kind of service. No Django."""

from __future__ import annotations

from giftcodes.clients.channels.apprise import AppriseClient
from giftcodes.clients.channels.base import (
    BadAddressError,
    ChannelClient,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
    shortened,
)
from giftcodes.clients.channels.discord import DiscordClient, is_webhook

__all__ = [
    "BadAddressError",
    "ChannelClient",
    "Delivery",
    "DeliveryOutcome",
    "Message",
    "Severity",
    "channel_client_for",
    "shortened",
]


def channel_client_for(
    address: str, *, total_seconds: float, connect_seconds: float
) -> ChannelClient:
    """The client for an address: a Discord webhook, or any service that Apprise supports.

    Args:
        address: a secret; no error contains it.
        total_seconds: the limit for one message.
        connect_seconds: the part of it that connecting may take.

    Raises:
        BadAddressError: the address does not belong to a channel.
    """
    address = address.strip()
    if is_webhook(address):
        return DiscordClient(address, total_seconds=total_seconds, connect_seconds=connect_seconds)
    if "://" not in address or address.startswith(("http://", "https://")):
        message = "Not the address of a Discord webhook, nor one of Apprise (service://…)."
        raise BadAddressError(message)
    return AppriseClient(address, total_seconds=total_seconds)
