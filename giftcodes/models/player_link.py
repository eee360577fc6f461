"""The personal links of players: a page without a login, for the player who has the link."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.tokens import TokenKind, new_token, token_hash
from giftcodes.models.clock import Clock
from giftcodes.models.fields import NameField
from giftcodes.models.guild import Guild, Member

#: How long a personal link works. The player can renew it at any time.
LINK_LASTS = timedelta(days=365)


class PlayerLinkQuerySet(models.QuerySet["PlayerLink"]):
    def issue(
        self,
        *,
        guild_id: int,
        member: Member | None = None,
        is_confirmed: bool = False,
        user_id: int | None = None,
        discord_user: int | None = None,
        discord_name: str = "",
    ) -> tuple[PlayerLink, str]:
        """Make a link. Only the caller gets its token.

        Args:
            guild_id: the guild to which the link belongs.
            member: the member whose page it opens. None while a request to join waits.
            is_confirmed: whether an officer vouches that the player has the link.
            user_id: the user who made the link. None if the player did.
            discord_user: the Discord user who uses the link in Discord. None for a link of the web.
            discord_name: the name of this Discord user.

        Returns:
            The link and its token.
        """
        link = self.model(
            guild_id=guild_id,
            member=member,
            is_confirmed=is_confirmed,
            made_by_id=user_id,
            discord_user=discord_user,
            discord_name=discord_name,
        )
        return link, link.replace_token()

    def with_token(self, token: str) -> PlayerLink | None:
        """The link with this token, with its guild, member and request. None if it has ended."""
        found = self.filter(token_hash=token_hash(token), ends_at__gt=Clock())
        return found.select_related("guild", "member", "request").first()

    def of_discord(self, discord_user: int) -> PlayerLinkQuerySet:
        """The links that a Discord user uses, with their guilds, members and requests."""
        found = self.filter(discord_user=discord_user, ends_at__gt=Clock())
        return found.select_related("guild", "member", "request").order_by("pk")


class PlayerLink(models.Model):
    """A personal link. It shows what one guild knows of one player, and nothing of other guilds.

    A person who joins without an officer only claims to be this player. So before an officer has
    confirmed the link (`is_confirmed`), it cannot be used to opt the player out, or to download or
    erase the player's data.

    The link of a Discord user is used by this user's commands. Its token is never shown.
    """

    guild = models.ForeignKey(Guild, on_delete=models.CASCADE, related_name="player_links")
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, null=True, related_name="player_links"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    is_confirmed = models.BooleanField(_("confirmed"), default=False)
    made_at = models.DateTimeField(_("made"), db_default=Clock())
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    ends_at = models.DateTimeField(_("ends"))
    #: When this link opted the player out. The link can take back only this opt-out. Any other
    #: opt-out of the player sets this field to null.
    opted_out_at = models.DateTimeField(null=True)
    #: Discord's number of the user who uses the link in Discord. Null for a link of the web.
    discord_user = models.BigIntegerField(_("Discord user"), null=True)
    discord_name = NameField(
        _("name in Discord"), max_length=80, blank=True, default="", db_default=""
    )
    #: From this moment, the bot may send the Discord user one message about this player. Null if
    #: the user wants none.
    next_message_at = models.DateTimeField(_("next message"), null=True)

    objects = PlayerLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("personal link")
        verbose_name_plural = _("personal links")
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["discord_user"],
                name="player_link_of_discord",
                condition=models.Q(discord_user__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"personal link {self.pk}"

    def replace_token(self) -> str:
        """Give the link a new token, save it, and return the token. The old one stops working."""
        token = new_token(TokenKind.PLAYER)
        self.token_hash = token_hash(token)
        self.ends_at = timezone.now() + LINK_LASTS
        self.save()
        return token
