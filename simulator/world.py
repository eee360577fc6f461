"""The world as it is now: who plays, which codes there are, what the feed lists, what goes wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from simulator.change import Change
from simulator.codes import Code
from simulator.faults import Script
from simulator.options import Options
from simulator.players import Player, seeded_players
from simulator.window import PlayerPace, Rate, Windows


@dataclass(frozen=True, slots=True)
class Start:
    """What a world begins with, and goes back to when it is reset."""

    seed: int
    players: int
    rate: Rate | None
    options: Options


@dataclass(slots=True)
class World:
    """Everything that a request is judged by."""

    start: Start
    players: dict[str, Player] = field(init=False)
    codes: dict[str, Code] = field(init=False)
    options: Options = field(init=False)
    feed: list[Any] = field(init=False)
    feed_changed_at: float = field(init=False)
    script: Script = field(init=False)
    feed_script: Script = field(init=False)
    windows: Windows = field(init=False)
    pace: PlayerPace = field(init=False)
    #: Who has the issue of a code that counts now.
    holders: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    @property
    def seed(self) -> int:
        """What every variation is drawn from."""
        return self.start.seed

    def reset(self) -> None:
        """Begin anew: the players of the seed, no code, no fault."""
        self.players = seeded_players(self.start.players, self.seed)
        self.codes = {}
        self.options = self.start.options
        self.feed = []
        self.feed_changed_at = 0.0
        self.script = Script(self.seed)
        self.feed_script = Script(self.seed)
        self.windows = Windows(self.start.rate)
        self.pace = PlayerPace()
        self.holders = {}

    def apply(self, change: Change, now: float) -> None:
        """Merge a change. What it does not name stays as it is."""
        for player_id, player in change.players.items():
            if player is None:
                self.players.pop(player_id, None)
            else:
                self.players[player_id] = replace(self.players.get(player_id, Player()), **player)
        for name, conditions in change.codes.items():
            self._change_code(name, conditions)
        if change.remove_from_feed or change.feed:
            gone = set(change.remove_from_feed)
            self.feed = [line for line in self.feed if gone.isdisjoint(_names(line))] + change.feed
            self.feed_changed_at = now
        self.options = replace(self.options, **change.options)
        self.script.add(change.faults)
        self.feed_script.add(change.feed_faults)
        if change.sets_rate:
            self.windows.change_rate(change.rate)

    def _change_code(self, name: str, conditions: dict[str, Any] | None) -> None:
        if conditions is None:
            self.codes.pop(name, None)
            return
        conditions = dict(conditions)
        is_reissued = conditions.pop("reissue", False)
        old = self.codes.get(name, Code())
        if is_reissued:
            self.holders.pop(name, None)
        self.codes[name] = replace(old, **conditions, issue=old.issue + is_reissued)

    def give(self, player: str, code: str) -> int:
        """Give a player a code and tell which issue it was."""
        self.holders.setdefault(code, set()).add(player)
        return self.codes[code].issue

    def restore_grant(self, grant: dict[str, Any]) -> None:
        """Take back a grant of the state file."""
        self.holders.setdefault(grant["code"], set()).add(grant["player"])

    def players_as_json(self) -> dict[str, Any]:
        """The players, in the form in which they are posted."""
        return {player_id: asdict(player) for player_id, player in self.players.items()}

    def as_json(self) -> dict[str, Any]:
        """Everything, in the form in which it is posted (but that `issue` is shown and not to be set)."""
        return {
            "players": self.players_as_json(),
            "codes": {name: asdict(code) for name, code in self.codes.items()},
            "feed": list(self.feed),
            "faults": [fault.as_json() for fault in self.script.faults],
            "feed_faults": [fault.as_json() for fault in self.feed_script.faults],
            "options": asdict(self.options),
            "rate": str(self.windows.rate or "unlimited"),
        }


def _names(line: Any) -> set[str]:
    """What a line of the feed can be removed by: the whole of it, or the code it starts with or names."""
    if isinstance(line, dict):
        return {line["code"]} if isinstance(line.get("code"), str) else set()
    return {line, line.partition(" ")[0]} if isinstance(line, str) else set()
