"""Channels of Discord in which our own bot posts, by Discord's REST API.

The address, `discordbot://server/channel`, is no secret: the token of the bot is, and the address
does not contain it. Only `/announce` makes such an address. It cannot be typed.

Documentation: https://discord.com/developers/docs/resources/message. The limits, answers and errors
are those of webhooks, except for what `_refusal` says.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

from giftcodes import __version__
from giftcodes.clients.channels import discord
from giftcodes.clients.channels.base import (
    BadAddressError,
    ButtonStyle,
    ChannelRules,
    Delivery,
    DeliveryOutcome,
    Message,
    shortened,
)
from giftcodes.clients.http.redactor import Redactor
from giftcodes.domain.sentences import Sentence

#: The beginning of the address of each request.
API = f"{discord.ORIGIN}/api/v10"
#: Discord asks each bot to call itself `DiscordBot (URL, version)`. Redeemer has no URL of its own,
#: so its name stands there.
_USER_AGENT = f"DiscordBot (Redeemer, {__version__})"
_ADDRESS = re.compile(r"discordbot://([0-9]{1,20})/([0-9]{1,20})", re.ASCII)
#: The types of Discord's components, and its styles of buttons.
_ROW, _BUTTON = 1, 2
_STYLES = {ButtonStyle.FIRST: 1, ButtonStyle.USUAL: 2, ButtonStyle.DANGER: 4}
_NO_ACCESS, _NOT_ITS_MESSAGE, _NO_PERMISSION, _NO_DIRECT_MESSAGES = 50001, 50005, 50013, 50007
_HAS_THREAD, _WRONG_KIND = 160004, 50024
_TOO_MANY_THREADS = frozenset({160006, 160007})
_THREAD_NAME_LENGTH = 100
#: Discord archives a thread that had no new message for this time.
_ARCHIVED_AFTER_MINUTES = 7 * 24 * 60


class BotChannel(NamedTuple):
    """A channel or thread of a Discord server, by Discord's numbers."""

    server_id: int
    channel_id: int

    @property
    def address(self) -> str:
        """The address of the channel."""
        return f"discordbot://{self.server_id}/{self.channel_id}"

    @classmethod
    def of(cls, address: str) -> BotChannel | None:
        """Return the channel at an address, or None if the bot does not post there."""
        found = _ADDRESS.fullmatch(address)
        return cls(int(found[1]), int(found[2])) if found else None


class BotClient(discord.DiscordClient):
    """The client of one channel in which the bot posts.

    Args:
        channel: the channel.
        total_seconds, connect_seconds, rules: as for webhooks.

    Raises:
        BadAddressError: such an address is not allowed here.
    """

    #: The key of the sentence that says what to do if the bot lacks a permission.
    without_permission = "bot_may_not_post"

    def __init__(
        self,
        channel: BotChannel,
        *,
        total_seconds: float,
        connect_seconds: float,
        rules: ChannelRules,
    ) -> None:
        if rules.bot_token is None:
            raise BadAddressError(Sentence.of("address_of_bot"))
        self._url = f"{API}/channels/{channel.channel_id}/messages"
        self._hide = Redactor(rules.bot_token)
        self._seconds = (total_seconds, connect_seconds)
        self._rules = rules
        self._has_token = bool(rules.bot_token)
        self._headers = {"Authorization": f"Bot {rules.bot_token}", "User-Agent": _USER_AGENT}
        self.host = ""

    def create(self, message: Message) -> Delivery:
        """Post a new message. The delivery contains the message's ID."""
        return self._sent("POST", self._url, with_buttons(message))

    def edit(self, message_id: str, message: Message) -> Delivery:
        """Replace a message. This is safe to repeat."""
        return self._sent("PATCH", f"{self._url}/{message_id}", with_buttons(message))

    def open_direct(self, user_id: int) -> Delivery:
        """Find the channel of direct messages to a user. This sends no message.

        Returns:
            A delivery whose `message_id` is Discord's number of the channel.
        """
        return self._sent("POST", f"{API}/users/@me/channels", {"recipient_id": str(user_id)})

    def _sent(self, method: str, url: str, content: dict[str, Any]) -> Delivery:
        if not self._has_token:
            return Delivery(DeliveryOutcome.REFUSED, error=Sentence.of("bot_without_token"))
        return self._request(method, url, {}, content)

    def _refusal(self, status: int, code: int) -> tuple[DeliveryOutcome, str]:
        if code == discord.NO_SUCH_MESSAGE:
            return DeliveryOutcome.DELETED, "discord_message_deleted"
        if code == discord.NO_SUCH_CHANNEL:
            return DeliveryOutcome.GONE, "bot_channel_gone"
        if code == _NOT_ITS_MESSAGE:
            return DeliveryOutcome.FROZEN, "bot_other_message"
        if code in discord.CLOSED_THREAD:
            return DeliveryOutcome.REFUSED, "bot_thread_closed"
        if code == _NO_DIRECT_MESSAGES:
            return DeliveryOutcome.GONE, "bot_no_direct_messages"
        if status == 401:
            return DeliveryOutcome.LATER, "bot_wrong_token"
        if code in (_NO_ACCESS, _NO_PERMISSION):
            return DeliveryOutcome.REFUSED, self.without_permission
        if status in (403, 404):
            return DeliveryOutcome.LATER, "bot_message_refused"
        return discord.REFUSED


class ThreadClient(BotClient):
    """The client of a channel in which the bot opens threads, or of one of these threads."""

    without_permission = "bot_may_not_open_threads"

    def open_thread(self, message_id: str, name: str) -> Delivery:
        """Open a thread on a message of the channel.

        This is safe to repeat: a message can have only one thread, and the thread has the number of
        the message.

        Args:
            message_id: the message.
            name: the name of the thread. It is shortened.

        Returns:
            A delivery whose `message_id` is the number of the thread. Its outcome is DELIVERED even
            if the message has a thread already.
        """
        content = {
            "name": shortened(name, _THREAD_NAME_LENGTH, length=discord.length),
            "auto_archive_duration": _ARCHIVED_AFTER_MINUTES,
        }
        delivery = self._sent("POST", f"{self._url}/{message_id}/threads", content)
        if delivery.outcome is not DeliveryOutcome.DELIVERED:
            return delivery
        return replace(delivery, message_id=message_id)

    def _refusal(self, status: int, code: int) -> tuple[DeliveryOutcome, str]:
        if code == _HAS_THREAD:
            return DeliveryOutcome.DELIVERED, ""
        if code == _WRONG_KIND:
            return DeliveryOutcome.REFUSED, "bot_no_threads_here"
        if code in _TOO_MANY_THREADS:
            return DeliveryOutcome.REFUSED, "bot_too_many_threads"
        return super()._refusal(status, code)


def with_buttons(message: Message) -> dict[str, Any]:
    """Return the message as JSON for Discord. An edit takes away buttons that are not listed."""
    buttons = [
        {
            "type": _BUTTON,
            "style": _STYLES[one.style],
            "label": one.label,
            "custom_id": one.custom_id,
        }
        for one in message.buttons
    ]
    rows = [{"type": _ROW, "components": buttons}] if buttons else []
    return {**discord.payload(message), "components": rows}
