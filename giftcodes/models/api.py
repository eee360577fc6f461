"""The API: tokens with which programs act for a person, and answers for repeated requests.

Tables hold hashes of tokens. A token is shown once, when it is made.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.validators import validate_one_line
from giftcodes.models.clock import Clock
from giftcodes.models.fields import NameField
from giftcodes.models.guild import Guild


class TokenScope(models.TextChoices):
    """What the holder of a token may do at most. The rights of its maker limit it, too."""

    READ = "read", _("Read only")
    ACT = "act", _("Read, and do what its maker may do")


def _live() -> models.Q:
    has_time = models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=Clock())
    return has_time & models.Q(revoked_at__isnull=True)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def live(self) -> ApiTokenQuerySet:
        """Tokens that were not revoked and have not ended. The maker's rights are not checked."""
        return self.filter(_live())

    def with_liveness(self) -> ApiTokenQuerySet:
        """Add `is_live` to each row: whether `live` contains it."""
        live = models.ExpressionWrapper(_live(), output_field=models.BooleanField())
        return self.annotate(is_live=live)


class ApiToken(models.Model):
    """A token of the API. It works while its maker has the rights for which it was made."""

    #: Null for a token for all guilds, which only an administrator makes.
    guild = models.ForeignKey(
        Guild, on_delete=models.CASCADE, null=True, related_name="api_tokens", editable=False
    )
    name = NameField(_("name"), max_length=60, validators=[validate_one_line])
    scope = models.CharField(
        _("scope"), max_length=5, choices=TokenScope, default=TokenScope.READ, editable=False
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        editable=False,
        verbose_name=_("made by"),
    )
    created_at = models.DateTimeField(_("made"), db_default=Clock(), editable=False)
    ends_at = models.DateTimeField(_("ends"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        #: The pages that show tokens ask for other permissions.
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def may_act(self) -> bool:
        """Whether the token may change anything."""
        return self.scope == TokenScope.ACT

    @property
    def limited_as(self) -> str:
        """Whose limits count: those of the guild, or else those of the administrator.

        All tokens for a guild share its limits. All tokens of an administrator for all guilds share
        the administrator's.
        """
        return f"guild {self.guild_id}" if self.guild_id else f"person {self.made_by_id}"


class ApiAnswer(models.Model):
    """The answer to a POST with an `Idempotency-Key`, which is given again for the same request."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="answers")
    key_hash = models.CharField(max_length=64)
    request_hash = models.CharField(max_length=64)
    #: Null while the request is being answered.
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=60, blank=True, default="", db_default="")
    body = models.TextField(blank=True, default="", db_default="")
    begun_at = models.DateTimeField(db_default=Clock())

    class Meta:
        verbose_name = _("answer of the API")
        verbose_name_plural = _("answers of the API")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["token", "key_hash"], name="one_answer_for_each_key")
        ]
        indexes = [models.Index(fields=["begun_at"], name="api_answer_begun")]

    def __str__(self) -> str:
        return f"{self.key_hash[:8]}…"
