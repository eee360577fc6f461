"""`manage.py status [--json]`."""

from __future__ import annotations

import datetime as dt
import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.utils import translation

from giftcodes.cli.base import ServerCommand
from giftcodes.cli.terminal import Table
from giftcodes.domain.served import SIGNS, Tone
from giftcodes.models.code import code_words
from giftcodes.queries.overview import overview

_MOST_RUNS = 50


class Command(ServerCommand):
    help = (
        "Show games, feeds, runs in progress, and alarms. This changes nothing. Exit status: 0, "
        "even if there are alarms."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="for programs: one JSON object with stable keys"
        )

    def run(self, **options: Any) -> None:
        if options["json"]:
            with translation.override("en"):
                found = overview(most_runs=None)
            self.screen.line(json.dumps(found, ensure_ascii=False, indent=1))
            return
        found = overview(most_runs=_MOST_RUNS)
        self.screen.table(_games(found))
        for game in found["providers"]:
            for feed in game["added_feeds"]:
                self._show_feed(game["title"], feed)
        self.screen.line()
        if found["running"]:
            self.screen.table(_runs(found["running"], found["redemptions"]["running"]))
        else:
            self.screen.line("Nothing is being redeemed.")
        self._show_recent(found["recent"])
        number = found["redemptions"]
        self.screen.line(
            f"Redemptions that wait: {number['pending']}. Stopped: {number['stopped']}. "
            f"Finished: {number['complete']}."
        )
        self.screen.line(f"Duplicates refused in the last 24 h: {found['refused_last_24_h']}.")
        self._show_health(found)

    def _show_feed(self, title: str, feed: dict[str, Any]) -> None:
        """A feed that a person has added, in one line."""
        answered, next_poll, errors = _feed_cells(feed)
        parts = [f"last answer {answered}"]
        if not feed["is_polled"]:
            parts.append("switched off")
        elif next_poll:
            parts.append(f"next poll {next_poll}")
        parts += [errors] if errors else []
        parts += [] if feed["is_trusted"] else ["new codes wait for an administrator"]
        say = self.screen.bad if feed["is_polled"] and feed["failures"] else self.screen.line
        say(f"Feed “{feed['name']}” of {title}: {'; '.join(parts)}")

    def _show_recent(self, runs: list[dict[str, Any]]) -> None:
        """The runs that ended last, each with its result."""
        if not runs:
            return
        self.screen.line("Ended last:")
        for run in runs:
            sign = SIGNS[Tone(run["result"]["tone"])]
            self.screen.paragraph(
                f"{sign} {_clock(run['ended_at'])} {_code(run)} for {run['guild']}: "
                f"{run['result']['words']} ({run['served']['words']})",
                indent=2,
            )

    def _show_health(self, found: dict[str, Any]) -> None:
        for alarm in found["alarms"]:
            self.screen.bad(f"Alarm since {_clock(alarm['raised_at'])}: {alarm['message']}")
        for channel in found["channels_that_rest"]:
            until = _clock(channel["rests_until"])
            self.screen.bad(
                f"The channel “{channel['channel']}” of guild {channel['guild']} rests until "
                f"{until}: {channel['error']}"
            )
        beat = found["beat"]
        if beat["is_alive"]:
            self.screen.good(f"Beat's last tick was {beat['age_seconds']} s ago.")
        elif beat["last_tick_at"] is None:
            self.screen.bad(f"No worker has run yet: start `{settings.START_COMMAND}`.")
        else:
            self.screen.bad(
                f"No worker has been running since {_clock(beat['last_tick_at'])}: start "
                f"`{settings.START_COMMAND}`."
            )


def _games(found: dict[str, Any]) -> Table:
    rows = [
        (
            game["title"],
            _on(game),
            _used(game["budget"]),
            _left(game["queue"]),
            *_feed_cells(game["feed"]),
        )
        for game in found["providers"]
    ]
    headers = (
        "Game",
        "State",
        "Requests used",
        "To be sent",
        "Feed's last answer",
        "Next poll",
        "Feed's errors",
    )
    return Table("Games", headers, rows)


def _on(game: dict[str, Any]) -> str:
    connection = game["connection"]
    if not game["is_on"]:
        return f"off ({connection['reason'].rstrip('.')})"
    pause = game["pause"]
    if pause is None:
        is_down = connection["state"] == "unreachable"
        return f"on, but cannot be used: {connection['reason']}" if is_down else "on"
    until = f"until {_clock(pause['until'])}" if pause["until"] else "until it is resumed"
    return f"paused {until}: {pause['reason']}"


def _used(budget: dict[str, Any]) -> str:
    return f"{budget['used']} of {budget['limit']}" if budget["limit"] is not None else "unlimited"


def _left(queue: dict[str, Any]) -> str:
    """The number of waiting requests, and the time that they will take."""
    return f"{queue['requests']} ({queue['words']})" if queue["requests"] else "nothing"


def _feed_cells(feed: dict[str, Any] | None) -> tuple[str, str, str]:
    if feed is None:
        return ("no feed", "", "")
    next_poll = _clock(feed["next_poll_at"]) if feed["is_polled"] else "switched off"
    errors = f"{feed['failures']} failure(s): {feed['error']}" if feed["failures"] else ""
    return (_clock(feed["answered_at"]) or "none yet", next_poll, errors)


def _runs(running: list[dict[str, Any]], number: int) -> Table:
    rows = [
        (
            run["guild"],
            _code(run),
            f"{run['served']['has']} of {run['total']}"
            + (", stopping" if run["is_stopping"] else ""),
            run["served"]["rest"],
            run["outlook"]["ahead_of_last"] if run["outlook"] else "",
            run["outlook"]["words"] if run["outlook"] else "",
        )
        for run in running
    ]
    left = number - len(rows)
    return Table(
        "Being redeemed",
        ("Guild", "Code", "Have it", "The others", "Ahead", "Left"),
        rows,
        more=f"… and {left} more runs." if left > 0 else "",
    )


def _code(run: dict[str, Any]) -> str:
    return code_words(run["code"], run["issue"])


def _clock(iso: str | None) -> str:
    """A moment in the local time zone, with its date unless it is today."""
    if iso is None:
        return ""
    moment = dt.datetime.fromisoformat(iso).astimezone()
    is_today = moment.date() == dt.datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")
