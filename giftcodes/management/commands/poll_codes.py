"""`manage.py poll_codes [PROVIDER]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_provider
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.models import Feed, Trigger
from giftcodes.models.game_words import title_of
from giftcodes.models.games import games
from giftcodes.models.start_rules import providers_on
from giftcodes.pipeline.poll import PollResult, poll, poll_feed
from giftcodes.services import feeds


class Command(ServerCommand):
    help = (
        "Poll the code feeds now, even if they are not due, and redeem new codes for every guild "
        "with automatic redeeming. Exit status: 0, or 1 if a feed failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "provider",
            nargs="?",
            metavar="PROVIDER",
            help="the game (default: all games with a feed)",
        )

    def run(self, **options: Any) -> None:
        """Poll the feeds, one after the other.

        Raises:
            CommandError: there is no feed to poll, or a feed failed.
        """
        named = find_provider(options["provider"]) if options["provider"] else None
        names = [named.name] if named else providers_on()
        added = Feed.objects.polled().filter(provider__in=names)
        chosen = [named] if named else _all_with_feed(may_be_none=added.exists())
        if named and not named.has_feed and added.exists():
            chosen = []
        failed = [config.title for config in chosen if not self._poll_main(config)]
        failed += [_title(feed) for feed in added if not self._poll_added(feed)]
        if failed:
            raise CommandError(f"No usable answer from the feed of: {', '.join(failed)}.")

    def _poll_main(self, config: ProviderConfig) -> bool:
        with self.screen.spinner(f"Asking the feed of {config.title} …"):
            feeds.wait_for_feed(config.name)
            return self._show(poll(config.name, force=True))

    def _poll_added(self, feed: Feed) -> bool:
        with self.screen.spinner(f"Asking the feed of {_title(feed)} …"):
            return self._show(poll_feed(feed.pk, force=True))

    def _show(self, result: PollResult) -> bool:
        (self.screen.good if result.ok else self.screen.bad)(result.message)
        for code_id in result.fresh_code_ids:
            tasks.enqueue_on_commit(tasks.fan_out, code_id, Trigger.POLL)
        return result.ok


def _title(feed: Feed) -> str:
    return f"{title_of(feed.provider)}, feed “{feed.name}”"


def _all_with_feed(*, may_be_none: bool) -> list[ProviderConfig]:
    with_feed: list[ProviderConfig] = [config for config in games().values() if config.has_feed]
    if not with_feed and not may_be_none:
        raise CommandError(
            "No game has a feed: set WHITEOUT_SALT and WHITEOUT_FEED_URL, or those of another game."
        )
    return with_feed
