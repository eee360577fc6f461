"""The supervisor says in one line that beat does not tick, and in one that it ticks again."""

from __future__ import annotations

import threading

from redeemer.localserver.up import HealthWatch
from tests.waiting import PATIENCE_SECONDS, wait_for


class Site:
    """Answers with a given status, and counts the requests."""

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


def test_one_line_says_that_beat_is_silent_and_one_line_that_it_ticks_again() -> None:
    site, said = Site(), []
    watch = HealthWatch(site.ask, said.append, grace_seconds=0, every_seconds=0.01)

    for status, lines in [(200, 0), (None, 0), (503, 1), (None, 1), (503, 1), (200, 2), (200, 2)]:
        site.status = status
        asked = site.asked
        wait_for(lambda asked=asked: watch.poll() or site.asked > asked + 2, "requests")  # type: ignore[misc]
        assert len(said) == lines

    assert [line.split(",")[0] for line in said] == ["Beat does not tick", "Beat ticks again."]


def test_a_site_that_hangs_does_not_block_the_supervisor() -> None:
    site = Site()
    site.may_answer.clear()
    watch = HealthWatch(site.ask, lambda words: None, grace_seconds=0, every_seconds=60)

    watch.poll()
    watch.poll()

    assert site.answered == 0
    assert site.asked <= 1
    site.may_answer.set()


def test_there_is_no_request_for_a_while_after_a_start() -> None:
    site = Site()
    HealthWatch(site.ask, lambda words: None, grace_seconds=60).poll()
    assert site.asked == 0
