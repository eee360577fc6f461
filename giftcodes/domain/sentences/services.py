"""What the service of a channel answered, and what to do about it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from giftcodes.domain.sentences.text import Text

# `status` is the HTTP status, and `said` and `error` are words of the service or the system.
_OF_DISCORD = {
    "discord_unreached": Text(_("Discord could not be reached (%(error)s).")),
    "discord_no_answer": Text(_("Discord did not answer (%(error)s).")),
    "discord_not_discord": Text(_("The answer did not come from Discord (HTTP %(status)s).")),
    "discord_failed": Text(_("Discord's server failed (HTTP %(status)s).")),
    "discord_no_edit": Text(_("Discord does not accept an edit of this message: %(said)s")),
    "discord_too_many": Text(
        _("Discord, or a proxy in front of it, asks for fewer messages (HTTP 429).")
    ),
    "discord_proxy_refused": Text(
        _("A proxy in front of Discord, not Discord itself, refused the message (HTTP %(status)s).")
    ),
    "discord_message_deleted": Text(_("The message was deleted in the channel.")),
    "discord_webhook_gone": Text(
        _("The webhook no longer exists (HTTP %(status)s). Make a new webhook.")
    ),
    "discord_webhook_channel_gone": Text(
        _("The channel or thread of the webhook no longer exists. Choose another channel.")
    ),
    "discord_thread_closed": Text(
        _("The thread is archived and locked. Open it in Discord, or choose another channel.")
    ),
    "discord_no_reason": Text(
        _("Discord refused the message and gave no reason (HTTP %(status)s: %(said)s).")
    ),
    "discord_webhook_forbidden": Text(
        _("The webhook cannot post in its channel (HTTP %(status)s: %(said)s). Make a new one.")
    ),
    "discord_refused": Text(_("Discord refused the message (HTTP %(status)s): %(said)s")),
}

_OF_THE_BOT = {
    "bot_without_token": Text(
        _(
            "The Discord bot has no token. Ask an administrator to enter one under “System”, "
            "“Discord bot”."
        )
    ),
    "bot_channel_gone": Text(
        _(
            "The channel or thread no longer exists. In another channel, use the command "
            "“/announce here”."
        )
    ),
    "bot_other_message": Text(_("The message was posted by another bot, so it cannot be edited.")),
    "bot_thread_closed": Text(
        _(
            "The thread is archived and locked. Open it in Discord, or use the command “/announce "
            "here” in another channel."
        )
    ),
    "bot_no_direct_messages": Text(_("This person takes no direct messages from the bot.")),
    "bot_wrong_token": Text(
        _(
            "Discord refuses the token of the bot (HTTP 401). Ask an administrator to enter the "
            "right one under “System”, “Discord bot”."
        )
    ),
    "bot_may_not_post": Text(
        _(
            "The bot may not post in this channel. In Discord, let it see the channel, send "
            "messages and embed links there, then send a test."
        )
    ),
    "bot_message_refused": Text(_("Discord refused the message (HTTP %(status)s: %(said)s).")),
    "bot_may_not_open_threads": Text(
        _(
            "The bot may not open threads in this channel, or write in them. In Discord, give it "
            "the permissions Create Public Threads and Send Messages in Threads there, or choose "
            "that this channel gets no threads."
        )
    ),
    "bot_no_threads_here": Text(
        _(
            "Discord has no threads in a thread, or in a channel of this kind. Choose that this "
            "channel gets none."
        )
    ),
    "bot_too_many_threads": Text(
        _("The Discord server has as many open threads as Discord allows. Close some there.")
    ),
}

_OF_ALL = {
    "message_not_sent": Text(_("The message could not be sent (%(error)s).")),
    "channel_at_private_host": Text(
        _(
            "The address leads to this machine or into a private network, which is not allowed. If "
            "the host is yours, add it to the setting CHANNEL_PRIVATE_HOSTS."
        )
    ),
    "service_no_answer": Text(_("The channel's service did not answer in %(seconds)s s.")),
    "service_no_edit": Text(_("This kind of channel cannot change a message.")),
    "service_unreached": Text(_("The channel's service could not be reached.")),
    "receiver_gone": Text(_("The receiver says that it is gone (HTTP 410). Delete the channel.")),
    "receiver_failed": Text(_("The receiver did not take the message (HTTP %(status)s).")),
    "receiver_refused": Text(
        _(
            "The receiver refuses the message (HTTP %(status)s). It must answer with a status from "
            "200 to 299, and not redirect."
        )
    ),
    "service_too_many": Text(_("The channel's service asks for fewer messages (HTTP 429).")),
    "service_web_page": Text(
        _(
            "The answer is a web page, not an answer of the channel's service. Check the channel's "
            "address."
        )
    ),
    "service_refused": Text(
        _("The channel's service did not take the message. Check the channel's address.")
    ),
}

TEXTS = {**_OF_DISCORD, **_OF_THE_BOT, **_OF_ALL}
