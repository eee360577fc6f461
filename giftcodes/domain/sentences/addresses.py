"""Why the address of a channel cannot be used, and how a right one looks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from giftcodes.domain.sentences.text import Text

_OF_DISCORD = {
    "address_not_discord": Text(
        _(
            "This is not the address of a Discord webhook. Copy the address from “Integrations” in "
            "the channel's settings."
        )
    ),
    "address_not_https": Text(
        _("The address of a webhook is a secret, so it must begin with https://.")
    ),
    "address_like_discord": Text(
        _(
            "The host in this address only looks like Discord's. A Discord webhook begins with "
            "%(origin)s/api/webhooks/. Copy the address from “Integrations” in the channel's "
            "settings."
        )
    ),
    "address_of_bot": Text(
        _(
            "The address of a channel of the Discord bot cannot be entered. In the channel in "
            "Discord, use the command “/announce here”."
        )
    ),
    "address_part_of_discord": Text(
        _(
            "This is not a whole address of a Discord webhook. It must look like "
            "https://discord.com/api/webhooks/number/token."
        )
    ),
}

_OF_WEBHOOKS = {
    "address_not_of_webhook": Text(_("This is not an address. Write webhook+https://host/path.")),
    "address_with_user": Text(
        _("Write the address as webhook+https://host/path, without a user and a password.")
    ),
    "webhook_not_https": Text(
        _("Messages name members, so the address must begin with webhook+https://.")
    ),
    "webhook_without_secret": Text(
        _("The webhook has no secret. Make one on the page of the channel.")
    ),
}

_OF_APPRISE = {
    "address_of_no_service": Text(
        _(
            "This is not the address of a Discord webhook. For another service, write its Apprise "
            "address (service://…)."
        )
    ),
    "apprise_missing": Text(
        _("This channel needs the package apprise, which is not installed. Install it.")
    ),
    "apprise_unknown_address": Text(
        _(
            "Apprise does not know this address: it is not a whole address of %(scheme)s://. "
            "Compare it with the page about this service in Apprise's wiki (%(wiki)s). %(allowed)s"
        )
    ),
    "service_not_allowed": Text(_("Addresses of this service are not allowed. %(allowed)s")),
    # A part of the two above.
    "services_allowed": Text(
        _(
            "The allowed ones are Discord webhooks and %(services)s. The setting CHANNEL_SCHEMES "
            "adds others."
        )
    ),
    "argument_not_allowed": Text(
        _(
            "The address has the argument “%(name)s”, which is not allowed here. Remove it: no "
            "argument may set a method, header, template, format, file or repetition."
        )
    ),
    "operator_channel_wrong": Text("OPERATOR_CHANNEL: %(why)s"),
}

TEXTS = {**_OF_DISCORD, **_OF_WEBHOOKS, **_OF_APPRISE}
