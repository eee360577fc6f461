"""The bot's process: one at a time, waits for a token, and tries again with pauses."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import discord
import pytest
from django.db import OperationalError

from giftcodes.discord_bot import client, process
from giftcodes.discord_bot.process import NotConnectedError, Process, Times
from giftcodes.models import BotState, DiscordBot
from giftcodes.queries import discord as queries
from giftcodes.queries.discord import BotStanding
from tests.discord_bot.stage import new_bot
from tests.waiting import PATIENCE_SECONDS

#: Short times, but a lease that no slow machine loses by accident.
QUICK = Times(
    lease=30.0, margin=5.0, tick=0.05, pause=0.05, longest_pause=0.2, refused_pause=3_600.0
)
Tell = Callable[[BotState, str], Awaitable[None]]


@pytest.fixture(autouse=True)
def _database(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def token(settings: Any) -> Any:
    """Sets the token of the environment."""

    def put(value: str) -> None:
        settings.DISCORD_TOKEN = value

    put("first-token")
    return put


class Gateway:
    """Stands for Discord: connects, or fails as it is told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.tokens: list[str] = []
        self.open = 0

    async def __call__(self, token: str, is_the_bot: Callable[[], bool], tell: Tell) -> None:
        self.tokens.append(token)
        if self.failures:
            raise self.failures.pop(0)
        self.open += 1
        try:
            await tell(BotState.CONNECTED, "Robin#1")
            await asyncio.Event().wait()
        finally:
            self.open -= 1


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds. If it does not hold in time, the test fails and names it."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"This did not happen within {PATIENCE_SECONDS} s: {what}.")


def run_scenario(scenario: Callable[[Callable[..., asyncio.Task[None]]], Awaitable[None]]) -> None:
    """Run a scenario with a function that starts bots. They are cancelled when it ends."""

    async def run() -> None:
        tasks: list[asyncio.Task[None]] = []

        def start(gateway: Gateway, times: Times = QUICK) -> asyncio.Task[None]:
            tasks.append(asyncio.ensure_future(Process(gateway, times).run()))
            return tasks[-1]

        try:
            await scenario(start)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(one.msg["event"]) for one in caplog.records if isinstance(one.msg, dict)]


def test_the_bot_keeps_its_place_while_all_threads_are_busy(token: Any) -> None:
    async def scenario(start: Any) -> None:
        is_over = threading.Event()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        busy = asyncio.get_running_loop().run_in_executor(None, is_over.wait)
        try:
            start(Gateway())
            await until(lambda: queries.bot().standing is BotStanding.CONNECTED, "a connection")
        finally:
            is_over.set()
            await busy

    run_scenario(scenario)


def test_the_bot_connects_and_the_pages_see_it(token: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "giftcodes")

    async def scenario(start: Any) -> None:
        assert queries.bot().standing is BotStanding.SILENT
        start(Gateway())
        await until(lambda: queries.bot().standing is BotStanding.CONNECTED, "a connection")
        assert queries.bot().words == "Connected as Robin#1."

    run_scenario(scenario)
    assert lines(caplog).count("🤖 The Discord bot is connected as Robin#1.") == 1
    assert queries.bot().standing is BotStanding.SILENT  # It ended, and gave the lease back.


def test_a_claim_that_is_under_way_at_the_end_does_not_keep_the_lease(
    token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = DiscordBot.objects.claim
    claim_began, claim_may_go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any, **options: Any) -> bool:
        claim_began.set()
        claim_may_go_on.wait(PATIENCE_SECONDS)
        return bool(claim(*arguments, **options))

    async def scenario(start: Any) -> None:
        monkeypatch.setattr(DiscordBot.objects, "claim", slow)
        start(Gateway())
        await until(claim_began.is_set, "a claim")
        asyncio.get_running_loop().call_later(0.2, claim_may_go_on.set)

    run_scenario(scenario)

    assert queries.bot().standing is BotStanding.SILENT


def test_without_a_token_it_waits_and_a_new_token_connects(token: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "giftcodes")
    token("")
    gateway = Gateway()

    async def scenario(start: Any) -> None:
        start(gateway)
        await asyncio.sleep(0.3)
        assert gateway.tokens == []
        token("second-token")
        await until(lambda: gateway.open == 1, "a connection")
        token("third-token")
        await until(lambda: gateway.tokens[-1] == "third-token", "the other token")
        assert gateway.open == 1
        token("")
        await until(lambda: gateway.open == 0, "the end of the connection")
        assert queries.bot().standing is BotStanding.NO_TOKEN

    run_scenario(scenario)
    assert gateway.tokens == ["second-token", "third-token"]
    assert not any("-token" in line for line in lines(caplog))


def test_a_second_process_says_so_once_and_waits_for_the_end_of_the_first(
    token: Any, caplog: Any
) -> None:
    caplog.set_level(logging.INFO, "giftcodes")
    first, second = Gateway(), Gateway()

    async def scenario(start: Any) -> None:
        one = start(first)
        await until(lambda: first.open == 1, "the first")
        start(second)
        await asyncio.sleep(0.5)
        assert second.tokens == []
        one.cancel()
        await until(lambda: second.open == 1, "the second")
        assert first.open == 0

    run_scenario(scenario)
    assert sum("Another process is the Discord bot" in line for line in lines(caplog)) == 1


