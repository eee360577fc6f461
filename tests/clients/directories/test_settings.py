"""The settings of a directory: it is off without a key, and the system checks find mistakes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from giftcodes.checks.games import check_directories
from giftcodes.clients.games.config import Rate
from redeemer.games import GAMES, providers
from redeemer.settings import PROVIDERS, env


def built(monkeypatch: pytest.MonkeyPatch, name: str = "whiteout", **environment: str) -> Any:
    for setting, value in {"SALT": "salt", **environment}.items():
        monkeypatch.setenv(f"{name.upper()}_{setting}", value)
    return providers(GAMES, env)[name]


def test_only_kingshot_has_a_directory_address_and_every_directory_is_off_without_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kingshot = built(monkeypatch, "kingshot", DIRECTORY_KEY="")
    assert kingshot.directory_url == "https://api.mightpulse.com/v1/players/{id}?include=base"
    assert (kingshot.directory_rate, kingshot.directory_per_day) == (Rate(60, 60.0), 5_000)
    assert not kingshot.has_directory
    assert PROVIDERS["whiteout"].directory_url == ""


def test_a_key_switches_the_directory_on_for_any_game_with_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert built(monkeypatch, "kingshot", DIRECTORY_KEY="k").has_directory
    assert not built(monkeypatch, DIRECTORY_KEY="k").has_directory
    assert built(
        monkeypatch, DIRECTORY_KEY="k", DIRECTORY_URL="https://d.example/{id}"
    ).has_directory
    assert not built(
        monkeypatch, DIRECTORY_KEY="k", DIRECTORY_URL="https://d.example/{id}", SALT=""
    ).has_directory


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"directory_url": "https://d.example/{id}"}, []),
        ({"directory_url": "https://d.example/?player={id}", "directory_key": "k"}, []),
        ({"directory_key": "k"}, ["giftcodes.W020"]),
        ({"directory_url": "https://d.example/"}, ["giftcodes.E020"]),
        ({"directory_url": "d.example/{id}"}, ["giftcodes.E020"]),
        ({"directory_url": "https://{id}.example/"}, ["giftcodes.E020"]),
        ({"directory_per_day": 0}, ["giftcodes.E021"]),
    ],
)
def test_settings_that_cannot_work_are_named(
    settings: Any, changes: dict[str, Any], found: list[str]
) -> None:
    settings.PROVIDERS = {"whiteout": replace(PROVIDERS["whiteout"], **changes)}

    assert [message.id for message in check_directories()] == found
