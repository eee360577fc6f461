"""`manage.py export_history [--guild NAME] [--code CODE] [--since DATE] [--output FILE]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from giftcodes.cli.atomic_file import output_stream
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import (
    find_code_of_any_game,
    find_guild,
    find_known_code,
    parse_moment,
)
from giftcodes.queries import history_export

_WRITERS = {"csv": history_export.write_csv, "jsonl": history_export.write_jsonl}


class Command(ServerCommand):
    help = (
        "Export the history: one row for each member and code, as CSV or as one JSON object a "
        "line. In CSV, a cell that a spreadsheet would read as a formula begins with an "
        "apostrophe; a CSV file begins with a byte order mark, so that spreadsheets read it as "
        "UTF-8. Times are UTC. A file appears only when it is complete."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--guild", metavar="NAME", help="this guild only")
        parser.add_argument("--code", metavar="CODE", help="this code only, in all its issues")
        parser.add_argument(
            "--since", metavar="DATE", help="only rows changed since this date, such as 2026-06-01"
        )
        parser.add_argument(
            "--format", choices=sorted(_WRITERS), default="csv", help="default: csv"
        )
        parser.add_argument("--output", metavar="FILE", help="default: standard output")

    def run(self, **options: Any) -> None:
        """Write the rows.

        Raises:
            CommandError: a filter has no match, or the file cannot be written.
        """
        found = history_export.rows(**_filters(options["guild"], options["code"], options["since"]))
        with output_stream(options["output"], self.stdout) as file:
            if options["output"] and options["format"] == "csv":
                file.write(history_export.BYTE_ORDER_MARK)
            number = _WRITERS[options["format"]](found, file)
        self.stderr.write(f"{number} row(s) exported.", lambda text: text)


def _filters(guild_name: str | None, code: str | None, since: str | None) -> dict[str, Any]:
    guild = find_guild(guild_name) if guild_name else None
    filters: dict[str, Any] = {
        "guild_id": guild.pk if guild else None,
        "since": parse_moment(since) if since else None,
    }
    if code and guild:
        known = find_known_code(guild, code)
        filters["code"] = (known.provider, known.folded)
    elif code:
        filters["code"] = find_code_of_any_game(code)
    return filters
