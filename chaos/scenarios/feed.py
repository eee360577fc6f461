"""Scenarios in which the feed is empty, unreadable or contradictory during a run."""

from __future__ import annotations

import datetime as dt

from chaos.game import line
from chaos.round import Round
from chaos.scenario import scenario

_JUNK = ("empty", "html", "huge", "garbage", "truncated", "status", "detail", "error", "reset")


@scenario(
    "feed-junk",
    "The feed answers with five kinds of junk, such as HTML; then it lists a second code.",
)
def feed_junk(round_: Round) -> None:
    round_.new_code()
    round_.wait_for_progress(0.2)
    for kind in round_.random.sample(_JUNK, 5):
        round_.system.game.change(feed_faults=[{"fault": kind, "times": 1}])
        round_.system.database.poll_now()
        round_.system.pause(2.2)
        round_.record_fault()
    _use_up_faults(round_)
    round_.new_code()


def _use_up_faults(round_: Round) -> None:
    """Poll until no scripted fault is left. Waiting for the feed's back-off would take longer."""

    def is_clean() -> bool:
        round_.system.database.poll_now()
        return bool(round_.system.database.value("SELECT failures = 0 FROM giftcodes_feed"))

    round_.system.wait_until(is_clean, "the feed to answer again", seconds=40)


@scenario(
    "feed-vanish",
    "A code leaves the feed during a run, returns, and is then listed with other capitals.",
)
def feed_vanish(round_: Round) -> None:
    code = round_.new_code()
    round_.wait_for_random_moment(0.5)
    round_.system.game.change(remove_from_feed=[code])
    _poll(round_)
    round_.system.game.change(feed=[line(code)])
    _poll(round_)
    round_.system.game.change(
        remove_from_feed=[code], feed=[line(code.upper()), line(code.lower())]
    )
    _poll(round_)
    known = round_.system.database.value(
        "SELECT count(*) FROM giftcodes_giftcode WHERE folded = %s", code.casefold()
    )
    if known != 1:
        round_.problems.append(f"{known} rows for one code in three spellings")


@scenario(
    "feed-reissue",
    "A closed code is published with a later date: the new issue is redeemed for all members.",
)
def feed_reissue(round_: Round) -> None:
    code = round_.new_code()
    round_.system.wait_until(
        round_.is_settled, "the first issue to settle", seconds=round_.patience_seconds
    )
    round_.system.database.close_codes()
    round_.system.game.change(codes={code: {"reissue": True}}, remove_from_feed=[code])
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    round_.system.game.change(feed=[line(code, tomorrow)])
    _poll(round_)
    round_.issues = 2


def _poll(round_: Round) -> None:
    """Make the feed's next poll due now, and wait long enough for its answer to be stored."""
    round_.record_fault()
    round_.system.database.poll_now()
    round_.system.pause(2.5)
