"""The feeds that a person adds in the browser: test them, and take the codes that programs send.

A *webhook* is a feed that is not polled: another program sends its codes.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction

from giftcodes.clients.feeds import FeedReading, FeedStatus, fetch, pushed
from giftcodes.clients.feeds.base import MAX_SKIPPED_KEPT, QUOTED_LENGTH
from giftcodes.domain import log_lines
from giftcodes.domain.findings import Finding, FindingKind
from giftcodes.domain.lists import joined
from giftcodes.domain.sentences import Sentence, english
from giftcodes.domain.text import one_line
from giftcodes.domain.tokens import TokenKind, new_token, token_hash
from giftcodes.models import (
    Alarm,
    Clock,
    ConnectionCheck,
    Feed,
    GiftCode,
    Throttle,
    database_now,
)
from giftcodes.models.encrypted import keyed_hash
from giftcodes.models.feed import FeedTrust
from giftcodes.models.feed_sources import UnreadableFeedError, source_of
from giftcodes.models.games import games
from giftcodes.pipeline.poll import receive

#: How often a program may send codes, for each feed in a minute.
PUSHES_IN_MINUTE = 30
#: How many wrong tokens one address may send in ten minutes, before it is told to wait.
WRONG_TOKENS = 20
#: The beginning of the name of a feed's test (`ConnectionCheck`). No game has such a name.
_TEST = "feed-"
#: How many codes the test of a feed names.
_NAMED = 30


# --- What a person does ---------------------------------------------------------------------------
def switch(feed: Feed, *, is_on: bool) -> None:
    """Switch a feed on, so that it is polled at once, or off."""
    Feed.objects.filter(pk=feed.pk).update(enabled=is_on, next_poll_at=Clock())
    if not is_on:
        clear_alarms(feed)


def forget_answers(feed: Feed) -> None:
    """Forget what is known about the feed's last address: it says nothing about the new one."""
    Feed.objects.filter(pk=feed.pk).update(
        next_poll_at=Clock(), failures=0, error="", etag="", last_modified=""
    )


def believe(feed: Feed, trust: FeedTrust) -> None:
    """Decide whether new codes of a feed are tried without a person. Forget the feed's mistakes."""
    feed.believe(trust, database_now())
    Alarm.objects.clear(Alarm.Kind.FEED_WRONG, str(feed.pk))


def clear_alarms(feed: Feed) -> None:
    """Clear the alarms about a feed that is switched off or deleted."""
    kinds = [Alarm.Kind.FEED_SILENT, Alarm.Kind.FEED_WRONG]
    Alarm.objects.filter(kind__in=kinds, subject=str(feed.pk)).clear_all()


@transaction.atomic
def remove(feed: Feed) -> None:
    """Delete a feed, with the record of what it listed. Its codes stay."""
    clear_alarms(feed)
    ConnectionCheck.objects.filter(pk=name_of_test(feed)).delete()
    feed.delete()


def make_token(feed: Feed) -> str:
    """Make the token with which another program sends codes. An earlier token ends.

    Returns:
        The token. It is shown once, and the table holds only its hash.
    """
    token = new_token(TokenKind.SOURCE)
    Feed.objects.filter(pk=feed.pk).update(token_hash=token_hash(token))
    return token


# --- The test -------------------------------------------------------------------------------------
def name_of_test(feed: Feed) -> str:
    """The name of the feed's test (`ConnectionCheck`)."""
    return f"{_TEST}{feed.pk}"


def request_test(feed: Feed, *, user_id: int | None) -> int | None:
    """Ask a worker to fetch the feed once. Returns the same as `connections.request_check`."""
    values = repr((feed.kind, feed.address, feed.api_key, sorted(feed.options.items())))
    return ConnectionCheck.objects.request(
        name_of_test(feed), user_id=user_id, config_hash=keyed_hash("connection", values)
    )


def tested_feed(name: str) -> int | None:
    """The id of the feed that a test is about. None if it is about something else."""
    number = name.removeprefix(_TEST)
    return int(number) if name.startswith(_TEST) and number.isdecimal() else None


