"""The supervisor asks whether beat ticks, and says so once each way."""

from __future__ import annotations

import threading

from redeemer.localserver.pulse import PulseWatch
from tests.waiting import PATIENCE_SECONDS, wait_for


class Site:
    """Answers as it is told, and counts how often it was asked."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.asked = 0
        self.answered = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def ask(self) -> int | None:
        self.asked += 1
        self.may_answer.wait(PATIENCE_SECONDS)
        self.answered += 1
        return self.status


def test_it_says_once_that_beat_is_silent_and_once_that_it_ticks_again() -> None:
    site, said = Site(), []
    watch = PulseWatch(site.ask, said.append, grace_seconds=0, every_seconds=0.01)

    for status, lines in [(200, 0), (None, 0), (503, 1), (None, 1), (503, 1), (200, 2), (200, 2)]:
        site.status = status
        asked = site.asked
        wait_for(lambda asked=asked: watch.look() or site.asked > asked + 2, "questions")  # type: ignore[misc]
        assert len(said) == lines

    assert [line.split(",")[0] for line in said] == ["Beat does not tick", "Beat ticks again."]


def test_a_site_that_hangs_holds_nobody_up() -> None:
    site = Site()
    site.may_answer.clear()
    watch = PulseWatch(site.ask, lambda words: None, grace_seconds=0, every_seconds=60)

    watch.look()
    watch.look()

    assert site.answered == 0
    assert site.asked <= 1
    site.may_answer.set()


def test_after_a_start_nobody_is_asked_for_a_while() -> None:
    site = Site()
    PulseWatch(site.ask, lambda words: None, grace_seconds=60).look()
    assert site.asked == 0
