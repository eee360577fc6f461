"""A running system with the bot, beside the simulated Discord and the simulated game."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from chaos.discord import Discord, Message, Person, Server, Use
from chaos.discord.people import new_id
from giftcodes.domain.sentences import read
from tests.system.machinery import System, system
from tests.waiting import PATIENCE_SECONDS, wait_for

REALM = 1042
#: The game's pace.
RATE_REQUESTS, RATE_SECONDS = 30, 3
BOT = [sys.executable, "-W", "ignore", "manage.py", "discord_bot"]
_TIMES = {
    "BOT_LEASE_SECONDS": 3.0,
    "BOT_MARGIN_SECONDS": 1.0,
    "BOT_TICK_SECONDS": 0.5,
    "EDIT_SECONDS": 0.5,
    "REST_SECONDS": 1.0,
}
_players = itertools.count(810_000_001)
_names = itertools.count(1)


@dataclass
class Pack:
    """A guild of the test, with its members, and a server that is linked to it.

    Args:
        id: the guild.
        name: its name.
        players: its members.
        server: the server, whose role makes officers.
    """

    id: int
    name: str
    players: list[str]
    server: Server


@dataclass
class Stage:
    """The running system, and what tests do with it."""

    system: System
    discord: Discord
    packs: list[Pack] = field(default_factory=list)

    # --- The database -----------------------------------------------------------------------------
    def rows(self, statement: str, *parameters: Any) -> list[Any]:
        with psycopg.connect(self.system.environment["DATABASE_URL"]) as connection:
            return connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    def value(self, statement: str, *parameters: Any) -> Any:
        return self.rows(statement, *parameters)[0][0]

    def do(self, statement: str, *parameters: Any) -> None:
        with psycopg.connect(self.system.environment["DATABASE_URL"]) as connection:
            connection.execute(statement, parameters)  # type: ignore[arg-type]

    # --- Guilds and codes -------------------------------------------------------------------------
    def pack(self, *, members: int, is_automatic: bool = False) -> Pack:
        """A new guild with a server of its own, in whose channel the bot announces its runs."""
        name = f"Wolves {next(_names)}"
        players = [str(next(_players)) for _ in range(members)]
        self.know(*players)
        guild_id = self.value(
            "INSERT INTO giftcodes_guild "
            "(name, provider, realm, active, automatic, priority, notes, created_at) "
            "VALUES (%s, 'simulator', %s, true, %s, 0, '', now()) RETURNING id",
            name,
            REALM,
            is_automatic,
        )
        self.do(
            "INSERT INTO giftcodes_member "
            "(guild_id, player_id, nickname, active, opted_out, joined_at) "
            "SELECT %s, player, '', true, false, now() FROM unnest(%s::text[]) player",
            guild_id,
            players,
        )
        server = self.discord.add_server(name)
        self.do(
            "INSERT INTO giftcodes_discordserver (guild_id, server_id, name, role_id, role_name) "
            "VALUES (%s, %s, %s, %s, 'chiefs')",
            guild_id,
            server.id,
            name,
            server.role_id,
        )
        self.do(
            "INSERT INTO giftcodes_channel (guild_id, name, address) VALUES (%s, 'codes', %s)",
            guild_id,
            server.address,
        )
        pack = Pack(guild_id, name, players, server)
        self.packs.append(pack)
        return pack

    def pack_with_thread(self, *unknown: str) -> Pack:
        """A guild whose channel gets threads, with members whom the game does not know."""
        pack = self.pack(members=5)
        self.do("UPDATE giftcodes_channel SET opens_threads = true WHERE guild_id = %s", pack.id)
        for name in unknown:
            self.do(
                "INSERT INTO giftcodes_member "
                "(guild_id, player_id, nickname, active, opted_out, joined_at) "
                "VALUES (%s, %s, %s, true, false, now())",
                pack.id,
                str(next(_players)),
                name,
            )
        return pack

    def know(self, *players: str) -> None:
        """Let the game know players."""
        self.system.world(players={player: {"realm": REALM} for player in players})

    @contextmanager
    def held(self, pack: Pack, code: str) -> Iterator[None]:
        """A run of this code is not over while this is held: the game puts one member off.

        The member is asked again until the block ends. A test that needs a run under way does not
        depend on the machine's speed then.
        """
        last = {"player": pack.players[-1], "code": code, "times": None}
        self.system.world(faults=[{"fault": "msg", "msg": "TOO FREQUENT", **last}])
        try:
            yield
        finally:
            self.system.world(faults=None)

    def new_code(self, *, is_known: bool = True) -> str:
        """A code that works. If it is known, Redeemer has it already."""
        code = f"Wolf{next(_names):04d}"
        self.system.world(codes={code: {}})
        if is_known:
            self.do(
                "INSERT INTO giftcodes_giftcode (provider, code, folded, issue, source, rewards, "
                "first_seen_at, state, reason, closed_outcome, doubt_outcome, doubt_player_id, "
                "probes) VALUES ('simulator', %s, %s, 1, 'admin', '', now(), 'active', '', '', '', "
                "'', 0)",
                code,
                code.lower(),
            )
        return code

    # --- People -----------------------------------------------------------------------------------
    def person(self, pack: Pack, name: str) -> Person:
        return Person(new_id(), name, pack.server)

    def officer(self, pack: Pack, name: str = "Rolf") -> Person:
        """A member of the role of the officers."""
        return Person(new_id(), name, pack.server, has_role=True)

    def answered(self, use: Use) -> Use:
        """Wait until the person sees an answer."""
        wait_for(lambda: self.discord.is_over(use), f"an answer to {use.data}")
        assert use.is_answered, (use, self.system.log("bot"))
        return use

    def command(self, person: Person, name: str, /, **options: Any) -> Use:
        return self.answered(self.discord.command(person, name, **options))

    def menu(self, person: Person, text: str) -> Use:
        """Use *Redeem this code* on a message."""
        return self.answered(self.discord.menu(person, "Redeem this code", text))

    def press(self, person: Person, on: Message | Use, label: str) -> Use:
        return self.answered(self.discord.press(person, on, label))

    # --- What came of it --------------------------------------------------------------------------
    def state(self, pack: Pack, code: str) -> str:
        """The state of the last run of a code. Empty if there is none."""
        found = self.rows(
            "SELECT r.state FROM giftcodes_redemption r "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id "
            "WHERE r.guild_id = %s AND c.code = %s",
            pack.id,
            code,
        )
        return str(found[0][0]) if found else ""

    def wait_until_complete(self, pack: Pack, code: str) -> None:
        wait_for(lambda: self.state(pack, code) == "complete", f"{code} to be complete")

    def events(self, pack: Pack, code: str, kind: str) -> list[str]:
        """The details of the journal entries of a kind."""
        found = self.rows(
            "SELECT e.detail FROM giftcodes_redemptionevent e "
            "JOIN giftcodes_redemption r ON r.id = e.redemption_id "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id "
            "WHERE r.guild_id = %s AND c.code = %s AND e.kind = %s",
            pack.id,
            code,
            kind,
        )
        return [read(detail) for (detail,) in found]

    def announced(self, pack: Pack, code: str) -> dict[str, tuple[str, str]]:
        """The state and the error of the messages about the runs of a code, by their kinds."""
        found = self.rows(
            "SELECT a.kind, a.state, a.error FROM giftcodes_announcement a "
            "JOIN giftcodes_redemption r ON r.id = a.redemption_id "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id "
            "WHERE r.guild_id = %s AND c.code = %s",
            pack.id,
            code,
        )
        return {kind: (state, read(error)) for kind, state, error in found}

    def wait_until_told(self, pack: Pack, code: str) -> None:
        """Wait until nothing more is to be sent about a code that was redeemed."""

        def is_told() -> bool:
            found = self.announced(pack, code)
            states = {state for state, _error in found.values()}
            return "complete" in found and not states & {"waiting", "sent"}

        wait_for(is_told, f"{code} to be announced")

    def messages(self, pack: Pack) -> list[Message]:
        return self.discord.messages_in(pack.server)

    def listed(self, message: Message) -> list[Message]:
        """The lists in the thread of a message."""
        return self.discord.listed_in_thread(message)

    def granted(self, pack: Pack, code: str) -> list[str]:
        """The members to whom the game gave a code, each as often as it did."""
        grants = [one for one in self.system.ledger()["grants"] if one["code"] == code]
        return sorted(one["player"] for one in grants if one["player"] in pack.players)

    # --- The bot ----------------------------------------------------------------------------------
    def start_bot(self) -> None:
        """Start the bot, and wait until it is connected."""
        before = self.discord.gateway.identified
        self.system.launch("bot", BOT)
        wait_for(
            lambda: self.discord.gateway.identified > before and self.discord.is_connected,
            "the bot to be connected",
        )
        wait_for(lambda: bool(self.discord.rest.commands), "the commands")

    def kill_bot(self) -> None:
        self.kill("bot")

    def kill(self, name: str) -> None:
        process = self.system.processes[name]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A whole system with the bot. All of it is removed afterwards."""
    discord = Discord(folder)
    rate = f"{RATE_REQUESTS}/{RATE_SECONDS}"
    try:
        with system(
            folder,
            SIMULATOR_SALT="discord",
            SIMULATOR_RATE=rate,
            OFFICER_CODES="add",
            REDEEMER_FAULTS="1",
            REDEEMER_FAULT_TIMES=",".join(f"{name}={value}" for name, value in _TIMES.items()),
            **discord.environment,
        ) as here:
            here.start_game("--rate", rate, "--latency", "0.1", "--players", "0")
            here.environment |= {"SIMULATOR_API_URL": f"{here.game_url}/api/gift_code"}
            found = Stage(here, discord)
            found.do(
                "UPDATE django_celery_beat_periodictask SET interval_id = "
                "(SELECT min(id) FROM django_celery_beat_intervalschedule "
                "WHERE every = 1 AND period = 'seconds') WHERE task LIKE 'giftcodes.%%'"
            )
            here.start_workers()
            found.start_bot()
            yield found
    finally:
        discord.stop()
