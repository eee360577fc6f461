"""`manage.py discord_bot` as a real process, and a real refusal by something that plays Discord."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import discord
import pytest
from aiohttp import web

from giftcodes.discord_bot import client
from giftcodes.discord_bot.process import NotConnectedError
from giftcodes.models import BotState
from tests.system.machinery import System, system
from tests.waiting import PATIENCE_SECONDS, wait_for

_COMMAND = [sys.executable, "-W", "ignore", "manage.py", "discord_bot"]
_STORE = """
import django, sys; django.setup()
from giftcodes.models.stored_setting import store
store({"DISCORD_TOKEN": sys.argv[1] or None}, user_id=None)
"""
#: Lets no process find a host by its name, so that nothing is sent to Discord.
_OFFLINE = """
import socket
def refuse(host, *rest, **others):
    if host in ("127.0.0.1", "localhost", None):
        return found(host, *rest, **others)
    print("refused to look up", host, flush=True)
    raise socket.gaierror(socket.EAI_NONAME, "no names in this test")
found, socket.getaddrinfo = socket.getaddrinfo, refuse
"""
_LOOK_UP = "refused to look up discord.com"
_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDE.only-for-tests-0123456789-abcdefghij"


def is_loaded(running: System, name: str) -> bool:
    """Whether a process has loaded the compiled parts of aiohttp, which discord.py imports."""
    process = running.processes[name]
    maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
    return "aiohttp" in maps


def enter(running: System, token: str) -> None:
    """Enter a token in the browser. An empty one removes it."""
    name = f"store{len(running.processes)}"
    running.launch(name, [sys.executable, "-W", "ignore", "-c", _STORE, token])
    assert running.processes[name].wait(PATIENCE_SECONDS) == 0, running.log(name)


@pytest.mark.slow
def test_the_process_waits_without_discord_py_and_ends_quietly(tmp_path: Path) -> None:
    (tmp_path / "offline").mkdir()
    (tmp_path / "offline" / "sitecustomize.py").write_text(_OFFLINE, encoding="utf-8")
    offline = str(tmp_path / "offline")
    with system(tmp_path, DISCORD_TOKEN="", PYTHONPATH=offline) as running:
        running.launch("first", _COMMAND)
        wait_for(lambda: "no token is set" in running.log("first"), "the line about the token")
        assert not is_loaded(running, "first")

        enter(running, _TOKEN)

        wait_for(lambda: _LOOK_UP in running.log("first"), "the first to connect")
        assert is_loaded(running, "first")
        running.launch("second", _COMMAND)
        wait_for(lambda: "Another process" in running.log("second"), "the second to wait")
        assert not is_loaded(running, "second")
        running.processes["first"].send_signal(signal.SIGKILL)
        wait_for(lambda: _LOOK_UP in running.log("second"), "the second to become the bot")
        running.processes["second"].send_signal(signal.SIGTERM)
        assert running.processes["second"].wait(PATIENCE_SECONDS) == 0
        rows = running.rows("SELECT holder FROM giftcodes_discordbot")
        assert [tuple(row) for row in rows] == [("",)]
        for name in ("first", "second"):
            assert "Traceback" not in running.log(name)
            assert "only-for-tests" not in running.log(name)


def test_a_token_that_discord_refuses_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        asked.append(request.headers["Authorization"])
        return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)

    async def told(*_: Any) -> None: ...

    async def scenario() -> None:
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", refuse)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{port}")
        try:
            with pytest.raises(NotConnectedError) as raised:
                await client.connect(_TOKEN, lambda: True, told)
        finally:
            await runner.cleanup()
        assert raised.value.state is BotState.TOKEN_REFUSED
        assert raised.value.detail == ""

    asyncio.run(scenario())
    assert asked == [f"Bot {_TOKEN}"]
