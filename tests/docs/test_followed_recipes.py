"""Recipes of docs/how-to/extend.md that are followed here, step by step, up to a redeemed code."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from giftcodes.audit import INVARIANTS, examine
from giftcodes.audit.invariant import Invariant, Population, Section
from giftcodes.clients.feeds import FORMATS
from giftcodes.clients.feeds.base import Listing, PublishedCode
from giftcodes.clients.games import CLIENTS
from giftcodes.clients.games.base import GameClient, SignedRequest, Translation
from giftcodes.clients.games.century import signature
from giftcodes.domain.outcomes import Outcome
from giftcodes.models import Guild, Redemption
from redeemer import settings as project
from redeemer.games import GAMES, Game, providers
from tests.commands.conftest import World, run
from tests.pipeline.conftest import states, world

__all__ = ["world"]


class ChessClient(GameClient):
    """The client of an invented protocol, written as the recipe says."""

    def sign_redeem(self, *, player_id: str, code: str, realm: int) -> SignedRequest:
        fields = {"cdk": code, "fid": player_id, "kid": str(realm), "time": "1"}
        sign = signature(fields, self.config.salt)
        return SignedRequest(fields={**fields, "sign": sign}, headers={}, secrets=(sign,))

    def translate(self, body: bytes) -> Translation:
        known = {"SUCCESS": Outcome.SUCCESS, "RECEIVED": Outcome.RECEIVED}
        msg = json.loads(body)["msg"].rstrip(".")
        return Translation(known.get(msg, Outcome.UNRECOGNISED), msg=msg)


def read_lines(body: bytes) -> Listing:
    """The reader of an invented feed format."""
    lines = json.loads(body)["codes"]
    return Listing(codes=tuple(PublishedCode(line.split()[0], date(2026, 1, 1)) for line in lines))


@pytest.fixture
def rooks(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Guild:
    """A guild of a game that has its own protocol and feed format, at the simulator's address."""
    monkeypatch.setitem(CLIENTS, "chess", ChessClient)
    monkeypatch.setitem(FORMATS, "lines", read_lines)
    environment = {
        "CHESS_SALT": "test-salt",
        "CHESS_API_URL": world.game.api_url,
        "CHESS_FEED_URL": world.game.feed_url,
        "CHESS_FEED_FORMAT": "lines",
        "CHESS_RATE": "unlimited",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    chess = Game(
        name="chess",
        title="Chess Survival",
        realm_word="board",
        api_url="",
        origin="https://gift.chess.example",
        protocol="chess",
    )
    settings.PROVIDERS = providers([*GAMES, chess], project.env)
    guild = Guild.objects.create(name="Rooks", provider="chess", realm=1042)
    guild.members.create(player_id="300000001")
    world.knows(guild)
    return guild


def test_a_game_with_a_protocol_and_a_feed_format_of_its_own_redeems_its_codes(
    world: World, rooks: Guild
) -> None:
    world.game.publish("FROST")

    run("poll_codes", "chess")
    world.drain()
    world.breathe()

    assert states(Redemption.objects.get(guild=rooks)) == {"300000001": "redeemed"}
    assert world.grants == [("300000001", "FROST")]


def test_the_settings_of_a_game_with_its_own_protocol_pass_the_checks(rooks: Guild) -> None:
    checked = run("check", "--fail-level", "WARNING")

    assert checked.status == 0, checked.err


def test_an_invariant_that_is_added_is_checked_by_the_audit(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = Invariant(
        name="guilds_have_members",
        section=Section.MEMBERS,
        sentence="Every guild has a member.",
        of=Population("guilds", "SELECT count(*) FROM giftcodes_guild"),
        broken="""
            SELECT id, name FROM giftcodes_guild g
            WHERE NOT EXISTS (SELECT FROM giftcodes_member m WHERE m.guild_id = g.id)
        """,
        words="Guild {name} ({id}) has no member.",
    )
    monkeypatch.setattr(examine, "INVARIANTS", (*INVARIANTS, added))
    guild = Guild.objects.create(name="Rooks", provider="simulator", realm=1042)

    said = run("audit", "--at-once")

    assert said.status == 1
    assert f"Guild Rooks ({guild.pk}) has no member." in said.out
