"""The process of the Discord bot runs only while there is a token."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection

from giftcodes.models.stored_setting import store
from redeemer.localserver import bot_watch
from redeemer.localserver.bot_watch import BotWatch, has_token
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.supervisor import Process
from tests.localserver.test_supervisor import Stage
from tests.waiting import wait_for

_SLEEPER = "import time; print('here', flush=True); time.sleep(600)"


def test_the_process_comes_and_goes_with_the_token() -> None:
    stage = Stage()
    wanted: list[bool | None] = [False]
    watch = BotWatch(
        stage.supervisor, stage.program("bot", _SLEEPER), lambda: wanted[0], every_seconds=0.01
    )

    def runs() -> bool:
        stage.supervisor.poll()
        watch.poll()
        return watch._child is not None and watch._child.process is not None

    try:
        for _poll in range(5):
            assert not runs()
        wanted[0] = True
        wait_for(runs, "the process to start")
        assert watch._child is not None
        process = watch._child.process
        assert process is not None
        wanted[0] = None  # The database does not answer, so nothing changes.
        for _poll in range(5):
            assert runs()
        process.kill()
        wait_for(lambda: not runs(), "the process to be gone")
        wait_for(runs, "the process to be started again")
        process = watch._child.process
        assert process is not None
        wanted[0] = False
        wait_for(lambda: not runs(), "the process to end")
        assert process.poll() is not None
        for _poll in range(5):
            assert not runs()
    finally:
        stage.supervisor.stop()


def test_a_bot_that_cannot_be_started_is_tried_again_and_ends_nothing_else() -> None:
    stage = Stage()
    program = stage.program("bot", _SLEEPER)
    failures: list[Exception] = [OSError("No space for a process"), CannotStartError("No folder")]

    def launch(output: int) -> Process:
        if failures:
            raise failures.pop(0)
        return program.launch(output)

    watch = BotWatch(stage.supervisor, replace(program, launch=launch), lambda: True)

    def runs() -> bool:
        watch.poll()
        stage.supervisor.poll()
        return watch._child is not None and watch._child.process is not None

    try:
        wait_for(runs, "the process to start")
    finally:
        stage.supervisor.stop()
    assert stage.lines()[:2] == [
        "up bot cannot be started: No space for a process",
        "up bot cannot be started: No folder",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_token_is_found_in_the_environment_and_in_the_browser() -> None:
    settings = connection.settings_dict
    url = (
        f"postgres://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:"
        f"{settings['PORT']}/{settings['NAME']}"
    )
    environment = {"DATABASE_URL": url}
    assert has_token(environment) is False
    store({"DISCORD_TOKEN": "from-the-browser"}, user_id=None)
    assert has_token(environment) is True
    store({"DISCORD_TOKEN": None}, user_id=None)
    assert has_token(environment) is False
    assert has_token({**environment, "DISCORD_TOKEN": "from-the-environment"}) is True
    assert has_token({"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}) is None


def test_the_name_of_the_setting_is_the_one_of_the_application() -> None:
    from giftcodes.models.site_settings import DISCORD_TOKEN

    assert f"'{DISCORD_TOKEN}'" in bot_watch._QUESTION
