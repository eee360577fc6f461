"""The forms of “Connect a game”. Each entry is checked at once, and no secret is shown again."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from giftcodes import site_address
from giftcodes.clients.channels import BadAddressError, channel_client_for, check_host
from giftcodes.clients.feeds import FORMATS
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.clients.http.connections import resolve
from giftcodes.clients.http.headers import is_sendable_key
from giftcodes.domain.text import clean_token
from giftcodes.form_fields import CleanCharField
from giftcodes.models.channel import MOST_ADDRESS
from giftcodes.models.games import SECRET_OF, is_fixed, private_hosts
from giftcodes.services.connections import rules_for_new_channels

_MOST_SECRET = 200
_LOOKUP_SECONDS = 2.0
#: The path at which the publisher's games redeem codes.
_PATH = "/api/gift_code"
#: A usual path of a feed.
_FEED_PATH = "/feed"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_QUOTES = "\"'“”„‘’`"

FORMAT_LABELS = {"community": _("Community list"), "kingshot.net": "kingshot.net"}


#: The token of a bot: its number, a time and a signature, each in URL-safe Base64.
_BOT_TOKEN = re.compile(r"[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{20,}")


def _secret(label: Any, help_text: Any, *, most: int = _MOST_SECRET) -> CleanCharField:
    return CleanCharField(
        label=label,
        required=False,
        max_length=most,
        clean_text=clean_secret,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


def _address(label: Any, help_text: Any, example: str) -> CleanCharField:
    return CleanCharField(
        label=label,
        required=False,
        max_length=MOST_ADDRESS,
        clean_text=clean_secret,
        help_text=help_text,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "spellcheck": "false",
                "inputmode": "url",
                "placeholder": example,
            }
        ),
    )


def clean_secret(text: str) -> str:
    """The pasted text without invisible characters, and without spaces and quotes around it."""
    return clean_token(text).strip(_QUOTES).strip()


class GameForm(forms.Form):
    """The settings of one game. An empty field keeps what is stored."""

    salt = _secret(
        _("Salt"),
        _(
            "A fixed secret text that signs the requests to the game. It stands in the scripts of "
            "the game's own gift page, and Redeemer does not come with it. If you do not have it, "
            "ask the person who runs this site, or someone who can read the scripts of that page."
        ),
    )
    feed_url = _address(
        _("Address of the feed"),
        _("Where new codes are published. Without a feed, codes are added by hand."),
        "https://…",
    )
    feed_key = _secret(_("API key of the feed"), _("Needed only if the feed asks for a key."))
    feed_format = forms.ChoiceField(
        label=_("Format of the feed"),
        choices=[(name, FORMAT_LABELS.get(name, name)) for name in FORMATS],
        required=False,
    )
    api_url = _address(
        _("Address of the game"),
        _("Needed only if the game has moved, or if you run a simulator."),
        f"https://…{_PATH}",
    )

    def __init__(self, data: Any, *, base: ProviderConfig, current: ProviderConfig) -> None:
        """Make the form.

        Args:
            data: what was sent, or None.
            base: the game as the environment configures it. The form leaves out the fields that
                the environment decides.
            current: the game as it is configured now.
        """
        super().__init__(data, initial={"feed_format": current.feed_format}, auto_id="connect_%s")
        self.base, self.current = base, current
        for name in list(self.fields):
            if is_fixed(base, name):
                del self.fields[name]

    def clean_salt(self) -> str:
        """Refuse what is certainly not a salt."""
        salt: str = self.cleaned_data["salt"]
        if _SCHEME.match(salt):
            raise ValidationError(_("This is an address. Did you mean one of the fields below?"))
        if re.search(r"\s", salt):
            words = _("A salt has no spaces. Did you copy more than the salt?")
            raise ValidationError(words)
        return salt

    def clean_feed_key(self) -> str:
        """Refuse a key that cannot be sent in a header."""
        return checked_key(self.cleaned_data["feed_key"])

    def clean_feed_url(self) -> str:
        """Check the address, and the host in it. An address without a path is refused."""
        return checked_feed_address(self.cleaned_data["feed_url"])

    def clean_api_url(self) -> str:
        """Check the address, and the host in it."""
        address = _checked_address(self.cleaned_data["api_url"])
        parts = urlsplit(address)
        if address and parts.path.strip("/") == "":
            meant = urlunsplit(parts._replace(path=_PATH))
            raise ValidationError(
                _("The path is missing. Did you mean %(meant)s?"), params={"meant": meant}
            )
        return address

    def clean(self) -> dict[str, Any]:
        """Require that a stored secret is entered again if its address gets another host."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for field, secret in SECRET_OF.items():
            is_kept = getattr(self.current, secret) and not cleaned.get(secret)
            if is_kept and moves(cleaned.get(field, ""), getattr(self.current, field)):
                self.add_error(
                    secret,
                    _("Enter this secret again, because the host of its address has changed."),
                )
        return cleaned

    def changes(self) -> dict[str, str | None]:
        """The values that were entered, by field. The form must be valid."""
        entered = {name: value for name, value in self.cleaned_data.items() if value}
        if entered.get("feed_format") == self.current.feed_format:
            del entered["feed_format"]
        return entered


