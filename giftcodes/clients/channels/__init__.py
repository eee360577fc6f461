"""Clients of the channels that receive messages. This package does not need Django."""

from __future__ import annotations

from giftcodes.clients.channels.apprise import AppriseClient, unknown_schemes
from giftcodes.clients.channels.base import (
    STRICT_RULES,
    BadAddressError,
    ButtonStyle,
    ChannelClient,
    ChannelRules,
    Delivery,
    DeliveryOutcome,
    Message,
    MessageButton,
    Severity,
    shortened,
)
from giftcodes.clients.channels.discord import DiscordClient, is_webhook
from giftcodes.clients.channels.discord_by_bot import BotChannel, BotClient
from giftcodes.clients.channels.services import name_of
from giftcodes.clients.channels.signed import SignedAddress, SignedClient
from giftcodes.clients.http.connections import resolve
from giftcodes.domain.sentences import Sentence

__all__ = [
    "BadAddressError",
    "BotChannel",
    "ButtonStyle",
    "ChannelClient",
    "ChannelRules",
    "Delivery",
    "DeliveryOutcome",
    "Message",
    "MessageButton",
    "Severity",
    "SignedAddress",
    "channel_client_for",
    "check_host",
    "is_webhook",
    "service_name",
    "shortened",
    "unknown_schemes",
]


def channel_client_for(
    address: str,
    *,
    total_seconds: float,
    connect_seconds: float,
    rules: ChannelRules = STRICT_RULES,
) -> ChannelClient:
    """Return the client for an address: of Discord, of a webhook for programs, or of Apprise.

    This does not look up the host in the address. `check_host` looks it up.

    Args:
        address: the channel's address. It is a secret, so no error contains it.
        total_seconds: the limit for one message.
        connect_seconds: the part of `total_seconds` that connecting may take.
        rules: which addresses are allowed.

    Raises:
        BadAddressError: the address does not belong to a channel, or is not allowed.
    """
    address = address.strip()
    if signed := SignedAddress.of(address):
        return SignedClient(
            signed, total_seconds=total_seconds, connect_seconds=connect_seconds, rules=rules
        )
    if by_bot := BotChannel.of(address):
        return BotClient(
            by_bot, total_seconds=total_seconds, connect_seconds=connect_seconds, rules=rules
        )
    if is_webhook(address):
        return DiscordClient(
            address, total_seconds=total_seconds, connect_seconds=connect_seconds, rules=rules
        )
    if "://" not in address or address.startswith(("http://", "https://")):
        raise BadAddressError(Sentence.of("address_of_no_service"))
    return AppriseClient(address, total_seconds=total_seconds, rules=rules)


def service_name(address: str) -> str:
    """Return the name of the service at an address, such as `Discord` or `Telegram`."""
    if SignedAddress.of(address):
        return "Webhook"
    is_discord = is_webhook(address) or BotChannel.of(address) is not None
    return "Discord" if is_discord else name_of(address)


def check_host(client: ChannelClient, rules: ChannelRules, *, seconds: float) -> None:
    """Look up the host that a person typed, and check it. A host that is not found is accepted.

    Args:
        client: the client for the address with this host.
        rules: which private hosts are allowed.
        seconds: the limit for the lookup.

    Raises:
        BadAddressError: all addresses of the host are private and not allowed.
    """
    if not client.host:
        return
    try:
        found = resolve(client.host.strip("[]"), None, seconds)
    except OSError:
        return
    if not any(rules.private_hosts.allow(str(address[0])) for *_, address in found):
        raise BadAddressError(Sentence.of("channel_at_private_host"))
