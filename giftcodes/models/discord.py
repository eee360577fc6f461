"""The Discord bot: which process is the bot, which servers show which guild, and who is an officer.

A player's link to a Discord user is a `PlayerLink`.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.tokens import TokenKind, new_token, token_hash
from giftcodes.models.clock import Clock, clock_plus
from giftcodes.models.fields import NameField
from giftcodes.models.guild import Guild
from giftcodes.sql import execute

#: The only row of `DiscordBot`.
_ONLY = 1
#: How long a one-time code works.
CODE_LASTS = dt.timedelta(hours=1)


class BotState(models.TextChoices):
    """What the bot's process last said about its connection to Discord."""

    OFF = "off", _("has no token")
    CONNECTING = "connecting", _("connects")
    CONNECTED = "connected", _("is connected")
    TOKEN_REFUSED = "token", _("Discord refuses the token")
    INTENTS_MISSING = "intents", _("Discord refuses the intents that the bot asks for")
    UNREACHABLE = "unreachable", _("Discord cannot be reached")


class DiscordBotQuerySet(models.QuerySet["DiscordBot"]):
    def claim(self, holder: str, *, seconds: float) -> bool:
        """Become the bot, or stay the bot. Returns whether `holder` is the bot now.

        The lease ends by itself if its holder dies. Two processes cannot hold it at a time.

        Args:
            holder: a name of this process, which no other process has.
            seconds: how long the lease lasts from now.
        """
        return bool(
            execute(
                """
                INSERT INTO giftcodes_discordbot (id, holder, lease_until)
                VALUES (%(only)s, %(holder)s, clock_timestamp() + make_interval(secs => %(secs)s))
                ON CONFLICT (id) DO UPDATE
                SET holder = EXCLUDED.holder, lease_until = EXCLUDED.lease_until
                WHERE giftcodes_discordbot.holder IN ('', EXCLUDED.holder)
                   OR giftcodes_discordbot.lease_until IS NULL
                   OR giftcodes_discordbot.lease_until <= clock_timestamp()
                """,
                only=_ONLY,
                holder=holder,
                secs=seconds,
            )
        )

    def release(self, holder: str) -> None:
        """Let another process become the bot at once."""
        self.filter(pk=_ONLY, holder=holder).update(holder="", lease_until=None)

    def tell(self, holder: str, state: BotState, *, name: str = "") -> None:
        """Record the state of the connection, if `holder` is still the bot.

        Args:
            holder: the name of this process.
            state: the new state.
            name: the bot's name in Discord. If it is empty, the last name stays.
        """
        named = {"name": name[:100]} if name else {}
        ours = self.filter(pk=_ONLY, holder=holder)
        if not ours.filter(state=state).update(**named or {"state": state}):
            ours.update(state=state, since=Clock(), **named)

    def commands_hash(self) -> str:
        """The hash of the commands that Discord has."""
        row = self.filter(pk=_ONLY).values_list("commands_hash", flat=True).first()
        return row or ""

    def keep_application(self, application_id: int | None) -> None:
        """Record Discord's number of the application, from which links are made."""
        self.filter(pk=_ONLY).update(application_id=application_id)

    def keep_commands_hash(self, value: str) -> None:
        """Record which commands Discord has now."""
        self.filter(pk=_ONLY).update(commands_hash=value)


class DiscordBot(models.Model):
    """Which process is the bot, and whether it is connected. There is at most one row.

    The process that holds the lease is the bot. It renews the lease every few seconds, so the lease
    is its heartbeat, too.
    """

    holder = models.CharField(max_length=40, blank=True, default="", db_default="")
    lease_until = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=12, choices=BotState, default=BotState.OFF, db_default=BotState.OFF.value
    )
    since = models.DateTimeField(db_default=Clock())
    name = NameField(max_length=100, blank=True, default="", db_default="")
    #: Discord's number of the application. Null if the bot never was connected.
    application_id = models.BigIntegerField(null=True)
    #: Discord limits how often commands are registered, so they are sent only if they changed.
    commands_hash = models.CharField(max_length=64, blank=True, default="", db_default="")

    objects = DiscordBotQuerySet.as_manager()

    class Meta:
        verbose_name = _("Discord bot")
        verbose_name_plural = _("Discord bot")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name or str(self._meta.verbose_name)


class DiscordServer(models.Model):
    """A Discord server in which a guild's commands work. A guild may have several, and vice versa.

    In this server, the members of the role `role_id` count as officers of the guild.
    """

    guild = models.ForeignKey(Guild, on_delete=models.CASCADE, related_name="discord_servers")
    server_id = models.BigIntegerField(_("server"))
    name = NameField(_("name"), max_length=100)
    role_id = models.BigIntegerField(_("role of the officers"), null=True)
    role_name = NameField(_("name of the role"), max_length=100, blank=True, db_default="")
    linked_at = models.DateTimeField(_("linked"), db_default=Clock())
    #: The user who made the code by which the server was linked.
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("Discord server")
        verbose_name_plural = _("Discord servers")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["server_id", "guild"], name="discord_server_of_a_guild_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class DiscordAccount(models.Model):
    """An account of this site that belongs to a Discord user."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="discord_account"
    )
    discord_user = models.BigIntegerField(_("Discord user"), unique=True)
    name = NameField(_("name in Discord"), max_length=100)
    linked_at = models.DateTimeField(_("linked"), db_default=Clock())

    class Meta:
        verbose_name = _("Discord account")
        verbose_name_plural = _("Discord accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class DiscordCodeQuerySet(models.QuerySet["DiscordCode"]):
    def issue(self, *, user_id: int, guild_id: int | None) -> str:
        """Make a code. An earlier unused code of this user for the same purpose stops working.

        Args:
            user_id: the user who makes the code.
            guild_id: the guild that the code links to a server. None for a code that links the
                user's own account.

        Returns:
            The code, which is not stored.
        """
        self.filter(made_by=user_id, guild=guild_id).delete()
        token = new_token(TokenKind.DISCORD)
        self.create(
            code_hash=token_hash(token),
            made_by_id=user_id,
            guild_id=guild_id,
            ends_at=clock_plus(CODE_LASTS.total_seconds()),
        )
        return token

    def take(self, code: str, *, is_for_guild: bool) -> DiscordCode | None:
        """Use a code up. Returns the row, which is deleted, or None if the code does not work.

        Args:
            code: what a person entered.
            is_for_guild: whether the code must link a guild, or an account.
        """
        rows = self.filter(code_hash=token_hash(code.strip().lower()), ends_at__gt=Clock())
        row = (
            rows.filter(guild__isnull=not is_for_guild)
            .select_for_update(of=("self",))
            .select_related("guild", "made_by")
            .first()
        )
        if row is not None:
            self.filter(pk=row.pk).delete()
        return row


class DiscordCode(models.Model):
    """A code that works once, in Discord: it links a server to a guild, or a user to an account."""

    code_hash = models.CharField(max_length=64, unique=True)
    #: Null if the code links the account of `made_by`.
    guild = models.ForeignKey(Guild, on_delete=models.CASCADE, null=True, related_name="+")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    made_at = models.DateTimeField(db_default=Clock())
    ends_at = models.DateTimeField()

    objects = DiscordCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("code for Discord")
        verbose_name_plural = _("codes for Discord")
        default_permissions = ()

    def __str__(self) -> str:
        return f"code {self.pk}"
