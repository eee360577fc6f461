"""A new game of the publisher needs one block in redeemer/games.py, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.test import Client

from giftcodes.models import Guild, Redemption
from redeemer import settings as project
from redeemer.environment import SettingError
from redeemer.games import GAMES, Game, providers
from redeemer.localserver import config as configuration
from tests.commands.conftest import World, run
from tests.pipeline.conftest import states

CHESS = Game(
    name="chess",
    title="Chess Survival",
    realm_word="board",
    api_url="https://chess.example/api/gift_code",
    origin="https://gift.chess.example",
)


def build(monkeypatch: pytest.MonkeyPatch, *games: Game, **environment: str) -> Any:
    """The games, built as in the settings."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return providers(games, project.env)


@pytest.fixture
def chess(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world with one more game, at the simulator's address."""
    settings.PROVIDERS = build(
        monkeypatch,
        *GAMES,
        CHESS,
        CHESS_SALT="test-salt",
        CHESS_API_URL=world.game.api_url,
        CHESS_FEED_URL=world.game.feed_url,
        CHESS_RATE="unlimited",
    )
    return world


def test_the_new_game_is_offered_in_the_form_of_a_guild(chess: World) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))

    page = client.get("/admin/giftcodes/guild/add/").content.decode()

    assert '<option value="chess">Chess Survival</option>' in page


def test_the_new_game_can_be_checked(chess: World) -> None:
    said = run("check_provider", "chess")

    assert said.status == 0, said
    assert said.lines[0] == "Chess Survival (chess)"
    assert "✓ Service" in said.out
    assert "✓ Game" in said.out
    assert len(chess.requests) == 1


def test_a_code_of_the_new_game_is_redeemed_for_a_member(chess: World) -> None:
    run("add_guild", "Rooks", "--provider", "chess", "--realm", 1042)
    rooks = Guild.objects.get()
    rooks.members.create(player_id="300000001")
    chess.knows(rooks)
    chess.game.publish("FROST")

    run("poll_codes", "chess")
    chess.drain()
    chess.breathe()

    assert states(Redemption.objects.get(guild=rooks)) == {"300000001": "redeemed"}
    assert chess.grants == [("300000001", "FROST")]


def test_make_up_reads_and_publishes_the_settings_of_the_new_game(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(configuration, "GAMES", (*GAMES, CHESS))
    for game in GAMES:
        monkeypatch.setenv(game.setting("SALT"), "")
    monkeypatch.setenv("CHESS_SALT", "pepper")

    assert not configuration.read().has_demo
    assert configuration.published({"CHESS_SALT": "pepper", "OTHER": "x"}) == {
        "CHESS_SALT": "pepper"
    }


def test_the_games_in_the_settings_are_those_in_games_py(settings: Any) -> None:
    assert list(settings.PROVIDERS) == [game.name for game in GAMES]
    assert {"whiteout", "kingshot", "lordrush", "simulator"} <= set(settings.PROVIDERS)


def test_lord_rush_is_there_and_off_without_a_salt(settings: Any) -> None:
    game = settings.PROVIDERS["lordrush"]

    assert game.title == "Lord Rush"
    assert game.api_url == "https://s01-gm-report-api-prod-eo.centurygame.com/api/gift_code"
    assert game.origin == "https://ls-giftcode.centurygame.com"
    assert not game.is_on


def test_the_origin_of_a_game_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    found = build(monkeypatch, *GAMES, KINGSHOT_ORIGIN="https://kingshot-giftcode.centurygame.com/")

    assert found["kingshot"].origin == "https://kingshot-giftcode.centurygame.com"
    assert found["whiteout"].origin == "https://wos-giftcode.centurygame.com"


@pytest.mark.parametrize("name", ["", "Chess", "lord-rush", "lord rush", "9lives", "a" * 21])
def test_a_name_that_no_column_or_setting_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="20 lower-case letters and digits"):
        replace(CHESS, name=name)


def test_two_games_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="two games with the name 'chess'"):
        build(monkeypatch, CHESS, replace(CHESS, title="Chess 2"))


def test_a_rate_that_cannot_be_read_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="CHESS_RATE must look like 30/60"):
        build(monkeypatch, CHESS, CHESS_RATE="fast")


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        ({"feed_format": "rss"}, "giftcodes.E030", "known formats are: community, kingshot.net."),
        ({"protocol": "chess"}, "giftcodes.E031", "The known protocols are: century"),
        ({"origin": "ks-giftcode.centurygame.com"}, "giftcodes.E032", "It must look like https://"),
        ({"origin": "https://a.example/page"}, "giftcodes.E032", "no path"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(
    settings: Any, change: dict[str, str], check: str, words: str
) -> None:
    settings.PROVIDERS = {"simulator": replace(settings.PROVIDERS["simulator"], **change)}

    (error,) = [found for found in checks.run_checks() if found.id == check]

    assert words in str(error.hint)


@pytest.mark.parametrize(("value", "has_demo"), [("", True), ("0", False), ("1", True)])
def test_the_demo_can_be_left_out(
    monkeypatch: pytest.MonkeyPatch, value: str, has_demo: bool
) -> None:
    for game in GAMES:
        monkeypatch.setenv(game.setting("SALT"), "")
    monkeypatch.setenv("DEMO", value)

    assert configuration.read().has_demo is has_demo
