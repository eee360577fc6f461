"""Find rows by the text that a person typed.

An exact match is preferred. If there is none, a match that ignores case counts, if it is the only
one. Errors list the possible choices.
"""

from __future__ import annotations

import argparse
import datetime as dt
import difflib
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain.numbers import NotWholeError, whole_digits
from giftcodes.domain.text import clean_name, clean_token
from giftcodes.domain.validators import validate_player_id
from giftcodes.models import GiftCode, Guild
from giftcodes.models.games import games
from giftcodes.services.code_entry import find_code

_MOST_NAMES = 5


def find_provider(name: str) -> ProviderConfig:
    """The game with this name.

    Raises:
        CommandError: no game has this name.
    """
    providers: dict[str, ProviderConfig] = games()
    config = providers.get(clean_token(name).casefold())
    if config is None:
        raise CommandError(f"There is no game “{name}”. There are: {', '.join(sorted(providers))}.")
    return config


def whole_number(text: str) -> int:
    """Parse a whole number in digits of any script, with an optional minus sign.

    Raises:
        ArgumentTypeError: the text is not clearly a whole number. The message says what to write.
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


def parse_player(provider: str, player_id: str) -> tuple[ProviderConfig, str]:
    """The game with this name, and the player ID as digits. The player need not be known.

    Raises:
        CommandError: the game is unknown, or the player ID is not valid.
    """
    config = find_provider(provider)
    player_id = clean_token(player_id)
    try:
        validate_player_id(player_id)
    except ValidationError as error:
        raise CommandError(f"“{player_id}” is not a player ID. {explained(error)}") from error
    return config, player_id


def find_guild(name: str) -> Guild:
    """The guild with this name. If there is none, the guild whose name differs only in case.

    Raises:
        CommandError: there is no such guild, or several guilds have names that differ only in case.
    """
    wanted = clean_name(name)
    guild = Guild.objects.filter(name__in=[name, wanted]).first()
    if guild is not None:
        return guild
    # The names are compared in Python, because an older release stored names as they were typed,
    # and the model cleans such a name only when it reads the row.
    known = Guild.objects.values_list("pk", "name")
    alike = [pk for pk, other in known if other.strip().casefold() == wanted.casefold()]
    if len(alike) == 1:
        return Guild.objects.get(pk=alike[0])
    names = Guild.objects.values_list("name", flat=True)
    raise CommandError(f"There is no guild “{name}”. {_there_are(name, names)}")


def find_known_code(guild: Guild, code: str) -> GiftCode:
    """The newest issue of a code of the guild's game, in any spelling.

    Raises:
        CommandError: the code is unknown.
    """
    found = find_code(guild.provider, code)
    if found is None:
        known = GiftCode.objects.filter(provider=guild.provider).order_by("-first_seen_at")[:1_000]
        title = find_provider(guild.provider).title
        raise CommandError(
            f"There is no code “{code}” of {title}. {_there_are(code, [row.code for row in known])}"
        )
    return found


def find_code_of_any_game(code: str) -> tuple[str, str]:
    """The game and the folded text of a code that was typed without its game.

    Raises:
        CommandError: the code is unknown, or several games have it.
    """
    folded = clean_token(code).casefold()
    providers = sorted(
        set(GiftCode.objects.filter(folded=folded).values_list("provider", flat=True))
    )
    if not providers:
        raise CommandError(f"There is no code “{code}”.")
    if len(providers) > 1:
        raise CommandError(
            f"Several games have a code {code} ({', '.join(providers)}). Add --guild to choose one."
        )
    return providers[0], folded


def parse_moment(text: str) -> dt.datetime:
    """Parse a moment, or a day, which stands for the moment at which it starts.

    If the text names no time zone, the project's time zone applies.

    Raises:
        CommandError: the text is neither a moment nor a day.
    """
    try:
        day = parse_date(text)
        found = dt.datetime.combine(day, dt.time()) if day else parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError(
            f"“{text}” is not a day like 2026-06-01, or a moment like 2026-06-01T12:00."
        )
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def explained(error: ValidationError) -> str:
    """All messages of a validation error, in one line."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        message if field == "__all__" else f"{field}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    )


def _there_are(name: str, names: Iterable[str]) -> str:
    """A hint with the most similar names, or with the first few."""
    known = {known.casefold(): known for known in names}
    if not known:
        return "There is none yet."
    similar = difflib.get_close_matches(name.casefold(), known, n=_MOST_NAMES, cutoff=0.5)
    if similar:
        return f"Did you mean: {', '.join(known[folded] for folded in similar)}?"
    first = sorted(known.values())[:_MOST_NAMES]
    return f"There are: {', '.join(first)}{', …' if len(known) > len(first) else '.'}"
