"""The feed is empty, unreadable or contradictory while a run goes on."""

from __future__ import annotations

import datetime as dt

from chaos.game import line
from chaos.round import Stage
from chaos.scenario import scenario

_JUNK = ("empty", "html", "huge", "garbage", "truncated", "status", "detail", "error", "reset")


@scenario(
    "feed-junk",
    "The feed answers with nothing, HTML, 10 MB of junk and more; then it lists a second code.",
)
def feed_junk(stage: Stage) -> None:
    stage.begin()
    stage.wait_for_share(0.2)
    for kind in stage.random.sample(_JUNK, 5):
        stage.system.game.change(feed_faults=[{"fault": kind, "times": 1}])
        stage.system.books.poll_now()
        stage.system.pause(2.2)
        stage.note_fault()
    _use_up(stage)
    stage.begin()


def _use_up(stage: Stage) -> None:
    """Poll until no scripted fault is left: failures make the feed's next poll later."""

    def is_clean() -> bool:
        stage.system.books.poll_now()
        return bool(stage.system.books.value("SELECT failures = 0 FROM giftcodes_feed"))

    stage.system.wait(is_clean, "the feed to answer again", seconds=40)


@scenario(
    "feed-vanish",
    "A code vanishes from the feed in mid-run, comes back, and comes back in other case.",
)
def feed_vanish(stage: Stage) -> None:
    code = stage.begin()
    stage.wait_for_random_moment(0.5)
    stage.system.game.change(remove_from_feed=[code])
    _polled(stage)
    stage.system.game.change(feed=[line(code)])
    _polled(stage)
    stage.system.game.change(remove_from_feed=[code], feed=[line(code.upper()), line(code.lower())])
    _polled(stage)
    known = stage.system.books.value(
        "SELECT count(*) FROM giftcodes_giftcode WHERE folded = %s", code.casefold()
    )
    if known != 1:
        stage.complaints.append(f"{known} rows for one code in three spellings")


@scenario(
    "feed-reissue",
    "A closed code is published with a later date: a new issue, redeemed for everybody once more.",
)
def feed_reissue(stage: Stage) -> None:
    code = stage.begin()
    stage.system.wait(stage.is_settled, "the first issue to settle", seconds=stage.patience_seconds)
    stage.system.books.close_codes()
    stage.system.game.change(codes={code: {"reissue": True}}, remove_from_feed=[code])
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    stage.system.game.change(feed=[line(code, tomorrow)])
    _polled(stage)
    stage.issues = 2


def _polled(stage: Stage) -> None:
    """Let the feed be asked, and the answer be stored."""
    stage.note_fault()
    stage.system.books.poll_now()
    stage.system.pause(2.5)
