"""A scenario in which the Discord bot is killed while people use it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from chaos.discord import Discord, Message, Person, Server, Use
from chaos.discord.people import new_id
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
#: The time until a bot that was killed is the bot again: its restart, and the rest of its lease.
_BACK_SECONDS = 60.0
_STARTED = "🎁 Auto-Redeem Started"
_numbers = count(1)
_players = count(600_000_001)


@dataclass(slots=True)
class Done:
    """What one person did, once or twice at the same moment.

    Args:
        what: `start`, `stop` or `join`.
        person: who did it. Nobody else has this name.
        uses: the presses.
        player_id: for `join`, the player.
    """

    what: str
    person: Person
    uses: list[Use]
    player_id: str = ""

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.uses if one.is_answered]


@dataclass(slots=True)
class Bench:
    """The simulated Discord beside the system under test, in one round."""

    round: Round
    discord: Discord
    servers: dict[int, Server]
    code: str
    done: list[Done] = field(default_factory=list)
    kills: int = 0
    #: How often a bot had identified itself when the bot was killed last.
    identified_before: int = 0

    # --- People -----------------------------------------------------------------------------------
    def officer(self, guild: int) -> Person:
        return Person(new_id(), f"Chief {next(_numbers)}", self.servers[guild], has_role=True)

    def seen(self, use: Use) -> Use | None:
        """Wait until a use is answered. None if it never will be, because the bot died."""
        self.round.system.wait_until(
            lambda: self.discord.is_over(use), f"an answer to {use.data}", seconds=_BACK_SECONDS
        )
        return use if use.is_answered else None

    def press(self, what: str, person: Person, on: Use | Message, label: str) -> Done:
        """Press a button once, or twice at the same moment."""
        number = 2 if self.round.random.random() < 0.3 else 1
        uses = [self.discord.press(person, on, label) for _ in range(number)]
        done = Done(what, person, uses)
        self.done.append(done)
        return done

    def messages(self, guild: int) -> list[Message]:
        """The messages about this round's code in the channel of a guild, the newest first."""
        every = self.discord.messages_in(self.servers[guild])
        return [one for one in reversed(every) if f": {self.code} for " in one.titles[0]]

    # --- What they do -----------------------------------------------------------------------------
    def act(self) -> Done | None:
        """Do something at random. Returns the last press, if it came to one."""
        guild = self.round.random.choice(list(self.servers))
        what = self.round.random.choice(["start", "menu", "stop", "stop", "who", "join"])
        match what:
            case "stop" | "who":
                return self._press_message("Stop" if what == "stop" else "Who is missing")
            case "join":
                return self._join(guild)
        return self.start(guild, by_menu=what == "menu")

    def start(self, guild: int, *, by_menu: bool) -> Done | None:
        """Redeem the code as an officer. Returns None if no start was offered."""
        person = self.officer(guild)
        use = (
            self.discord.menu(person, "Redeem this code", f"A new code: {self.code}!")
            if by_menu
            else self.discord.command(person, "redeem", code=self.code)
        )
        offered = self.seen(use)
        for label in ("Redeem now", "Add and redeem now", "Resume") if offered else ():
            if label in use.buttons:
                return self.press("start", person, use, label)
        return None

    def _press_message(self, label: str) -> Done | None:
        """Press a button of the message of a run that is under way, if there is one."""
        running = [guild for guild in self.servers if self._state(guild) == "running"]
        if not running:
            return None
        guild = self.round.random.choice(running)

        def found() -> list[Message]:
            return [one for one in self.messages(guild) if label in one.former_buttons]

        self.round.system.wait_until(
            lambda: bool(found()) or self._state(guild) != "running",
            "the message of a run",
            seconds=_BACK_SECONDS,
        )
        what = "stop" if label == "Stop" else "who"
        return self.press(what, self.officer(guild), found()[0], label) if found() else None

    def _state(self, guild: int) -> str:
        """The state of the last run in a guild. Empty if there is none."""
        found = self.round.system.database.execute(
            "SELECT r.state FROM giftcodes_redemption r "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id "
            "WHERE r.guild_id = %s AND c.code = %s",
            guild,
            self.code,
        )
        return str(found[0]["state"]) if found else ""

    def _join(self, guild: int) -> Done | None:
        number = next(_numbers)
        person = Person(new_id(), f"Player {number}", self.servers[guild])
        player_id = str(next(_players))
        asked = self.seen(self.discord.command(person, "join", player_id=player_id, state="1042"))
        if asked is None or "I agree" not in asked.buttons:
            return None
        done = self.press("join", person, asked, "I agree")
        done.player_id = player_id
        return done

    # --- The bot ----------------------------------------------------------------------------------
    def kill(self) -> None:
        """Kill the bot. It is restarted after a moment."""
        self.identified_before = self.discord.gateway.identified
        self.round.kill("bot")
        self.kills += 1

    def wait_for_bot(self) -> None:
        self.round.system.wait_until(
            lambda: (
                self.discord.is_connected
                and self.discord.gateway.identified > self.identified_before
            ),
            "the bot to be connected",
            seconds=_BACK_SECONDS,
        )

    # --- The end ----------------------------------------------------------------------------------
    def finish(self) -> None:
        """Redeem the rest with the buttons, until everybody has the code and all is told.

        Then check the round, and note its figures.
        """
        round_ = self.round
        self.wait_for_bot()
        for _ in range(30):
            if self._has_everybody():
                break
            for guild in self.servers:
                done = self.start(guild, by_menu=False)
                if done is not None:
                    self.seen(done.uses[0])
            round_.system.pause(1.5)
        round_.system.wait_until(
            self._has_everybody, "everybody to have the code", seconds=round_.patience_seconds
        )
        round_.system.wait_until(self._is_told, "all to be told", seconds=_BACK_SECONDS)
        round_.problems += self.problems()
        uses = [use for done in self.done for use in done.uses]
        round_.notes += [
            f"{len(self._events('locked'))} starts",
            f"{len(self._events('stop'))} stops",
            f"{sum(done.what == 'join' for done in self.done)} joins",
            f"{len(uses)} presses",
            f"{sum(one.is_answered for one in uses)} answered",
            f"{sum(one.is_acknowledged and not one.is_answered for one in uses)} only acknowledged",
            f"slowest {max((one.acknowledged_after or 0 for one in uses), default=0):.2f} s",
            f"{sum(len(self.messages(guild)) for guild in self.servers)} message(s)",
        ]
        round_.system.database.execute("DELETE FROM giftcodes_joinrequest")

    def _has_everybody(self) -> bool:
        settled = self.round.system.database.progress([self.code])["settled"]
        return self.round.is_settled() and bool(settled >= self.round.members)

    def _is_told(self) -> bool:
        return not [row for row in self._announcements() if row["state"] in ("waiting", "sent")]

    def _announcements(self) -> list[dict[str, str]]:
        return self.round.system.database.execute(
            "SELECT a.*, r.guild_id FROM giftcodes_announcement a "
            "JOIN giftcodes_redemption r ON r.id = a.redemption_id "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id WHERE c.code = %s",
            self.code,
        )

    # --- Checks -----------------------------------------------------------------------------------
    def problems(self) -> Iterator[str]:
        """A line for each thing that was told or done twice, or lost."""
        yield from self._told()
        for done in self.done:
            yield from self._effects(done)
        for name in ("bot", "bot-2"):
            known = name in self.round.system.processes
            if known and "Traceback" in self.round.system.log(name).rpartition("--- ")[2]:
                yield f"the log of {name} has a traceback"

    def _told(self) -> Iterator[str]:
        rows = self._announcements()
        known = {row["message_id"]: row for row in rows if row["message_id"]}
        starts: Counter[tuple[str, str]] = Counter()
        ends: Counter[tuple[str, str]] = Counter()
        for guild in self.servers:
            for message in self.messages(guild):
                row = known.get(str(message.id))
                if row is None:
                    yield f"a message was posted that no announcement knows: {message.titles}"
                    continue
                run = (row["redemption_id"], row["run_number"])
                starts[run] += message.titles[0].startswith(_STARTED)
                ends[run] += sum(
                    not title.startswith(_STARTED) for title in dict.fromkeys(message.titles)
                )
        for row in rows:
            run = (row["redemption_id"], row["run_number"])
            shown = (starts if row["kind"] == "started" else ends)[run]
            # A run that ends at once is told in one message, without its start.
            fewest = 1 if row["kind"] == "complete" else 0
            if not fewest <= shown <= 1:
                yield f"{row['kind']} of run {run} was told {shown} times: {row['state']}"
            if row["state"] not in ("done", "dropped" if row["kind"] == "started" else "done"):
                yield f"{row['kind']} of run {run} is {row['state']}: {row['error']}"
        told = {(row["redemption_id"], row["run_number"]) for row in rows}
        for event in self._events("locked"):
            if (event["redemption_id"], event["run_number"]) not in told:
                yield f"run {event['run_number']} of {event['redemption_id']} was never told"

    def _events(self, *kinds: str) -> list[dict[str, str]]:
        return self.round.system.database.execute(
            "SELECT e.* FROM giftcodes_redemptionevent e "
            "JOIN giftcodes_giftcode c ON c.id = e.gift_code_id "
            "WHERE c.code = %s AND e.kind = ANY(%s)",
            self.code,
            list(kinds),
        )

    def _effects(self, done: Done) -> Iterator[str]:
        """Check that what a person did had its effect once, and that nobody was told otherwise."""
        name = f"{done.person.name} (@"
        match done.what:
            case "join":
                number = self.round.system.database.value(
                    "SELECT count(*) FROM giftcodes_joinrequest WHERE player_id = %s",
                    done.player_id,
                )
                was_told = any("have your request" in text for text in done.texts)
            case "start":
                number = sum(
                    event["detail"].startswith(name) for event in self._events("locked", "resumed")
                )
                was_told = any("Started for guild" in text for text in done.texts)
            case "stop":
                number = sum(event["detail"].startswith(name) for event in self._events("stop"))
                was_told = any(
                    "is being stopped: requests" in text or "is stopped." in text
                    for text in done.texts
                )
            case _:
                return
        if number > 1:
            yield f"{done.person.name} pressed {done.what}, which happened {number} times"
        if was_told and not number:
            yield f"{done.person.name} was told of a {done.what} that did not happen"