class ChannelForm(forms.Form):
    """The channel for alarms."""

    address = _secret(
        _("Address"),
        _("A Discord webhook, or an address of Apprise. The address is never shown again."),
        most=MOST_ADDRESS,
    )

    def clean_address(self) -> str:
        """Check the address by the rules for a guild's channel."""
        address: str = self.cleaned_data["address"]
        if not address:
            raise ValidationError(_("Paste the address of the channel."))
        rules = rules_for_new_channels()
        try:
            client = channel_client_for(address, total_seconds=1, connect_seconds=1, rules=rules)
            check_host(client, rules, seconds=_LOOKUP_SECONDS)
        except BadAddressError as error:
            raise ValidationError(str(error)) from error
        return address


class DiscordForm(forms.Form):
    """The token of the Discord bot."""

    token = _secret(
        _("Token"),
        _("From the page “Bot” of your application in Discord's developer portal."),
    )

    def clean_token(self) -> str:
        """Refuse what is certainly not the token of a bot."""
        token: str = self.cleaned_data["token"].removeprefix("Bot ").strip()
        if not token:
            raise ValidationError(_("Paste the token of the bot."))
        if not _BOT_TOKEN.fullmatch(token):
            raise ValidationError(
                _(
                    "This is not the token of a bot, which has three parts with points between "
                    "them. The application ID, the public key and the client secret are something "
                    "else. On the page “Bot”, press “Reset Token”, and copy what is shown."
                )
            )
        return token


class SiteForm(forms.Form):
    """The public address of the site."""

    address = _address(
        _("Address"),
        _("The address that your guilds type into a browser."),
        "https://codes.example.org",
    )

    def clean_address(self) -> str:
        """Accept only an address that can be the beginning of a link."""
        address: str = self.cleaned_data["address"].rstrip("/")
        if not address:
            raise ValidationError(_("Enter the address of this site."))
        _insist_on_scheme(address)
        if not site_address.is_valid(address):
            raise ValidationError(
                _("This cannot be the beginning of a link. It must look like %(example)s."),
                params={"example": "https://codes.example.org"},
            )
        return address


def checked_key(key: str) -> str:
    """The key of a feed.

    Raises:
        ValidationError: it is an address, or cannot be sent in a header.
    """
    if _SCHEME.match(key):
        raise ValidationError(_("This is an address. Did you mean the address of the feed?"))
    if not is_sendable_key(key):
        raise ValidationError(
            _("Copy the key again: it has characters that cannot be sent, such as “ü”.")
        )
    return key


def checked_feed_address(address: str) -> str:
    """The address of a feed.

    Raises:
        ValidationError: it is not complete, has no path, or leads into a private network.
    """
    address = _checked_address(address)
    parts = urlsplit(address)
    if address and not (parts.path or parts.query):
        meant = urlunsplit(parts._replace(path=_FEED_PATH))
        raise ValidationError(
            _(
                "The path is missing. Did you mean %(meant)s? If the address has no path, put "
                "a slash at its end."
            ),
            params={"meant": meant},
        )
    return address


def _checked_address(address: str) -> str:
    if not address:
        return ""
    _insist_on_scheme(address)
    parts = _parts(address)
    if parts is None or re.search(r"[\s<>\"]", address):
        raise ValidationError(
            _("This is not a complete address. It must look like %(example)s."),
            params={"example": "https://host/path"},
        )
    if "@" in parts.netloc:
        raise ValidationError(
            _("The address must not contain a password. Enter the key in its own field.")
        )
    _insist_on_public_host(str(parts.hostname))
    return address


def _parts(address: str) -> SplitResult | None:
    """The parts of a web address. None if the text is not a web address."""
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and host else None


def _insist_on_scheme(address: str) -> None:
    if not _SCHEME.match(address) and _parts(f"https://{address}"):
        raise ValidationError(
            _("The beginning is missing. Did you mean %(meant)s?"),
            params={"meant": f"https://{address}"},
        )


def _insist_on_public_host(host: str) -> None:
    """Refuse a host on this machine or in a private network, but accept a host that is not found.

    Looking up the host takes at most two seconds. The host is checked again for each connection.
    """
    try:
        found = resolve(host, None, _LOOKUP_SECONDS)
    except OSError:
        return
    if not any(private_hosts().allow(str(address[0])) for *_rest, address in found):
        raise ValidationError(
            _(
                "The address leads to this machine or into a private network, which is not "
                "allowed. If the host is yours, add it to the setting GAME_PRIVATE_HOSTS in the "
                "environment."
            )
        )


def moves(address: str, before: str) -> bool:
    """Whether the entered address has another scheme or host than the previous address.

    Also true if there is no previous address, because in that case the address for which the secret
    was entered has been removed.
    """
    if not address:
        return False
    new, old = urlsplit(address), urlsplit(before)
    return (new.scheme, new.netloc) != (old.scheme, old.netloc)


def default_of(config: ProviderConfig, field: str) -> str:
    """The scheme and host of an address. The rest of the address may contain a secret."""
    parts = _parts(getattr(config, field))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts else ""


def base_of(name: str) -> ProviderConfig:
    """A game as the environment configures it.

    Raises:
        KeyError: there is no such game.
    """
    base: ProviderConfig = settings.PROVIDERS[name]
    return base
