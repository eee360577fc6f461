"""The pipeline in one process, with a real database and the simulator.

There is no broker: each enqueued task is put into a list (`rings`) and run in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from giftcodes import tasks
from giftcodes.models import (
    Attempt,
    CodeSighting,
    Cursor,
    Feed,
    GiftCode,
    Guild,
    Heartbeat,
    Member,
    MemberRedemption,
    RateBudget,
    Redemption,
    RedemptionEvent,
    Trigger,
)
from simulator import Simulator
from tests.factories import REALM, gift_code, guild
from tests.pipeline.directory_service import service

__all__ = ["service"]


class World:
    """The system and the game, with time that can be moved."""

    def __init__(self, game: Simulator) -> None:
        self.game = game
        self.rings: deque[tuple[Any, tuple[Any, ...], dict[str, Any]]] = deque()

    def ring(self, task: Any, *args: Any, **kwargs: Any) -> None:
        self.rings.append((task, args, kwargs))

    def drain(self, limit: int = 5_000) -> None:
        """Run the enqueued tasks, and those that they enqueue, until none is left."""
        for _ in range(limit):
            if not self.rings:
                return
            task, args, kwargs = self.rings.popleft()
            task(*args, **kwargs)
        msg = "The pipeline does not come to rest."
        raise AssertionError(msg)

    def tick(self) -> None:
        """Run one more of beat's ticks, of which there are four in a second."""
        Heartbeat.objects.filter(name="tick").update(at=F("at") - timedelta(seconds=0.25))
        tasks.tick()
        self.drain()

    def breathe(self) -> None:
        """Let the gap between two requests for a player pass, and run a tick."""
        self.pass_time(5)
        self.tick()

    def sweep(self) -> None:
        tasks.sweep()
        self.drain()

    def catch_up(self) -> None:
        tasks.catch_up()
        self.drain()

    def poll(self) -> None:
        tasks.poll("simulator", force=True)
        self.drain()

    def redeem(self, guild: Guild, code: GiftCode, trigger: Trigger = Trigger.ADMIN) -> Redemption:
        """Ask for a run, and do everything that needs no waiting."""
        tasks.redeem(guild.pk, code.pk, trigger)
        self.drain()
        return Redemption.objects.get(guild=guild, gift_code=code)

    def begin(self, guild: Guild, code: GiftCode, trigger: Trigger = Trigger.ADMIN) -> Redemption:
        """Ask for a run, and drop the tasks that it enqueues."""
        tasks.redeem(guild.pk, code.pk, trigger)
        self.rings.clear()
        return Redemption.objects.get(guild=guild, gift_code=code)

    def begin_proven(self, members: int) -> Redemption:
        """Begin a run for a new guild and a new code. One member's answer has proven the code."""
        wolves, code = guild(members=members), gift_code()
        self.knows(wolves)
        self.has(code)
        redemption = self.begin(wolves, code)
        first = self.claim(redemption)
        tasks.redeem_member(first.pk, first.token)
        return redemption

    def pass_time(self, seconds: float) -> None:
        """Let time pass: every stored moment is moved into the past."""
        ago = timedelta(seconds=seconds)
        moments = {
            MemberRedemption: [
                "next_attempt_at",
                "lease_until",
                "permit_until",
                "settled_at",
                "updated_at",
            ],
            Attempt: ["sent_at", "answered_at"],
            RateBudget: ["window_ends_at", "permits_until", "paused_until", "last_answer_at"],
            GiftCode: [
                "doubted_at",
                "next_probe_at",
                "closed_at",
                "first_seen_at",
                "expires_at",
                "feed_end",
                "odd_since",
                "released_until",
                "held_until",
            ],
            Member: ["refused_at", "refused_since"],
            Redemption: ["locked_at", "last_served_at", "unlocked_at"],
            Feed: ["next_poll_at", "polled_at", "judged_from", "created_at"],
            CodeSighting: ["first_seen_at", "last_seen_at", "expires_at"],
            Heartbeat: ["at"],
            Cursor: ["at"],
        }
        for model, fields in moments.items():
            model.objects.update(**{field: F(field) - ago for field in fields})  # type: ignore[attr-defined]

    def claim(self, redemption: Redemption) -> MemberRedemption:
        """Dispatch, and drop the message, as if it was lost or its worker was held up."""
        tasks.dispatch("simulator")
        self.rings.clear()
        row: MemberRedemption = (
            redemption.member_redemptions.in_flight().order_by("-updated_at").first()
        )  # type: ignore[assignment]
        return row

    # --- What the game knows ----------------------------------------------------------------------
    def knows(self, *guilds: Guild, **player: Any) -> None:
        """Let the game know all members of these guilds."""
        ids = Member.objects.filter(guild__in=guilds).values_list("player_id", flat=True)
        self.game.merge({"players": {pk: {"realm": REALM, **player} for pk in ids}})

    def has(self, code: GiftCode | str, **conditions: Any) -> None:
        self.game.merge({"codes": {str(code) if isinstance(code, str) else code.code: conditions}})

    def spoil(self, fault: str, **details: Any) -> None:
        self.game.merge({"faults": [{"fault": fault, **details}]})

    def says(self, msg: str, **details: Any) -> None:
        """Let the game's next answer have this message."""
        self.spoil("msg", msg=msg, **details)

    @property
    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.game.ledger()["requests"]
        return found

    @property
    def grants(self) -> list[tuple[str, str]]:
        return [(grant["player"], grant["code"]) for grant in self.game.ledger()["grants"]]


@pytest.fixture
def world(
    db: None, simulator: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """The pipeline against its own game, without limits of pace."""
    simulator.merge({"rate": "unlimited", "options": {"player_gap": 0}})
    here = settings.PROVIDERS["simulator"]
    configured = replace(here, api_url=simulator.api_url, feed_url=simulator.feed_url, rate=None)
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": configured}
    settings.HTTP_SECONDS = 3.0
    running = World(simulator)
    monkeypatch.setattr(tasks, "enqueue_on_commit", running.ring)
    return running


def statements(call: Callable[[], Any]) -> list[str]:
    """The statements that a call sends, without those that begin and end transactions."""
    seen: list[str] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            seen.append(sql)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        call()
    return seen


def states(redemption: Redemption) -> dict[str, str]:
    """Player ID to state, for each member of a redemption."""
    return dict(redemption.member_redemptions.values_list("player_id", "state"))


def events(redemption: Redemption) -> list[str]:
    """The journal of a redemption, oldest first."""
    return list(
        RedemptionEvent.objects.filter(redemption=redemption)
        .order_by("id")
        .values_list("kind", flat=True)
    )
