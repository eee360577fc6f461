"""Scenarios in which the Discord bot is killed or frozen while people use it."""

from __future__ import annotations

import sys

from chaos.discord import Discord, Server
from chaos.discord.bench import Bench
from chaos.processes import Process
from chaos.round import Round
from chaos.scenario import scenario
from chaos.system import System

_BOT = [sys.executable, "-W", "ignore", "manage.py", "discord_bot"]
#: In production the lease of the bot is 20 s, an edit comes every 5 s, and a channel that did not
#: answer rests for 30 s.
_TIMES = {
    "BOT_LEASE_SECONDS": 3.0,
    "BOT_MARGIN_SECONDS": 1.0,
    "BOT_TICK_SECONDS": 0.5,
    "EDIT_SECONDS": 0.5,
    "REST_SECONDS": 1.0,
}


@scenario(
    "kill-bot",
    "The Discord bot is killed up to three times while officers press buttons and players join.",
    rounds=5,
    members=160,
    fault_seconds=120,
)
def kill_bot(round_: Round) -> None:
    """Let people start and stop runs, ask who is missing, and join, at random.

    The feed has the code, or an officer adds it.
    """
    bench = _bench(round_)
    bench.start(round_.random.choice(list(bench.servers)), by_menu=True)
    wanted = round_.random.randint(1, 3)
    for _ in range(25):
        if bench.kills == wanted:
            break
        done = bench.act()
        if done is None:
            bench.wait_for_bot()
            continue
        if round_.random.random() < 0.5:
            round_.system.pause(round_.random.uniform(0, 0.25))
            bench.kill()
            if round_.random.random() < 0.7:
                bench.wait_for_bot()  # Otherwise, the next person meets no bot.
        else:
            bench.seen(done.uses[0])
    bench.finish()
    round_.notes.append(f"{bench.kills} kill(s)")


@scenario(
    "zombie-bot",
    "The Discord bot freezes for longer than its lease, another bot takes over, and the first one "
    "continues.",
    rounds=2,
    members=160,
    fault_seconds=120,
)
def zombie_bot(round_: Round) -> None:
    """Freeze the bot while it answers. Then both bots get each press, and only one answers it."""
    bench = _bench(round_)
    system, gateway = round_.system, bench.discord.gateway
    second = system.add("bot-2", like="bot")
    second.extra = system.processes["bot"].extra
    second.start()
    for _ in range(3):
        if done := bench.act():
            bench.seen(done.uses[0])
    bench.act()
    system.pause(round_.random.uniform(0, 0.25))
    bench.identified_before = gateway.identified
    system.freeze("bot")
    round_.record_fault()
    bench.wait_for_bot()
    system.thaw("bot")
    for _ in range(5):
        bench.act()
    # A transaction in which the bot was frozen may have held up the others.
    round_.extra_seconds = 40.0
    bench.finish()
    round_.notes.append(f"{bench.discord.rest.answered_already} answered already")
    system.remove("bot-2")


def _bench(round_: Round) -> Bench:
    """The simulated Discord with a connected bot, the servers of the guilds, and a new code."""
    discord = _discord(round_.system)
    servers = _linked(round_, discord)
    round_.system.wait_until(
        lambda: discord.is_connected and bool(discord.rest.commands), "the bot", seconds=60
    )
    code = round_.new_code(feed=False)
    if round_.random.random() < 0.7 or _adds(round_) >= 4:
        round_.publish(code)
        round_.system.wait_until(
            lambda: bool(
                round_.system.database.value(
                    "SELECT count(*) FROM giftcodes_giftcode WHERE code = %s", code
                )
            ),
            "the code to be polled",
            seconds=30,
        )
    return Bench(round_, discord, servers, code)


def _adds(round_: Round) -> int:
    """How many codes officers have added.

    All people with one Discord role, taken together, may add five codes in a day.
    """
    found: int = round_.system.database.value(
        "SELECT count(*) FROM giftcodes_giftcode WHERE source <> 'feed'"
    )
    return found


def _discord(system: System) -> Discord:
    """Return a system's simulated Discord. The bot and the control worker get its address first."""
    is_new = system.discord is None
    discord = system.discord = system.discord or Discord(system.folder)
    times = ",".join(f"{name}={seconds}" for name, seconds in _TIMES.items())
    shortened = f"{system.environment['REDEEMER_FAULT_TIMES']},{times}"
    extra = {**discord.environment, "REDEEMER_FAULT_TIMES": shortened, "OFFICER_CODES": "add"}
    if system.processes["control"].extra != extra:
        system.restart("control", **extra)
    if is_new:
        bot = Process("bot", _BOT, system.environment, system.folder / "bot.log")
        bot.extra = extra
        system.processes["bot"] = bot
        bot.start()
    return discord


def _linked(round_: Round, discord: Discord) -> dict[int, Server]:
    """The server of each guild of the round, in whose channel the bot announces runs."""
    database, servers = round_.system.database, {}
    for name, guild in round_.guilds.items():
        known = [one for one in discord.servers if one.name == name]
        server = known[0] if known else discord.add_server(name)
        servers[guild] = server
        if known:
            continue
        # Officers start the runs of these guilds.
        database.execute("UPDATE giftcodes_guild SET automatic = false WHERE id = %s", guild)
        database.execute(
            "INSERT INTO giftcodes_discordserver (guild_id, server_id, name, role_id, role_name) "
            "VALUES (%s, %s, %s, %s, 'chiefs')",
            guild,
            server.id,
            name,
            server.role_id,
        )
        database.execute(
            "INSERT INTO giftcodes_channel (guild_id, name, address) VALUES (%s, 'codes', %s)",
            guild,
            server.address,
        )
    return servers
