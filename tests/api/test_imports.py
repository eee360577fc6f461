"""Until the first request to the API, nothing of django-ninja and pydantic is loaded."""

from __future__ import annotations

import secrets
import subprocess
import sys

import pytest

from redeemer.localserver.home import REPOSITORY
from tests.discord_bot.test_imports import _PROCESSES

_LOADED = "print([one for one in ('ninja', 'pydantic', 'pydantic_core') if one in sys.modules])"
_ASK = "from django.test import Client; Client().get('/api/v1/{}')"


def loaded_after(program: str) -> str:
    """The heavy packages that a program has loaded at its end."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{program}; import sys; {_LOADED}"],
        cwd=REPOSITORY,
        env={
            "DJANGO_SETTINGS_MODULE": "redeemer.settings",
            "SECRET_KEY": secrets.token_hex(32),
            "ALLOWED_HOSTS": "testserver",
            "PATH": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", _PROCESSES)
def test_a_process_loads_nothing_of_the_api_at_its_start(name: str) -> None:
    assert loaded_after(_PROCESSES[name]) == "[]"


def test_a_request_without_a_token_loads_nothing_and_the_description_loads_it() -> None:
    assert loaded_after(f"{_PROCESSES['web']}; {_ASK.format('guilds')}") == "[]"
    loaded = loaded_after(f"{_PROCESSES['web']}; {_ASK.format('openapi.json')}")
    assert loaded == "['ninja', 'pydantic', 'pydantic_core']"
