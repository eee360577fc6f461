"""The channels of a guild, in which its runs and alarms are announced."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import replace

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes import channel_rules, encryption
from giftcodes.clients.channels import (
    BadAddressError,
    BotChannel,
    SignedAddress,
    channel_client_for,
    check_host,
    is_webhook,
)
from giftcodes.domain.validators import validate_one_line
from giftcodes.models.encrypted import EncryptedTextField, Unreadable, encrypt_again
from giftcodes.models.fields import NameField, SentenceField, TokenField
from giftcodes.models.guild import Guild
from giftcodes.secret_key import secret_key

#: The maximum length of an address, in characters. Addresses in use have a few hundred at most.
MOST_ADDRESS = 2_000
#: The maximum number of channels of a guild. A run may be announced in all of them.
MOST_CHANNELS = 10
_SUNDAY = 6
#: The name of a channel to which a person gave no name.
DEFAULT_NAME = "Discord"

validate_role = RegexValidator(
    r"\A[0-9]{17,20}\Z",
    _(
        "The ID of a role is a number of 17 to 20 digits. In Discord, switch the developer mode on "
        "(User settings, Advanced), then right-click the role and choose “Copy Role ID”."
    ),
    code="role",
)


def validate_channel(address: str) -> None:
    """Check the address of a channel. The error never repeats the address, which is a secret.

    Resolving the host name takes at most two seconds. The address is checked again before each
    message.

    Raises:
        ValidationError: the address is not that of a channel, or is not allowed.
    """
    if len(address) > MOST_ADDRESS:
        words = _("This address is too long. Use one of at most %(most)d characters.")
        raise ValidationError(words, code="max_length", params={"most": MOST_ADDRESS})
    # The empty token lets an address of a bot's channel pass. `services.discord_channels`, which
    # makes such addresses, has checked it already.
    rules = replace(channel_rules.for_guilds(), bot_token="")
    try:
        client = channel_client_for(address, total_seconds=1, connect_seconds=1, rules=rules)
        check_host(client, rules, seconds=2)
    except BadAddressError as error:
        raise ValidationError(str(error), code="channel") from error


def address_hash(address: str) -> str:
    """A keyed hash of an address. It distinguishes addresses without revealing them."""
    return hmac.new(
        f"channel:{secret_key()}".encode(), address.encode(), hashlib.sha256
    ).hexdigest()[:16]


class Tells(models.TextChoices):
    """What a channel is told."""

    RUNS = "runs", _("Every run: one message, kept up to date from its start to its end")
    ALL = "all", _("Every run, and the alarms of the guild")
    NEEDED = (
        "needed",
        _("Only when a person is needed: runs that end with members who need you, and alarms"),
    )


#: The channels that are told of every run, and those that are told of alarms.
TELLS_RUNS = (Tells.RUNS, Tells.ALL)
TELLS_ALARMS = (Tells.ALL, Tells.NEEDED)


def next_summary(after: dt.datetime) -> dt.datetime:
    """The next Sunday, 18:00 UTC: when weekly summaries are due."""
    at = after.astimezone(dt.UTC).replace(hour=18, minute=0, second=0, microsecond=0)
    at += dt.timedelta(days=(_SUNDAY - at.weekday()) % 7)
    return at if at > after else at + dt.timedelta(days=7)


class ChannelQuerySet(models.QuerySet["Channel"]):
    def on(self) -> ChannelQuerySet:
        """Channels that are not switched off."""
        return self.filter(is_on=True)

    def told_of_alarms(self) -> ChannelQuerySet:
        """Channels that are on, and are told of the alarms of their guild."""
        return self.on().filter(tells__in=TELLS_ALARMS)

    def with_key(self) -> ChannelQuerySet:
        """Add `key` to each row: the start of the stored address.

        It names the key with which the address was encrypted.
        """
        return self.annotate(key=Left("address", encryption.PREFIX_LENGTH))

    def encrypt_again(self) -> int:
        """Encrypt each address with the first key in the settings, unless that key encrypted it.

        Addresses that cannot be read stay as they are.

        Returns:
            The number of addresses that were encrypted again.
        """
        return encrypt_again(self, "address")


class Channel(models.Model):
    """A channel of a guild. The address is a secret, because anyone who has it can post."""

    guild = models.ForeignKey(
        Guild, on_delete=models.CASCADE, related_name="channels", verbose_name=_("guild")
    )
    name = NameField(
        _("name"),
        max_length=60,
        default=DEFAULT_NAME,
        db_default=DEFAULT_NAME,
        validators=[validate_one_line],
        help_text=_("Your name for the channel, such as “Announcements” or “Officers”."),
    )
    address = EncryptedTextField(
        _("address"),
        validators=[validate_channel],
        help_text=_(
            "A Discord webhook, or an address of Apprise. It is kept, and never shown again."
        ),
    )
    tells = models.CharField(
        _("what it is told"),
        max_length=10,
        choices=Tells,
        default=Tells.RUNS,
        db_default=Tells.RUNS.value,
    )
    role_id = TokenField(
        _("role to mention"),
        max_length=20,
        blank=True,
        default="",
        db_default="",
        validators=[validate_role],
        help_text=_(
            "The ID of a role of your Discord server. Each new message mentions this role, and "
            "no one else. Leave it empty to mention no one."
        ),
    )
    opens_threads = models.BooleanField(
        _("thread for those who need something"),
        default=False,
        db_default=False,
        help_text=_(
            "After a run that leaves members who need a person, the bot opens a thread on the "
            "message of the run, and lists them there. It mentions no one."
        ),
    )
    is_on = models.BooleanField(_("on"), default=True, db_default=True, editable=False)
    #: Nothing is sent before this time, because the channel asked for a pause or refused a message.
    not_before = models.DateTimeField(_("rests until"), null=True, editable=False)
    #: Since this time, every request was refused or could not be made. Null if the last request was
    #: accepted.
    refused_since = models.DateTimeField(_("refuses since"), null=True, editable=False)
    #: When the next weekly summary is due. Null if the channel gets none.
    next_summary_at = models.DateTimeField(_("next summary"), null=True, editable=False)
    error = SentenceField(_("last error"), blank=True, default="", db_default="", editable=False)
    delivered_at = models.DateTimeField(_("last delivery"), null=True, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        ordering = ["guild", "name"]
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [
            models.UniqueConstraint(
                fields=["guild", "name"],
                name="one_channel_of_a_name_in_a_guild",
                violation_error_message=_(
                    "The guild has a channel of this name already. Choose another name."
                ),
            )
        ]

    def __str__(self) -> str:
        return gettext("%(channel)s of %(guild)s") % {"channel": self.name, "guild": self.guild}

    @property
    def names(self) -> dict[str, str]:
        """The names of the channel and its guild, for a stored sentence."""
        return {"channel": self.name, "guild": str(self.guild)}

    @property
    def full_name(self) -> str:
        """The name with that of the guild, for the log."""
        return f"channel “{self.name}” of guild {self.guild}"

    @property
    def bot_channel(self) -> BotChannel | None:
        """The channel of Discord in which the bot posts. None if this is no such channel."""
        return BotChannel.of(self.address)

    @property
    def signed_address(self) -> SignedAddress | None:
        """The address of a program that gets signed messages. None if this is no such channel."""
        return SignedAddress.of(self.address)

    @property
    def is_discord(self) -> bool:
        """Whether the address is one of Discord, whose messages can be edited."""
        return is_webhook(self.address) or self.bot_channel is not None

    @property
    def weekly(self) -> bool:
        """Whether the channel gets a summary every week."""
        return self.next_summary_at is not None

    def set_weekly(self, is_weekly: bool) -> None:
        """Choose whether the channel gets a summary every week. This does not save."""
        if is_weekly != self.weekly:
            self.next_summary_at = next_summary(timezone.now()) if is_weekly else None

    @property
    def is_readable(self) -> bool:
        """Whether the settings have the key for the address. If not, the address reads as empty."""
        return not isinstance(self.address, Unreadable)

    @property
    def is_resting(self) -> bool:
        """Whether nothing is sent to the channel for now, because it refused a message."""
        return bool(self.refused_since and self.not_before and self.not_before > timezone.now())

    @property
    def hash(self) -> str:
        """A hash of the address. A message stores it, to show later whether the address changed."""
        return address_hash(self.address)