def test_a_process_that_died_is_replaced_when_its_lease_ends(token: Any) -> None:
    assert DiscordBot.objects.claim("dead", seconds=1.0)
    gateway = Gateway()

    async def scenario(start: Any) -> None:
        start(gateway)
        await until(lambda: gateway.open == 1, "the end of the lease")
        assert not DiscordBot.objects.claim("dead", seconds=1.0)

    run_scenario(scenario)


def test_a_process_whose_lease_was_taken_stops_answering(token: Any, caplog: Any) -> None:
    gateway = Gateway()

    async def scenario(start: Any) -> None:
        start(gateway)
        await until(lambda: gateway.open == 1, "a connection")
        DiscordBot.objects.update(holder="other")
        await until(lambda: gateway.open == 0, "the end of the connection")
        DiscordBot.objects.update(holder="")
        await until(lambda: gateway.open == 1, "the lease again")

    run_scenario(scenario)


def test_without_the_database_it_answers_until_shortly_before_the_lease_ends(
    token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway()
    times = Times(lease=1.0, margin=0.5, tick=0.05)
    real = DiscordBot.objects.claim
    is_down: list[bool] = []

    def claim(holder: str, *, seconds: float) -> bool:
        if is_down:
            raise OperationalError
        return real(holder, seconds=seconds)

    monkeypatch.setattr(DiscordBot.objects, "claim", claim)

    async def scenario(start: Any) -> None:
        start(gateway, times)
        await until(lambda: gateway.open == 1, "a connection")
        is_down.append(True)
        await until(lambda: gateway.open == 0, "the end of the connection")
        is_down.clear()
        await until(lambda: gateway.open == 1, "the database")

    run_scenario(scenario)


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        (BotState.TOKEN_REFUSED, BotStanding.TOKEN_REFUSED),
        (BotState.INTENTS_MISSING, BotStanding.INTENTS_MISSING),
    ],
)
def test_a_refused_connection_is_logged_once_and_not_tried_again_until_the_token_changes(
    token: Any, caplog: Any, state: BotState, standing: BotStanding
) -> None:
    gateway = Gateway(NotConnectedError(state))

    async def scenario(start: Any) -> None:
        start(gateway)
        await until(lambda: queries.bot().standing is standing, "the refusal")
        await asyncio.sleep(0.4)
        assert gateway.tokens == ["first-token"]
        token("good-token")
        await until(lambda: gateway.open == 1, "a connection")

    run_scenario(scenario)
    said = [line for line in lines(caplog) if "refuses" in line]
    assert len(said) == 1


def test_while_discord_is_down_it_tries_again_and_logs_it_once(token: Any, caplog: Any) -> None:
    down = [NotConnectedError(BotState.UNREACHABLE, "HTTP 503") for _ in range(4)]
    gateway = Gateway(*down, RuntimeError("a defect"))

    async def scenario(start: Any) -> None:
        start(gateway)
        await until(lambda: gateway.open == 1, "a connection")

    run_scenario(scenario)
    assert len(gateway.tokens) == 6
    assert sum("cannot be reached" in line for line in lines(caplog)) == 1


def test_the_waits_double_up_to_five_minutes() -> None:
    one = Process(Gateway())
    waits = [one._pause_after(BotState.UNREACHABLE) for _ in range(9)]
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert waits[-1] == 300.0
    assert one._pause_after(BotState.TOKEN_REFUSED) == 600.0


class _Answer:
    def __init__(self, status: int) -> None:
        self.status = status
        self.reason = "a reason"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (discord.LoginFailure("Improper token: first-token"), BotState.TOKEN_REFUSED),
        (discord.PrivilegedIntentsRequired(None), BotState.INTENTS_MISSING),
        (discord.DiscordServerError(_Answer(503), "down"), BotState.UNREACHABLE),  # type: ignore[arg-type]
        (aiohttp.ClientConnectionError("first-token"), BotState.UNREACHABLE),
        (TimeoutError(), BotState.UNREACHABLE),
        (OSError("no network"), BotState.UNREACHABLE),
    ],
)
def test_each_failure_of_discord_py_has_its_reason(
    error: Exception, state: BotState, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(client.Bot, "start", fails)

    async def told(*_: Any) -> None: ...

    with pytest.raises(NotConnectedError) as raised:
        asyncio.run(client.connect("first-token", lambda: True, told))

    assert raised.value.state is state
    assert "first-token" not in raised.value.detail


def test_the_bot_hears_of_servers_only_and_mentions_nobody() -> None:
    bot = new_bot()
    assert bot.intents == discord.Intents(guilds=True)
    assert bot.allowed_mentions is not None
    assert not any(bot.allowed_mentions.to_dict()["parse"])


def test_each_failure_has_a_line() -> None:
    without = {BotState.OFF, BotState.CONNECTING, BotState.CONNECTED}
    assert set(process._LINES) == set(BotState) - without
