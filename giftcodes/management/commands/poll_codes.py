"""`manage.py poll_codes [PROVIDER]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_provider
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.models import Trigger
from giftcodes.pipeline.poll import PollResult, poll
from giftcodes.services import feeds


class Command(ServerCommand):
    """As beat's poll, but now, and with the result on the screen."""

    help = (
        "Ask the code feeds now, due or not, and hand new codes to every guild with automatic redeeming. "
        "Exit status: 0, or 1 if a feed failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a game."""
        parser.add_argument(
            "provider",
            nargs="?",
            metavar="PROVIDER",
            help="the game (default: all that have a feed)",
        )

    def run(self, **options: Any) -> None:
        """Poll each.

        Raises:
            CommandError: there is nothing to poll, or a feed failed.
        """
        failed = [config.title for config in _chosen(options["provider"]) if not self._poll(config)]
        if failed:
            raise CommandError(f"No answer that can be used from the feed of: {', '.join(failed)}.")

    def _poll(self, config: ProviderConfig) -> bool:
        with self.screen.doing(f"Asking the feed of {config.title} …"):
            feeds.wait_for_feed(config.name)
            result = poll(config.name, force=True)
        self._show(result)
        for code_id in result.fresh_code_ids:
            tasks.enqueue_on_commit(tasks.fan_out, code_id, Trigger.POLL)
        return result.ok

    def _show(self, result: PollResult) -> None:
        if result.ok:
            self.screen.good(result.message)
        else:
            self.screen.bad(result.message)


def _chosen(name: str | None) -> list[ProviderConfig]:
    if name:
        return [find_provider(name)]
    with_feed: list[ProviderConfig] = [
        config for config in settings.PROVIDERS.values() if config.has_feed
    ]
    if not with_feed:
        raise CommandError(
            "No game has a feed: set WHITEOUT_SALT and WHITEOUT_FEED_URL, or those of another game."
        )
    return with_feed
