"""Without a token nothing of discord.py is imported, in any process."""

from __future__ import annotations

import secrets
import subprocess
import sys

import pytest

from redeemer.localserver.home import REPOSITORY

_SET_UP = "import django; django.setup()"
#: What each process imports, as a program.
_PROCESSES = {
    "web": f"{_SET_UP}; import redeemer.wsgi; from django.urls import get_resolver; "
    "get_resolver().url_patterns",
    "worker and beat": "import redeemer; redeemer.celery_app.loader.import_default_modules(); "
    "redeemer.celery_app.autodiscover_tasks(force=True); import redeemer.beat",
    "check": f"{_SET_UP}; from django.core.management import call_command; call_command('check')",
    "supervisor": "import redeemer.localserver.up",
    "the bot that waits for a token": f"{_SET_UP}; import asyncio; "
    "import giftcodes.management.commands.discord_bot; "
    "from giftcodes.discord_bot import process, joining, linking, my_players",
}


@pytest.mark.parametrize("name", _PROCESSES)
def test_a_process_without_a_token_imports_nothing_of_discord_py(name: str) -> None:
    program = (
        f"{_PROCESSES[name]}; import sys; "
        "print([one for one in ('discord', 'aiohttp') if one in sys.modules])"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "redeemer.settings",
        "SECRET_KEY": secrets.token_hex(32),
        "PATH": "",
    }

    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "[]"
