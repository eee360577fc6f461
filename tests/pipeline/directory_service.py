"""A directory of players for tests, on a real server, and helpers of the tests that use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db.models import F

from giftcodes import tasks
from giftcodes.clients.directories import DirectoryAnswer, LookupStatus
from giftcodes.models import Directory, DirectoryLookup, Heartbeat, Member
from giftcodes.services.players import erase_player, opt_out
from tests.clients.http.raw_server import RawServer, Talk, http
from tests.factories import REALM, gift_code, guild, member

if TYPE_CHECKING:
    from tests.pipeline.conftest import World

KEY = "directory-key-4711"
AGREED = date(2026, 1, 1)
AWAY = 77


@dataclass
class Service:
    """The directory. `book` has its players, and the answers in `spoiled` are sent first."""

    book: dict[str, tuple[str, int]] = field(default_factory=dict)
    spoiled: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = RawServer(self._serve)

    @property
    def address(self) -> str:
        return f"{self.server.url}/players/{{id}}?include=base"

    def knows(self, player: Member | str, name: str = "Anna", realm: int = REALM) -> None:
        self.book[getattr(player, "player_id", player)] = (name, realm)  # type: ignore[arg-type]

    def fails(self, status: str, headers: str = "", body: bytes = b"{}") -> None:
        self.spoiled.append(http(body, status=status, headers=headers))

    def _serve(self, talk: Talk) -> None:
        while request := talk.hear():
            player = request.line.split("?")[0].rpartition("/")[2]
            self.asked.append(player)
            talk.say(self.spoiled.pop(0) if self.spoiled else self._answer(player))

    def _answer(self, player: str) -> bytes:
        if player not in self.book:
            return http(b'{"error": "no such player"}', status="404 Not Found")
        name, realm = self.book[player]
        return http(json.dumps({"data": {"id": player, "name": name, "kingdom": realm}}).encode())


@pytest.fixture
def service(world: World, settings: Any) -> Iterator[Service]:
    """A directory of the simulator's players: any game may have one."""
    service = Service()
    configure(settings, directory_url=service.address, directory_key=KEY)
    yield service
    service.server.stop()


def configure(settings: Any, **changes: Any) -> None:
    here = replace(settings.PROVIDERS["simulator"], **changes)
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}


def look(world: World, times: int = 1) -> None:
    """Run the directory's task this number of times, and all tasks that it enqueues."""
    for _ in range(times):
        tasks.directory()
        world.drain()


def later(world: World, seconds: float) -> None:
    """Let time pass, for the directory too."""
    ago = timedelta(seconds=seconds)
    world.pass_time(seconds)
    DirectoryLookup.objects.update(
        **{name: F(name) - ago for name in ("due_at", "asked_at", "answered_at", "realm_since")}
    )
    Directory.objects.update(
        **{name: F(name) - ago for name in ("not_before", "lease_until", "asked_at")}
    )
    for row in Directory.objects.all():
        Directory.objects.filter(pk=row.pk).update(sent=[at - seconds for at in row.sent])


def agreed(of: Any, player: str = "", **fields: Any) -> Member:
    return member(of, player, consented_on=AGREED, **fields)


def reasons(row: Member) -> list[str]:
    return [
        one
        for one in row.history.order_by("history_id").values_list(
            "history_change_reason", flat=True
        )
        if one
    ]


def refused(world: World, service: Service) -> Member:
    """A member who moved to another realm, and whose row waits for correction."""
    wolves, code = guild("Wolves"), gift_code("FROST")
    anna = agreed(wolves, nickname="Anna")
    service.knows(anna)
    look(world)
    world.game.merge({"players": {anna.player_id: {"realm": AWAY}}})
    world.has(code)
    redemption = world.redeem(wolves, code)
    assert redemption.member_redemptions.get().state == "needs_correction"
    service.asked.clear()
    service.knows(anna, realm=AWAY)
    later(world, 7_200)
    return anna


def withdraw(row: Member, wish: str) -> None:
    match wish:
        case "opt out":
            opt_out("simulator", row.player_id)
        case "erase":
            assert not erase_player("simulator", row.player_id).obstacle
        case "leave":
            Member.objects.filter(pk=row.pk).update(active=False)
        case _:
            Member.objects.filter(pk=row.pk).update(consented_on=None)
    Heartbeat.objects.filter(name="directory").update(at=F("at") - timedelta(minutes=2))


def world_config() -> Any:
    return settings.PROVIDERS["simulator"]


def found(name: str, realm: int) -> DirectoryAnswer:
    return DirectoryAnswer(LookupStatus.FOUND, name=name, realm=realm)
