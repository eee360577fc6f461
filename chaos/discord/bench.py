"""People who use the bot at random in a round, and what they did."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from chaos.database import Row
from chaos.discord.bench_checks import problems
from chaos.discord.people import Message, Person, Server, Use, new_id
from chaos.discord.server import Discord
from chaos.round import Round

#: A killed bot answers again within this time: it must be restarted, and the lease that only one
#: bot can hold must have run out.
BACK_SECONDS = 60.0
_numbers = count(1)
_players = count(600_000_001)


@dataclass(slots=True)
class Done:
    """What one person did, once or twice at the same moment.

    Args:
        what: `start`, `stop`, `join` or `who`.
        person: who did it. No other person has this name.
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
    #: How often bots had identified themselves when the bot was last killed or frozen.
    identified_before: int = 0

    # --- People -----------------------------------------------------------------------------------
    def officer(self, guild: int) -> Person:
        return Person(new_id(), f"Chief {next(_numbers)}", self.servers[guild], has_role=True)

    def seen(self, use: Use) -> Use | None:
        """Wait until a use is answered. None if it never will be, because the bot died."""
        self.round.system.wait_until(
            lambda: self.discord.is_over(use), f"an answer to {use.data}", seconds=BACK_SECONDS
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
        """Do something at random. Returns the last press, or None if no button was pressed."""
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
            seconds=BACK_SECONDS,
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
        self.kills += self.round.system.processes["bot"].is_alive
        self.round.kill("bot")

    def wait_for_bot(self) -> None:
        self.round.system.wait_until(
            lambda: (
                self.discord.is_connected
                and self.discord.gateway.identified > self.identified_before
            ),
            "the bot to be connected",
            seconds=BACK_SECONDS,
        )

    # --- The end ----------------------------------------------------------------------------------
    def finish(self) -> None:
        """Redeem the rest with the buttons, until all have the code and all announcements are sent.

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
        round_.system.wait_until(self._is_told, "the messages to be sent", seconds=BACK_SECONDS)
        round_.problems += problems(self)
        uses = [use for done in self.done for use in done.uses]
        round_.notes += [
            f"{len(self.events('locked'))} starts",
            f"{len(self.events('stop'))} stops",
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
        return not [row for row in self.announcements() if row["state"] in ("waiting", "sent")]

    def announcements(self) -> list[Row]:
        """The messages about the runs of the round's code, as the database knows them."""
        return self.round.system.database.execute(
            "SELECT a.*, r.guild_id FROM giftcodes_announcement a "
            "JOIN giftcodes_redemption r ON r.id = a.redemption_id "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id WHERE c.code = %s",
            self.code,
        )

    def events(self, *kinds: str) -> list[Row]:
        """The journal entries of these kinds about the round's code."""
        return self.round.system.database.execute(
            "SELECT e.* FROM giftcodes_redemptionevent e "
            "JOIN giftcodes_giftcode c ON c.id = e.gift_code_id "
            "WHERE c.code = %s AND e.kind = ANY(%s)",
            self.code,
            list(kinds),
        )
