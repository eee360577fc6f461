"""A system of real processes with its web server, for stories in a browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from redeemer.localserver.servers import pick_port
from tests.system.machinery import System, system
from tests.waiting import PATIENCE_SECONDS, wait_for

LEADER = "leader"
PASSWORD = "only-for-this-test"
SALT = "a-salt-for-a-story"


def serve(running: System) -> str:
    """Start the web server, and return its address when it answers."""
    url = f"http://127.0.0.1:{pick_port()}"
    bind = url.removeprefix("http://")
    running.launch("web", [sys.executable, "-m", "redeemer.serving", "--bind", bind])
    wait_for(lambda: _answers(url), "the web server")
    return url


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/admin/login/", timeout=PATIENCE_SECONDS).status_code == 200
    except requests.RequestException:
        return False


def add_leader(running: System) -> None:
    """Add an administrator, who logs in as `LEADER`."""
    running.environment |= {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    email = f"{LEADER}@example.com"
    running.manage("createsuperuser", "--noinput", "--username", LEADER, "--email", email)


@contextmanager
def with_games(folder: Path, *games: str, **settings: str) -> Iterator[System]:
    """Workers and beat that are connected to games, all of them played by one simulator.

    Args:
        folder: where the logs are written.
        games: the names of the games.
        settings: further settings.
    """
    salts = {f"{name.upper()}_SALT": SALT for name in games}
    rates = {f"{name.upper()}_RATE": "300/10" for name in games}
    with system(folder, **{"SIMULATOR_SALT": SALT, **salts, **rates, **settings}) as here:
        here.start_game("--rate", "unlimited", "--players", "0")
        for name in (game.upper() for game in games):
            here.environment |= {
                f"{name}_API_URL": f"{here.game_url}/api/gift_code",
                f"{name}_FEED_URL": f"{here.game_url}/feed",
            }
        add_leader(here)
        here.start_workers()
        yield here
