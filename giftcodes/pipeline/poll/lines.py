"""Compare the lines of a feed with the codes that are known, and store what is new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import transaction

from giftcodes.clients.feeds import PublishedCode
from giftcodes.clients.feeds.base import MAX_SPELLINGS
from giftcodes.domain import log_lines
from giftcodes.models import (
    CodeSighting,
    CodeState,
    EventKind,
    Feed,
    GiftCode,
    RedemptionEvent,
    Source,
    Trigger,
)
from giftcodes.models.code_spellings import REOPENED_FIELDS
from giftcodes.models.deadline import believed, day_of
from giftcodes.pipeline.poll import trust


class FeedLineKind(StrEnum):
    """What a line of the feed says, compared with what is known about its code."""

    NEW = "new"
    KNOWN = "known"
    REDATED = "redated"
    REISSUED = "reissued"
    RESPELLED = "respelled"


@dataclass(slots=True)
class Stored:
    """What was stored.

    Args:
        fresh_code_ids: the codes to fan out: the new ones that have not ended, and the reopened
            ones.
        reopened: how many closed codes are open again.
        new: the codes that were new. One whose end has passed is stored, but not tried.
        held: the new codes that wait, because enough codes of this feed are being tried.
        proposed: the new codes that wait for an administrator.
    """

    fresh_code_ids: list[int] = field(default_factory=list)
    reopened: int = 0
    new: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)


def decide(published: PublishedCode, known: GiftCode | None) -> FeedLineKind:
    """Compare one line of the feed with the newest issue of its code (None: the code is new)."""
    if known is None:
        return FeedLineKind.NEW
    if known.state == CodeState.DELETED:
        return FeedLineKind.KNOWN
    day = believed(published.published_on)
    is_later = day is not None and day > day_of(known.published_on, known.first_seen_at)
    if known.state == CodeState.CLOSED and is_later:
        return FeedLineKind.REISSUED
    if known.can_take(published.code, is_person=False):
        return FeedLineKind.RESPELLED
    if known.state == CodeState.CLOSED:
        return FeedLineKind.KNOWN
    return FeedLineKind.REDATED if is_later else FeedLineKind.KNOWN


@transaction.atomic
def store(
    feed: Feed, lines: Sequence[PublishedCode], *, now: dt.datetime, is_whole: bool = True
) -> Stored:
    """Store each line. A code that is no longer listed stays as it is.

    Args:
        feed: who lists the codes.
        lines: the codes. No two differ only in case.
        now: the database's time.
        is_whole: whether the lines are all that the feed lists now. A webhook sends only new ones.
    """
    # The feeds of a game are stored one after the other. Otherwise two of them could lock the same
    # codes in different orders, and neither would see the end that the other one gives.
    main = Feed.objects.main_of(feed.provider).pk
    Feed.objects.select_for_update(no_key=True).get(pk=main)
    return _Listing(feed, lines, now).store(is_whole=is_whole)


class _Listing:
    """The lines of one answer, and the codes that they are about."""

    def __init__(self, feed: Feed, lines: Sequence[PublishedCode], now: dt.datetime) -> None:
        self.feed, self.lines, self.now = feed, lines, now
        folded = [line.code.casefold() for line in lines]
        self.known = GiftCode.objects.latest_issues(feed.provider, folded)
        ids = [code.pk for code in self.known.values()]
        rows = CodeSighting.objects.filter(feed=feed, gift_code__in=ids).order_by()
        self.seen = set(rows.values_list("gift_code_id", flat=True))
        self.stored = Stored()
        #: How many new codes may be tried now. None if there is no limit.
        self.room: int | None = None
        self.fresh: list[GiftCode] = []
        #: The ids of the codes that no feed has listed before.
        self.first: set[int] = set()
        #: The ids of new codes that have not ended, and of codes that are open again.
        self.tried: set[int] = set()
        self.reopened: set[int] = set()
        # The codes that the lines are about. A line about a new issue is not about the old one.
        self.about: dict[int, PublishedCode] = {}

    def store(self, *, is_whole: bool) -> Stored:
        """Store what the lines say."""
        found = [(line, self.known.get(line.code.casefold())) for line in self.lines]
        judged = [(line, code, decide(line, code)) for line, code in found]
        if any(kind in (FeedLineKind.NEW, FeedLineKind.REISSUED) for *_, kind in judged):
            trust.judge(self.feed, self.now)
        if self.feed.is_trusted:
            self.room = trust.room_for(self.feed, self.now)
            for line, code, kind in judged:
                self._apply(line, code, kind)
        else:
            self._propose(judged)
        gone = self._note_gone() if is_whole else []
        self._insert_fresh()
        self._note_sightings()
        if self.feed.is_trusted:
            self._follow_ends([*self.about, *gone])
            GiftCode.objects.filter(pk__in=self.about).update(last_seen_at=self.now)
        self.stored.reopened = len(self.reopened)
        self.stored.fresh_code_ids = sorted(self.tried | self.reopened)
        return self.stored

    def _apply(self, line: PublishedCode, code: GiftCode | None, kind: FeedLineKind) -> None:
        if code is None or kind is FeedLineKind.REISSUED:
            if self._takes_room(line):
                issue = 1 if code is None else code.issue + 1
                self.fresh.append(
                    _new(line, provider=self.feed.provider, issue=issue, now=self.now)
                )
            return
        if kind is FeedLineKind.REDATED:
            GiftCode.objects.filter(pk=code.pk).update(published_on=line.published_on)
        elif self._is_news(code, line):
            if not self._takes_room(line):
                return
            if self._begin_again(code, line):
                self.reopened.add(code.pk)
        elif self._may_respell(code):
            _respell(code, line, now=self.now)
        self.about[code.pk] = line

    def _takes_room(self, line: PublishedCode) -> bool:
        if self.room == 0:
            self.stored.held.append(line.code)
            return False
        if self.room is not None:
            self.room -= 1
        return True

    def _may_respell(self, code: GiftCode) -> bool:
        """Whether further spellings are taken, each of which costs requests.

        An added feed that has listed the code before could send a new spelling with each poll.
        """
        is_new_here = self.feed.is_main or code.pk not in self.seen
        return is_new_here or len(code.spellings()) < MAX_SPELLINGS

    def _is_news(self, code: GiftCode, line: PublishedCode) -> bool:
        return code.pk not in self.seen and code.is_news_to_feed(has_end=bool(line.expires_at))

    def _begin_again(self, known: GiftCode, line: PublishedCode) -> bool:
        """Reopen a closed code, because this feed lists it for the first time.

        Otherwise a spelling that an officer guessed wrongly, or another feed's wrong end, could
        keep the real code closed for all guilds (`GiftCode.is_news_to_feed`).
        """
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=known.pk)
        if not self._is_news(code, line):
            return False
        code.begin_again(line.code, list(line.other_spellings), now=self.now)
        _note_open_again(code, f"🔁 Code {code} is open again: the feed has it now.")
        known.refresh_from_db()
        return True

    def _propose(self, judged: list[tuple[PublishedCode, GiftCode | None, FeedLineKind]]) -> None:
        new = [line for line, _code, kind in judged if kind is FeedLineKind.NEW]
        self.stored.proposed = trust.propose(self.feed, new, self.now)
        for line, code, kind in judged:
            if code is not None and kind is not FeedLineKind.REISSUED:
                self.about[code.pk] = line

    def _insert_fresh(self) -> None:
        if not self.fresh:
            return
        GiftCode.objects.bulk_create(self.fresh, ignore_conflicts=True)
        lines = {line.code.casefold(): line for line in self.lines}
        for code in self.fresh:
            log_lines.info(
                f"🆕 New code {code} in the feed. {code.reason}".rstrip(),
                provider=self.feed.provider,
                published=str(code.published_on or "unknown"),
            )
        rows = GiftCode.objects.latest_issues(
            self.feed.provider, [code.folded for code in self.fresh]
        )
        self.first = {code.pk for code in rows.values() if code.first_seen_at == self.now}
        self.about |= {code.pk: lines[folded] for folded, code in rows.items()}
        self.tried |= {code.pk for code in rows.values() if code.state == CodeState.ACTIVE}
        self.stored.new = [code.code for code in self.fresh]

    def _note_sightings(self) -> None:
        """Record that the feed lists these codes, in one statement."""
        CodeSighting.objects.bulk_create(
            (
                CodeSighting(
                    feed=self.feed,
                    gift_code_id=code_id,
                    first_seen_at=self.now,
                    last_seen_at=self.now,
                    published_on=line.published_on,
                    expires_at=line.expires_at,
                    is_first=code_id in self.first,
                )
                for code_id, line in sorted(self.about.items())
            ),
            update_conflicts=True,
            unique_fields=["feed", "gift_code"],
            update_fields=["last_seen_at", "published_on", "expires_at", "is_listed"],
        )

    def _note_gone(self) -> list[int]:
        """Record which codes the feed no longer lists. Returns their ids."""
        rows = CodeSighting.objects.filter(feed=self.feed, is_listed=True)
        gone = list(rows.exclude(gift_code__in=self.about).values_list("gift_code_id", flat=True))
        if gone:
            rows.filter(gift_code__in=gone).update(is_listed=False)
        return gone

    def _follow_ends(self, code_ids: list[int]) -> None:
        """Store the latest end that the feeds give now, unless a person set one (`takes_end`).

        A code that is open again because its end was extended must be fanned out.
        """
        ends = CodeSighting.objects.latest_ends(code_ids)
        changed = [
            code.pk
            for code in GiftCode.objects.filter(pk__in=ends).order_by("pk")
            if code.takes_end(ends[code.pk], self.now)
        ]
        for pk in changed:
            # `takes_end` is checked again under the row lock: a person may be setting the end now.
            code = GiftCode.objects.select_for_update(no_key=True).get(pk=pk)
            if not code.takes_end(ends[pk], self.now):
                continue
            fields: Sequence[str] = ["expires_at", "feed_end"]
            if code.ended_by_feed:
                code.reopen(self.now)
                self.reopened.add(pk)
                fields = REOPENED_FIELDS
                _note_open_again(code, f"🔁 Code {code} is open again: the feed has extended it.")
            code.expires_at = code.feed_end = ends[pk]
            code.save(update_fields=fields)


def _note_open_again(code: GiftCode, words: str) -> None:
    RedemptionEvent.objects.create(
        gift_code=code, kind=EventKind.CODE_REOPENED, trigger=Trigger.POLL
    )
    log_lines.info(words, code=str(code))


def _respell(known: GiftCode, line: PublishedCode, *, now: dt.datetime) -> None:
    """Add those spellings of a line that are new to the known code."""
    for spelling in (line.code, *line.other_spellings):
        if not known.can_take(spelling, is_person=False):
            continue
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=known.pk)
        if code.can_take(spelling, is_person=False):
            code.take_spelling(spelling, is_person=False, now=now)
            log_lines.info(f"🔡 The feed lists code {code} as {spelling}, too.", code=str(code))


def _new(line: PublishedCode, *, provider: str, issue: int, now: dt.datetime) -> GiftCode:
    code = GiftCode(
        provider=provider,
        code=line.code,
        folded=line.code.casefold(),
        other_spellings=list(line.other_spellings),
        issue=issue,
        source=Source.FEED,
        published_on=line.published_on,
        expires_at=line.expires_at,
        feed_end=line.expires_at,
        first_seen_at=now,
        last_seen_at=now,
    )
    if line.expires_at is not None and line.expires_at <= now:
        # The code is kept, so that people see it and a later end can reopen it. The game is not
        # asked.
        ended = f"The feed says that it ended at {line.expires_at:%Y-%m-%d %H:%M} UTC, "
        code.close(f"{ended}before it was first seen. It was not redeemed.", outcome=None, now=now)
    return code
