"""What a guild offers players without a login: its join link, join requests, its public page."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.tokens import new_public_id, token_hash
from giftcodes.domain.validators import validate_moment, validate_one_line, validate_player_id
from giftcodes.models.clock import Clock
from giftcodes.models.encrypted import EncryptedTextField, Unreadable
from giftcodes.models.fields import NameField, TokenField
from giftcodes.models.guild import Guild, member_words
from giftcodes.models.player_link import PlayerLink


class JoinLinkQuerySet(models.QuerySet["JoinLink"]):
    def with_token(self, token: str) -> JoinLink | None:
        """The link with this token, with its guild.

        None if there is no such link, or it has ended, or the guild is inactive.
        """
        lasts = models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=Clock())
        found = self.filter(lasts, token_hash=token_hash(token), guild__active=True)
        return found.select_related("guild").first()


class JoinLink(models.Model):
    """A guild's join link. Officers can see it again, so its token is stored, but encrypted."""

    guild = models.OneToOneField(Guild, on_delete=models.CASCADE, related_name="join_link")
    token = EncryptedTextField()
    token_hash = models.CharField(max_length=64, unique=True)
    needs_approval = models.BooleanField(_("an officer approves each request"), default=True)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True, validators=[validate_moment])
    made_at = models.DateTimeField(_("made"), db_default=Clock())

    objects = JoinLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("join link")
        verbose_name_plural = _("join links")
        default_permissions = ()

    def __str__(self) -> str:
        return f"join link of {self.guild}"

    @property
    def has_ended(self) -> bool:
        return self.ends_at is not None and self.ends_at <= timezone.now()

    @property
    def is_readable(self) -> bool:
        """Whether the settings have the key for the token. The link works without the key, too."""
        return not isinstance(self.token, Unreadable)


class JoinRequest(models.Model):
    """What a player entered to join. The row waits for an officer, whose decision deletes it."""

    guild = models.ForeignKey(Guild, on_delete=models.CASCADE, related_name="join_requests")
    link = models.OneToOneField(PlayerLink, on_delete=models.CASCADE, related_name="request")
    player_id = TokenField(_("player ID"), max_length=20, validators=[validate_player_id])
    nickname = NameField(_("nickname"), max_length=80, validators=[validate_one_line])
    realm = models.PositiveIntegerField(_("realm"))
    consented_on = models.DateField(_("consented on"))
    asked_at = models.DateTimeField(_("asked"), db_default=Clock())
    #: One keyed hash of the guild and the client's address. Empty if the address is not known.
    asked_from = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        ordering = ["asked_at", "pk"]
        verbose_name = _("request to join")
        verbose_name_plural = _("requests to join")
        default_permissions = ()
        indexes = [models.Index(fields=["player_id"], name="join_request_player")]

    def __str__(self) -> str:
        return member_words(self.nickname, self.player_id)


class PublicPage(models.Model):
    """The page of a guild's codes that anyone may open. The row exists while the page is on."""

    guild = models.OneToOneField(Guild, on_delete=models.CASCADE, related_name="public_page")
    #: The name of the page in its address. A guild's number would say how many guilds there are.
    public_id = models.CharField(max_length=20, unique=True, default=new_public_id)

    class Meta:
        verbose_name = _("public page")
        verbose_name_plural = _("public pages")
        default_permissions = ()

    def __str__(self) -> str:
        return f"public page of {self.guild}"
