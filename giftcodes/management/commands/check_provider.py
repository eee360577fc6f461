"""`manage.py check_provider NAME`: can this game work?"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_provider
from giftcodes.clients.feeds import FeedStatus, fetch
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.models import RateBudget, database_now
from giftcodes.services import feeds
from giftcodes.services.game_check import Finding, check_game, check_service


class Command(ServerCommand):
    """Each part is one line: ✓ works, ✗ does not and what to do, – is not set up and need not be."""

    help = (
        "Check whether a game can work: is its salt set, is its service up, does it accept our signature, does its "
        "feed answer. It sends two requests to the game (one without a player, and one for a player and a code that "
        "do not exist) and one to the feed, and never shows a secret. Exit status: 0 if all is well, else 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the game's name."""
        parser.add_argument("name", metavar="NAME", help="the game, such as whiteout or kingshot")

    def run(self, **options: Any) -> None:
        """Show what is found.

        Raises:
            CommandError: something does not work.
        """
        config = find_provider(options["name"])
        self.screen.line(f"{config.title} ({config.name})")
        fine, is_down = True, False
        for what, check in CHECKS.items():
            with self.screen.doing(f"{what} …"):
                finding = NOT_ASKED if is_down and check is check_game_if_on else check(config)
            if finding is not None:
                self._show(what, finding)
                fine, is_down = fine and finding.ok is not False, is_down or finding.is_down
        if not fine:
            raise CommandError(f"{config.title} cannot work like this: see the lines with ✗.")

    def _show(self, what: str, finding: Finding) -> None:
        show = {True: self.screen.good, False: self.screen.bad, None: self.screen.neutral}[
            finding.ok
        ]
        show(f"{what}: {finding.words}")


def check_salt(config: ProviderConfig) -> Finding:
    """Is there a salt?"""
    name = f"{config.name.upper()}_SALT"
    if config.salt:
        return Finding(True, f"{name} is set.")
    return Finding(
        False,
        f"{name} is not set: the game is off. Put it into .env (README, “Connect the real game”).",
    )


def check_service_if_on(config: ProviderConfig) -> Finding | None:
    """Is the service up?"""
    return check_service(config) if config.is_on else None


def check_game_if_on(config: ProviderConfig) -> Finding | None:
    """Does the game accept us?"""
    if config.salt and not config.api_url:
        return Finding(False, f"{config.name.upper()}_API_URL is not set.")
    return check_game(config) if config.is_on else None


def check_pause(config: ProviderConfig) -> Finding | None:
    """Is redeeming paused?"""
    budget = RateBudget.objects.filter(pk=config.name).first()
    if budget is None or not budget.pause_kind:
        return None
    if budget.paused_until is None:
        return Finding(
            False, f"paused until somebody resumes it in the admin: {budget.pause_reason}"
        )
    seconds = max(0.0, (budget.paused_until - database_now()).total_seconds())
    return Finding(
        False,
        f"{budget.pause_reason} Paused; one request finds out in {seconds:.0f} s if it works again.",
    )


def check_feed(config: ProviderConfig) -> Finding | None:
    """Does the feed send its list?"""
    if not config.feed_url:
        return Finding(None, f"{config.name.upper()}_FEED_URL is not set: codes are added by hand.")
    feeds.wait_for_feed(config.name)
    feeds.note_asked(config.name)
    reading = fetch(
        config, total_seconds=settings.HTTP_SECONDS, connect_seconds=settings.HTTP_CONNECT_SECONDS
    )
    if reading.status is FeedStatus.FAILED:
        return Finding(False, reading.error)
    skipped = (
        f"; {reading.skipped_count} line(s) could not be read" if reading.skipped_count else ""
    )
    return Finding(True, f"{len(reading.codes)} code(s) listed{skipped}.")


NOT_ASKED = Finding(
    None, "not asked for a code, since its service is down: whether the salt is right is not known."
)

#: In this order: what comes first explains what comes after.
CHECKS: dict[str, Callable[[ProviderConfig], Finding | None]] = {
    "Salt": check_salt,
    "Service": check_service_if_on,
    "Game": check_game_if_on,
    "Pause": check_pause,
    "Feed": check_feed,
}
