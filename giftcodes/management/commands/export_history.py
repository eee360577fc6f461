"""`manage.py export_history`: who got which code, when, and why not."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from giftcodes.cli.atomic_file import atomic_file
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_guild, find_known_code
from giftcodes.domain.text import clean_token
from giftcodes.models import GiftCode
from giftcodes.queries import history_export

_WRITERS = {"csv": history_export.write_csv, "jsonl": history_export.write_jsonl}


class Command(ServerCommand):
    """Rows go to stdout or a file as they are read; a file is complete or not there."""

    help = (
        "Export the history: one row for each member and redemption, as CSV or one JSON object a line. In CSV a cell "
        "that a spreadsheet would take for a formula has an apostrophe before it. Times are UTC."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what is to be exported, and where to."""
        parser.add_argument("--guild", metavar="NAME", help="this guild only")
        parser.add_argument("--code", metavar="CODE", help="this code only, all issues of it")
        parser.add_argument(
            "--since", metavar="DATE", help="what has changed since then only, such as 2026-06-01"
        )
        parser.add_argument(
            "--format", choices=sorted(_WRITERS), default="csv", help="default: csv"
        )
        parser.add_argument("--output", metavar="FILE", help="default: standard output")

    def run(self, **options: Any) -> None:
        """Write the rows.

        Raises:
            CommandError: a filter names nothing, or the file cannot be written.
        """
        found = history_export.rows(**_filters(options["guild"], options["code"], options["since"]))
        write = _WRITERS[options["format"]]
        if options["output"]:
            with atomic_file(Path(options["output"]).expanduser()) as file:
                number = write(found, file)
        else:
            number = write(found, cast(TextIO, _Verbatim(self.stdout)))
        self.stderr.write(f"{number} row(s) exported.", lambda text: text)


class _Verbatim:
    """Django's stdout without the line ends that it adds."""

    def __init__(self, stdout: Any) -> None:
        self._stdout = stdout

    def write(self, text: str) -> None:
        self._stdout.write(text, ending="")


def _filters(guild_name: str | None, code: str | None, since: str | None) -> dict[str, Any]:
    guild = find_guild(guild_name) if guild_name else None
    filters: dict[str, Any] = {
        "guild_id": guild.pk if guild else None,
        "since": _moment(since) if since else None,
    }
    if code and guild:
        known = find_known_code(guild, code)
        filters["code"] = (known.provider, known.folded)
    elif code:
        filters["code"] = _code_of_any_game(code)
    return filters


def _code_of_any_game(code: str) -> tuple[str, str]:
    folded = clean_token(code).casefold()
    providers = sorted(
        set(GiftCode.objects.filter(folded=folded).values_list("provider", flat=True))
    )
    if not providers:
        raise CommandError(f"There is no code “{code}”.")
    if len(providers) > 1:
        raise CommandError(
            f"Code {code} is one of several games ({', '.join(providers)}): name a --guild, too."
        )
    return providers[0], folded


def _moment(text: str) -> dt.datetime:
    """A day's start or a moment, in the time zone of the settings unless it names its own."""
    try:
        day = parse_date(text)
        moment = dt.datetime.combine(day, dt.time()) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(
            f"“{text}” is not a day like 2026-06-01, or a moment like 2026-06-01T12:00."
        )
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
