"""Channels that people are told things in: one file for each kind. Importing it needs no Django."""

from __future__ import annotations

from giftcodes.clients.channels.apprise import AppriseChannel
from giftcodes.clients.channels.base import (
    Announcer,
    BadAddressError,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
    shortened,
)
from giftcodes.clients.channels.discord import Discord, is_webhook

__all__ = [
    "Announcer",
    "BadAddressError",
    "Delivery",
    "DeliveryOutcome",
    "Message",
    "Severity",
    "announcer_for",
    "shortened",
]


def announcer_for(address: str, *, total_seconds: float, connect_seconds: float) -> Announcer:
    """Who speaks to the channel of this address: a Discord webhook, or whatever Apprise knows.

    Args:
        address: a secret; no error repeats it.
        total_seconds: one message in all.
        connect_seconds: of these, the most for reaching the service.

    Raises:
        BadAddressError: no channel has such an address.
    """
    address = address.strip()
    if is_webhook(address):
        return Discord(address, total_seconds=total_seconds, connect_seconds=connect_seconds)
    if "://" not in address or address.startswith(("http://", "https://")):
        message = "Not the address of a Discord webhook, nor one of Apprise (service://…)."
        raise BadAddressError(message)
    return AppriseChannel(address, total_seconds=total_seconds)
