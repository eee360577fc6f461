"""From what people type to rows: without regard to case where that is clear, and with what there is where it is not."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain.numbers import NotWholeError, whole_digits
from giftcodes.domain.text import clean_name, clean_token
from giftcodes.domain.validators import validate_player_id
from giftcodes.models import GiftCode, Guild

_MOST_NAMES = 5


def find_provider(name: str) -> ProviderConfig:
    """The game of that name.

    Raises:
        CommandError: there is none.
    """
    providers: dict[str, ProviderConfig] = settings.PROVIDERS
    config = providers.get(clean_token(name).casefold())
    if config is None:
        raise CommandError(
            f"There is no provider “{name}”. There are: {', '.join(sorted(providers))}."
        )
    return config


def whole_number(text: str) -> int:
    """A whole number of the command line, in digits of any script. Negative ones have a minus.

    Raises:
        ArgumentTypeError: it is not plainly one. The text says what to write.
    """
    text = clean_token(text)
    sign = "-" if text.startswith("-") else ""
    try:
        return int(sign + whole_digits(text.removeprefix("-")))
    except NotWholeError as error:
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number. {error}") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"“{text}” is not a whole number. Write digits only."
        ) from error


def find_player(provider: str, player_id: str) -> tuple[ProviderConfig, str]:
    """The game of that name, and the player ID as digits. Whether anybody has it is not looked up.

    Raises:
        CommandError: there is no such game, or this is no player ID.
    """
    config = find_provider(provider)
    player_id = clean_token(player_id)
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
    wanted = clean_name(name)
    guild = Guild.objects.filter(name__in=[name, wanted]).first()
    if guild is not None:
        return guild
    # Read, and so cleaned: an older version stored names as they were typed.
    known = Guild.objects.values_list("pk", "name")
    alike = [pk for pk, other in known if other.strip().casefold() == wanted.casefold()]
    if len(alike) == 1:
        return Guild.objects.get(pk=alike[0])
    raise CommandError(
        f"There is no guild “{name}”. {_there_are(name, Guild.objects.values_list('name', flat=True))}"
    )


def find_code(provider: str, code: str) -> GiftCode | None:
    """The newest issue of a code, however it is spelled."""
    folded = clean_token(code).casefold()
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
        raise CommandError(
            f"There is no code “{code}” of {title}. {_there_are(code, [row.code for row in known])}"
        )
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
