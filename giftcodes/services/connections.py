"""Store what a person enters under “Connect a game”, and test it."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from giftcodes import channel_rules
from giftcodes.clients.channels import (
    BadAddressError,
    ChannelRules,
    DeliveryOutcome,
    Message,
    Severity,
    channel_client_for,
)
from giftcodes.domain import log_lines
from giftcodes.domain.findings import Finding, FindingKind, Topic
from giftcodes.models import Clock, ConnectionCheck, Feed, PauseKind, RateBudget
from giftcodes.models.encrypted import keyed_hash
from giftcodes.models.feed import FeedKind
from giftcodes.models.games import fingerprint, games, is_fixed
from giftcodes.models.site_settings import (
    DISCORD_TOKEN,
    OPERATOR_CHANNEL,
    SITE_URL,
    operator_channel,
    operator_rules,
)
from giftcodes.models.stored_setting import refresh_stored_values, store
from giftcodes.services import sources
from giftcodes.services.provider_check import check_provider

_FEED_FIELDS = {"feed_url", "feed_key", "feed_format"}
_SIGNATURE_FIELDS = {"salt", "api_url"}
#: The longest time for connecting to the operator's channel.
_CONNECT_SECONDS = 3.0


@transaction.atomic
def save_game(name: str, changes: Mapping[str, str | None], *, user_id: int | None) -> set[str]:
    """Store settings of a game. Fields that the environment decides are left out.

    Args:
        name: the game.
        changes: the new value of each field, by its key in `clients.games.config.IN_BROWSER`. None
            removes a value.
        user_id: the person who entered them.

    Returns:
        The fields that were stored or removed.
    """
    config = settings.PROVIDERS[name]
    free = {field: value for field, value in changes.items() if not is_fixed(config, field)}
    store({config.setting(field): value for field, value in free.items()}, user_id=user_id)
    if _FEED_FIELDS & free.keys():
        # What is known about the old feed says nothing about the new one.
        Feed.objects.filter(provider=name, kind=FeedKind.MAIN).update(
            next_poll_at=Clock(), failures=0, error="", etag="", last_modified=""
        )
    if _SIGNATURE_FIELDS & free.keys():
        # One request tests the new salt at once, before the pause would have ended.
        RateBudget.objects.filter(pk=name, pause_kind=PauseKind.SIGNATURE).update(
            paused_until=Clock()
        )
    if free:
        log_lines.info(
            f"{config.title}: a person changed the connection.", fields=sorted(free), user=user_id
        )
    return set(free)


def save_operator_channel(address: str | None, *, user_id: int | None) -> None:
    """Store the channel for alarms. None removes it."""
    store({OPERATOR_CHANNEL: address}, user_id=user_id)


def save_site_url(address: str | None, *, user_id: int | None) -> None:
    """Store the address of the site. None removes it."""
    store({SITE_URL: address.rstrip("/") if address else None}, user_id=user_id)


def save_discord_token(token: str | None, *, user_id: int | None) -> None:
    """Store the token of the Discord bot. None removes it, and the bot's process ends."""
    store({DISCORD_TOKEN: token}, user_id=user_id)


def request_check(name: str, *, user_id: int | None) -> int | None:
    """Ask for a test of a game, or of the operator's channel.

    Returns:
        The number of the test, for the task that does it. None if a test of the same values is
        under way.
    """
    refresh_stored_values()
    return ConnectionCheck.objects.request(name, user_id=user_id, config_hash=_hash_of(name))


def run_check(name: str, token: int) -> bool:
    """Do a requested test. If the task runs twice for one test, the second call does nothing.

    Returns:
        Whether this call did the test.
    """
    if not ConnectionCheck.objects.claim(name, token):
        return False
    refresh_stored_values()
    if (feed_id := sources.tested_feed(name)) is not None:
        found = [(Topic.FEED, finding) for finding in sources.run_test(feed_id)]
    elif name == OPERATOR_CHANNEL:
        found = [(Topic.CHANNEL, _send_test_message())]
    else:
        found = list(check_provider(games()[name], may_wait=False))
    ConnectionCheck.objects.finish(name, token, found)
    return True


def _hash_of(name: str) -> str:
    if name == OPERATOR_CHANNEL:
        return keyed_hash("connection", operator_channel())
    return fingerprint(games()[name])


def _send_test_message() -> Finding:
    address = operator_channel()
    if not address:
        return Finding(FindingKind.NO_CHANNEL)
    try:
        client = channel_client_for(
            address,
            total_seconds=settings.ANNOUNCE_SECONDS,
            connect_seconds=_CONNECT_SECONDS,
            rules=operator_rules(),
        )
    except BadAddressError as error:
        return Finding.of(FindingKind.MESSAGE_REFUSED, error=error.sentence)
    delivery = client.create(
        Message(
            title=gettext("✅ Test message"),
            text=gettext(
                "Redeemer sends its alarms to this channel. A person asked for this test."
            ),
            url="",
            severity=Severity.GOOD,
        )
    )
    kinds = {
        DeliveryOutcome.DELIVERED: FindingKind.MESSAGE_SENT,
        DeliveryOutcome.UNKNOWN: FindingKind.MESSAGE_UNKNOWN,
    }
    kind = kinds.get(delivery.outcome, FindingKind.MESSAGE_REFUSED)
    return Finding.of(kind, error=delivery.error)


def rules_for_new_channels() -> ChannelRules:
    """The rules for an operator's channel that a person enters in the browser."""
    return channel_rules.for_guilds()