@scenario(
    "kill-bot",
    "The Discord bot is killed up to three times while officers press buttons and players join.",
    rounds=5,
    members=160,
    fault_seconds=120,
)
def kill_bot(round_: Round) -> None:
    """Let people start, stop and ask at random. The feed has the code, or an officer adds it."""
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
    "The Discord bot stops for longer than its lease, another one takes over, and it continues.",
    rounds=2,
    members=160,
    fault_seconds=120,
)
def zombie_bot(round_: Round) -> None:
    """Freeze the bot while it answers. Both bots then get the presses, and one answers each."""
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
    """How many codes officers have added. A role may add five in a day."""
    found: int = round_.system.database.value(
        "SELECT count(*) FROM giftcodes_giftcode WHERE source <> 'feed'"
    )
    return found


def _discord(system: System) -> Discord:
    """The simulated Discord of a system. At first, it is made, and the bot and its worker start."""
    if system.discord is not None:
        return system.discord
    discord = system.discord = Discord(system.folder)
    times = ",".join(f"{name}={seconds}" for name, seconds in _TIMES.items())
    shortened = f"{system.environment['REDEEMER_FAULT_TIMES']},{times}"
    extra = {**discord.environment, "REDEEMER_FAULT_TIMES": shortened, "OFFICER_CODES": "add"}
    system.restart("control", **extra)
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
