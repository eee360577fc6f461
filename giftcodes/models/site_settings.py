"""The operator's channel, the site's address and the token of the Discord bot.

The environment goes first, then what was entered in the browser.
"""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from giftcodes import channel_rules
from giftcodes.clients.channels import ChannelRules
from giftcodes.models.channel import Channel
from giftcodes.models.stored_setting import stored_values

OPERATOR_CHANNEL = "OPERATOR_CHANNEL"
SITE_URL = "SITE_URL"
DISCORD_TOKEN = "DISCORD_TOKEN"  # noqa: S105 - the name of the setting


def operator_channel() -> str:
    """The address of the channel for alarms. It is a secret. Empty if there is none."""
    return settings.OPERATOR_CHANNEL or stored_values().get(OPERATOR_CHANNEL, "")


def operator_rules() -> ChannelRules:
    """The rules for the operator's channel.

    An address from the browser is limited like that of a guild. The environment may name any host.
    """
    if settings.OPERATOR_CHANNEL:
        return channel_rules.for_operator()
    return channel_rules.for_guilds()


def site_url() -> str:
    """The public address of the site, without a slash at the end. Empty if it is not set."""
    return settings.SITE_URL or stored_values().get(SITE_URL, "")


def discord_token() -> str:
    """The token of the Discord bot. It is a secret. Empty if there is no bot."""
    return settings.DISCORD_TOKEN or stored_values().get(DISCORD_TOKEN, "")


def sending_rules(channel: Channel) -> ChannelRules:
    """The rules for a message to a guild's channel, with the bot's token if the bot posts there."""
    rules = channel_rules.for_guilds()
    return replace(rules, bot_token=discord_token()) if channel.bot_channel else rules
