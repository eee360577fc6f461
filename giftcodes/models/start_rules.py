"""The rule that decides whether a run may start: for one redemption, and as a query condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, TextChoices
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.transitions import State, literals
from giftcodes.models.code import GiftCode
from giftcodes.models.code_state import CodeState
from giftcodes.models.event import Trigger
from giftcodes.models.games import games
from giftcodes.models.guild import Guild
from giftcodes.models.member_redemption import CancelKind, MemberRedemption
from giftcodes.models.redemption import Redemption, RunState


class ObstacleKind(TextChoices):
    """Why no run may start. The label is the sentence for a person."""

    GUILD_INACTIVE = (
        "guild_inactive",
        _("Guild %(guild)s is inactive. An administrator can activate it."),
    )
    OTHER_GAME = "other_game", _("Code %(code)s belongs to another game than guild %(guild)s.")
    GAME_UNKNOWN = "game_unknown", _("The game %(game)s is no longer in the settings.")
    GAME_OFF = (
        "game_off",
        _(
            "%(title)s is not connected. An administrator connects it under “Connect a game”, or "
            "sets %(setting)s."
        ),
    )
    CODE_PROBED = (
        "code_probed",
        _("Code %(code)s is being probed: it is tried for one member. Wait for the game's answer."),
    )
    CODE_CLOSED = (
        "code_closed",
        _("Code %(code)s is %(state)s. %(reason)sAn administrator can reopen it."),
    )
    STOPPED = (
        "stopped",
        _(
            "The run for guild %(guild)s with code %(code)s was stopped by a person. "
            "Only a person can start it again."
        ),
    )
    STOPPING = (
        "stopping",
        _("The run for guild %(guild)s with code %(code)s is being stopped."),
    )


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a run from starting, with a sentence for a person."""

    kind: ObstacleKind
    words: str

    @classmethod
    def of(cls, kind: ObstacleKind, **names: Any) -> Obstacle:
        return cls(kind, str(kind.label) % names)

    def __str__(self) -> str:
        return self.words


def providers_on() -> list[str]:
    """The names of the games that can be asked."""
    return [config.name for config in games().values() if config.is_on]


def provider_obstacle(provider: str) -> Obstacle | None:
    """Why no request can be sent to a game. None if one can be sent, now or after a pause."""
    config = games().get(provider)
    if config is None:
        return Obstacle.of(ObstacleKind.GAME_UNKNOWN, game=provider)
    if not config.is_on:
        return Obstacle.of(ObstacleKind.GAME_OFF, title=config.title, setting=config.off_setting)
    return None


def guild_obstacle(guild: Guild) -> Obstacle | None:
    """Why no code can be redeemed for a guild now. None if codes can be redeemed for it."""
    if not guild.active:
        return Obstacle.of(ObstacleKind.GUILD_INACTIVE, guild=guild)
    return provider_obstacle(guild.provider)


def code_obstacle(code: GiftCode) -> Obstacle | None:
    """Why a code cannot be redeemed for any guild now. None if it can be redeemed."""
    if code.state == CodeState.ACTIVE:
        return provider_obstacle(code.provider)
    if code.state == CodeState.PROBING:
        return Obstacle.of(ObstacleKind.CODE_PROBED, code=code)
    reason = f"{code.reason} " if code.reason else ""
    state = code.get_state_display()
    return Obstacle.of(ObstacleKind.CODE_CLOSED, code=code, state=state, reason=reason)


def start_obstacle(redemption: Redemption, trigger: Trigger) -> Obstacle | None:
    """Why this trigger may not start or join a run now. None if it may."""
    guild, code = redemption.guild, redemption.gift_code
    if obstacle := guild_obstacle(guild):
        return obstacle
    if guild.provider != code.provider:
        return Obstacle.of(ObstacleKind.OTHER_GAME, guild=guild, code=code)
    if obstacle := code_obstacle(code):
        return obstacle
    if redemption.state == RunState.STOPPED and not trigger.is_person:
        return Obstacle.of(ObstacleKind.STOPPED, guild=guild, code=code)
    if redemption.is_stopping:
        return Obstacle.of(ObstacleKind.STOPPING, guild=guild, code=code)
    return None


def startable() -> Q:
    """A condition for redemptions that an automatic trigger may start (see `start_obstacle`)."""
    return Q(
        ~Q(state=RunState.STOPPED),
        Q(stop_requested_at__isnull=True) | ~Q(state=RunState.RUNNING),
        guild__active=True,
        guild__provider=F("gift_code__provider"),
        gift_code__provider__in=providers_on(),
        gift_code__state=CodeState.ACTIVE,
    )


def closed_with_code() -> Exists:
    """A condition for redemptions with rows that were cancelled because the code was closed."""
    # Literals, so that a prepared plan can use the partial index `share_code_closed`.
    rows = MemberRedemption.objects.filter(
        redemption=OuterRef("pk"),
        state=RawSQL(literals([State.CANCELLED]), ()),  # noqa: S611 - constants
        cancel_kind=RawSQL(literals([CancelKind.CODE_CLOSED]), ()),  # noqa: S611 - constants
    )
    return Exists(rows)