def run_test(feed_id: int) -> list[Finding]:
    """Fetch a feed once, and say which codes it lists. Nothing is stored."""
    feed = Feed.objects.filter(pk=feed_id).first()
    if feed is None:
        return []
    try:
        source = source_of(feed)
    except KeyError:
        words = Sentence.of("feed_of_unknown_game")
        return [Finding.of(FindingKind.FEED_FAILED, error=words)]
    except UnreadableFeedError:
        words = Sentence.of("feed_not_decrypted")
        return [Finding.of(FindingKind.FEED_FAILED, error=words)]
    Feed.objects.filter(pk=feed_id).update(polled_at=Clock())
    reading = fetch(
        source, total_seconds=settings.HTTP_SECONDS, connect_seconds=settings.HTTP_CONNECT_SECONDS
    )
    if reading.status is FeedStatus.FAILED:
        return [Finding.of(FindingKind.FEED_FAILED, error=reading.error)]
    return list(_findings(feed, reading))


def _findings(feed: Feed, reading: FeedReading) -> list[Finding]:
    if not reading.codes:
        found = [Finding(FindingKind.FEED_EMPTY)]
    else:
        named = joined(one.code for one in reading.codes[:_NAMED])
        more = len(reading.codes) - _NAMED
        known = GiftCode.objects.latest_issues(
            feed.provider, [one.code.casefold() for one in reading.codes]
        )
        number = len(reading.codes)
        found = [
            Finding.of(FindingKind.FEED_LISTS, number=number),
            Finding.of(
                FindingKind.FEED_NAMES,
                codes=f"{named} (+ {more})" if more > 0 else named,
                new=number - len(known),
            ),
        ]
    if reading.skipped_count:
        first, skipped = reading.skipped[0], reading.skipped_count
        found.append(Finding.of(FindingKind.FEED_UNREAD, skipped=skipped, first=first))
    return found


# --- The webhook ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of the codes that another program has sent.

    Args:
        problem: why no code could be read. Empty if at least one could.
        skipped: why lines were skipped.
        new: the codes that are new. One whose end has passed is stored, but not tried.
        known: the codes that were known.
        proposed: the codes that wait for an administrator.
        held: the codes that must be sent again, because enough codes of this feed are being tried.
        fresh_code_ids: the codes that the caller must fan out.
    """

    problem: str = ""
    skipped: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    fresh_code_ids: list[int] = field(default_factory=list)


def feed_of(feed_id: int, token: str) -> Feed | None:
    """The webhook with this token. None if there is none."""
    if not token:
        return None
    feed = Feed.objects.filter(pk=feed_id).exclude(token_hash="").first()
    is_right = feed is not None and hmac.compare_digest(feed.token_hash, token_hash(token))
    return feed if is_right else None


def seconds_after_wrong_token(address: str) -> int:
    """Count a wrong token. Returns 0, or the seconds to wait if there were too many."""
    return Throttle.objects.take("source token", address, most=WRONG_TOKENS, seconds=600)


def seconds_until_push(feed: Feed) -> int:
    """Count a request of a program. Returns 0 if it is accepted, else the seconds to wait."""
    return Throttle.objects.take("push", str(feed.pk), most=PUSHES_IN_MINUTE, seconds=60)


def why_closed(feed: Feed) -> str:
    """Why a webhook takes no codes now. Empty if it takes them."""
    config = games().get(feed.provider)
    if not feed.is_pushed or not feed.enabled:
        return "This feed is switched off. An administrator can switch it on."
    if config is None or not config.is_on:
        return "The game of this feed is switched off."
    return ""


def push(feed: Feed, body: bytes) -> Pushed:
    """Read the codes in a body, and store them."""
    listing = pushed.read_pushed(body)
    skipped = [
        english(words.with_values(lambda value: one_line(value, QUOTED_LENGTH)))
        for words in listing.skipped[:MAX_SKIPPED_KEPT]
    ]
    if listing.problem or not listing.codes:
        words = listing.problem or Sentence.of("body_without_codes")
        return Pushed(problem=english(words), skipped=skipped)
    stored = receive(feed, listing.codes)
    # The answer names a code as the program has sent it.
    other = {*stored.new, *stored.proposed, *stored.held}
    known = [one.code for one in listing.codes if one.code not in other]
    log_lines.info(f"📨 {feed}: {len(listing.codes)} code(s) received, {len(stored.new)} new.")
    return Pushed(
        skipped=skipped,
        new=stored.new,
        known=known,
        proposed=stored.proposed,
        held=stored.held,
        fresh_code_ids=stored.fresh_code_ids,
    )
