"""The channel in which a guild's runs are announced."""

from __future__ import annotations

import hashlib
import hmac

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes import channel_rules, encryption
from giftcodes.clients.channels import BadAddressError, channel_client_for, check_host
from giftcodes.models.encrypted import EncryptedTextField, Unreadable, encrypt_again
from giftcodes.models.guild import Guild
from giftcodes.secret_key import secret_key

#: Why a channel whose address is unreadable takes no messages, and what to do about it.
UNREADABLE = (
    "Its address cannot be decrypted, because SECRET_KEY or ENCRYPTION_KEYS have changed. Put the "
    "old key back, or enter the address again."
)


#: The maximum length of an address, in characters. Addresses in use have a few hundred at most.
MOST_ADDRESS = 2_000


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
    rules = channel_rules.for_guilds()
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


class ChannelQuerySet(models.QuerySet["Channel"]):
    def with_key(self) -> ChannelQuerySet:
        """Add `key` to each row: the start of the stored address. It names the encryption key."""
        return self.annotate(key=Left("address", encryption.PREFIX_LENGTH))

    def encrypt_again(self) -> int:
        """Encrypt each address with the first key in the settings, unless it already is.

        Addresses that cannot be read stay as they are.

        Returns:
            The number of addresses that were encrypted again.
        """
        return encrypt_again(self, "address")


class Channel(models.Model):
    """A guild's channel. The address is a secret, because anyone who has it can post."""

    guild = models.OneToOneField(
        Guild, on_delete=models.CASCADE, related_name="channel", verbose_name=_("guild")
    )
    address = EncryptedTextField(
        _("address"),
        validators=[validate_channel],
        help_text=_(
            "A Discord webhook, or an address of Apprise. It is kept, and never shown again."
        ),
    )
    #: Nothing is sent before this time, because the channel asked for a pause or refused a message.
    not_before = models.DateTimeField(_("rests until"), null=True, editable=False)
    #: Since this time, every request was refused or could not be made. Null if the last request was
    #: accepted.
    refused_since = models.DateTimeField(_("refuses since"), null=True, editable=False)
    error = models.TextField(_("last error"), blank=True, default="", db_default="", editable=False)
    delivered_at = models.DateTimeField(_("last delivery"), null=True, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        ordering = ["guild"]
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return f"channel of {self.guild}"

    @property
    def is_readable(self) -> bool:
        """Whether the settings have the key for the address. If not, the address reads as empty."""
        return not isinstance(self.address, Unreadable)

    @property
    def is_resting(self) -> bool:
        """Whether the channel refused a message, so that nothing is sent to it for now."""
        return bool(self.refused_since and self.not_before and self.not_before > timezone.now())

    @property
    def hash(self) -> str:
        """A hash of the address. A message stores it, to show later whether the address changed."""
        return address_hash(self.address)
