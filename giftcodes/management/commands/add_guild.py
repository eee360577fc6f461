"""`manage.py add_guild NAME --provider P --realm N`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import explained, find_provider, whole_number
from giftcodes.domain.text import clean_name
from giftcodes.models import Guild


class Command(ServerCommand):
    help = "Add a guild. Then add its members with import_members, or in the admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name", metavar="NAME", help="the guild's name; quote it if it contains spaces"
        )
        parser.add_argument(
            "--provider", required=True, metavar="P", help="the game, such as whiteout or kingshot"
        )
        parser.add_argument(
            "--realm",
            required=True,
            type=whole_number,
            metavar="N",
            help="the state or kingdom number of most of the guild's members",
        )
        parser.add_argument(
            "--priority",
            type=whole_number,
            default=0,
            help="if codes end at the same time, the guild with the higher priority goes first "
            "(default: 0)",
        )
        parser.add_argument(
            "--not-automatic",
            action="store_true",
            help="do not redeem new codes automatically, but only on request",
        )

    def run(self, **options: Any) -> None:
        """Add the guild.

        Raises:
            CommandError: the guild exists, or a value is not valid.
        """
        config = find_provider(options["provider"])
        guild = Guild(
            name=clean_name(options["name"]),
            provider=config.name,
            realm=options["realm"],
            priority=options["priority"],
            automatic=not options["not_automatic"],
        )
        _check(guild)
        guild.save()
        self.screen.line(
            f"Added guild {guild.name} ({config.title}, {config.realm_word} {guild.realm})."
        )
        self.screen.line(
            f"Next: {settings.COMMAND} import_members FILE --guild {_quoted(guild.name)}"
        )
        if not config.is_on:
            self.warn(
                f"{config.title} is off: {config.why_off}. Nothing is redeemed until it is on."
            )


def _check(guild: Guild) -> None:
    existing = Guild.objects.filter(name=guild.name).first()
    if existing is not None:
        raise CommandError(
            f"There is a guild “{guild.name}” already ({existing.provider}, "
            f"realm {existing.realm}). Change it in the admin, or choose another name."
        )
    if guild.realm < 1:
        raise CommandError("The realm must be the number of a state or kingdom: 1 or more.")
    try:
        guild.full_clean()
    except ValidationError as error:
        raise CommandError(f"The guild cannot be added. {explained(error)}") from error


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
