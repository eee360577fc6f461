"""Requests of a person for many runs, which workers start one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from giftcodes.models import GiftCode, Guild, RunRequest, Trigger
from giftcodes.models.fields import without_notes
from giftcodes.models.start_rules import Obstacle, ObstacleKind, code_obstacle, guild_obstacle
from giftcodes.pipeline.start_or_refuse import refuse_running


@dataclass(slots=True)
class RequestResult:
    """What became of the requests.

    Args:
        requested: the number of runs that workers will start.
        refused: a sentence for each run that was refused.
    """

    requested: int = 0
    refused: list[str] = field(default_factory=list)


def request_runs(pairs: Iterable[tuple[int, int]], *, user_id: int | None) -> RequestResult:
    """Store a request for each run that may start, so that workers start it.

    Runs that cannot start are refused here, in a fixed number of statements. If a run is under way
    already, its refusal is journalled, as `start` does it.

    Args:
        pairs: the guild id and the code id of each run.
        user_id: the person who requests the runs.

    Raises:
        RuntimeError: called inside a transaction.
    """
    result = RequestResult()
    wanted = list(dict.fromkeys(pairs))
    guilds = without_notes(Guild.objects.all()).in_bulk({guild_id for guild_id, _code in wanted})
    codes = without_notes(GiftCode.objects.all()).in_bulk({code_id for _guild, code_id in wanted})
    able = []
    for guild_id, code_id in wanted:
        if obstacle := _obstacle(guilds[guild_id], codes[code_id]):
            result.refused.append(obstacle.words)
        else:
            able.append((guild_id, code_id))
    running = refuse_running(able, trigger=Trigger.ADMIN, user_id=user_id)
    result.refused += running.values()
    able = [pair for pair in able if pair not in running]
    added = RunRequest.objects.add(able, user_id=user_id)
    result.requested = len(added)
    words = _("A run for guild %(guild)s with code %(code)s is requested already.")
    result.refused += [
        words % {"guild": guilds[guild_id], "code": codes[code_id]}
        for guild_id, code_id in able
        if (guild_id, code_id) not in added
    ]
    return result


def _obstacle(guild: Guild, code: GiftCode) -> Obstacle | None:
    if obstacle := guild_obstacle(guild) or code_obstacle(code):
        return obstacle
    if guild.provider != code.provider:
        return Obstacle.of(ObstacleKind.OTHER_GAME, guild=guild, code=code)
    return None
