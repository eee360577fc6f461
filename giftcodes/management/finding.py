"""From what people type to rows: without regard to case where that is clear, and with what there is where it is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from giftcodes.models import GiftCode, Guild
from giftcodes.providers.config import ProviderConfig
from giftcodes.validators import validate_player_id

_MOST_NAMES = 5


def find_provider(name: str) -> ProviderConfig:
    """The game of that name.

    Raises:
        CommandError: there is none.
    """
    providers: dict[str, ProviderConfig] = settings.PROVIDERS
    config = providers.get(name.strip().casefold())
    if config is None:
        raise CommandError(f"There is no provider “{name}”. There are: {', '.join(sorted(providers))}.")
    return config


def find_player(provider: str, player_id: str) -> tuple[ProviderConfig, str]:
    """The game of that name, and the player ID as digits. Whether anybody has it is not looked up.

    Raises:
        CommandError: there is no such game, or this is no player ID.
    """
    config = find_provider(provider)
    player_id = player_id.strip()
    try:
        validate_player_id(player_id)
    except ValidationError as error:
        raise CommandError(f"“{player_id}” is no player ID. {explained(error)}") from error
    return config, player_id


def find_guild(name: str) -> Guild:
    """The guild of that name; in another case, if there is one such only.

    Raises:
        CommandError: there is none.
    """
    guild = Guild.objects.filter(name=name).first()
    if guild is not None:
        return guild
    alike = list(Guild.objects.filter(name__iexact=name.strip())[:2])
    if len(alike) == 1:
        return alike[0]
    raise CommandError(f"There is no guild “{name}”. {_there_are(name, Guild.objects.values_list('name', flat=True))}")


def find_code(provider: str, code: str) -> GiftCode | None:
    """The newest issue of a code, however it is spelled."""
    folded = code.strip().casefold()
    return GiftCode.objects.latest_issues(provider, [folded]).get(folded)


def find_known_code(guild: Guild, code: str) -> GiftCode:
    """The newest issue of a code of the guild's game.

    Raises:
        CommandError: nobody knows it.
    """
    found = find_code(guild.provider, code)
    if found is None:
        known = GiftCode.objects.filter(provider=guild.provider).order_by("-first_seen_at")[:1_000]
        title = find_provider(guild.provider).title
        raise CommandError(f"There is no code “{code}” of {title}. {_there_are(code, [row.code for row in known])}")
    return found


def explained(error: ValidationError) -> str:
    """What is wrong with a row, in one line."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        message if field == "__all__" else f"{field}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    )


def _there_are(name: str, names: Iterable[str]) -> str:
    """The names that are most like it, or the first few."""
    known = {known.casefold(): known for known in names}
    if not known:
        return "There is none yet."
    similar = difflib.get_close_matches(name.casefold(), known, n=_MOST_NAMES, cutoff=0.5)
    if similar:
        return f"Did you mean: {', '.join(known[folded] for folded in similar)}?"
    first = sorted(known.values())[:_MOST_NAMES]
    return f"There are: {', '.join(first)}{', …' if len(known) > len(first) else '.'}"
