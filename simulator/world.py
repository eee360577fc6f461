"""The simulated world: players, codes, feed, faults, options, and posted changes to them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from simulator import validation
from simulator.faults import Fault, FaultScript, read_faults
from simulator.game import Code, Player, seeded_players
from simulator.rate_limits import PlayerPace, Rate, Windows, read_rate

Fields = dict[str, Any]

_PLAYER: dict[str, validation.Check] = {
    "realm": validation.whole(1),
    "level": validation.whole(),
    "spend": validation.number(),
    "vip": validation.whole(),
    "age": validation.number(),
    "name": validation.text,
}
_CODE: dict[str, validation.Check] = {
    "works_from": validation.or_null(validation.moment),
    "expires_at": validation.or_null(validation.moment),
    "cap": validation.or_null(validation.whole()),
    "group": validation.or_null(validation.text),
    "min_level": validation.whole(),
    "min_spend": validation.number(),
    "min_vip": validation.whole(),
    "min_age": validation.number(),
    "reissue": validation.flag,
}
_OPTIONS: dict[str, validation.Check] = {
    "rate_headers": validation.flag,
    "retry_after": validation.flag,
    "reset_header": validation.flag,
    "etag": validation.flag,
    "vary": validation.flag,
    "old_wording": validation.flag,
    "received_first": validation.flag,
    "latency": validation.number(0),
    "player_gap": validation.number(0),
    "config_status": validation.whole(200),
    "config_checks_sign": validation.flag,
    "feed_format": validation.one_of("community", "kingshot.net"),
}
_FEED: dict[str, validation.Check] = {
    "lines": validation.or_null(validation.sequence),
    "is_down": validation.flag,
}
#: The names of the other feeds of the game.
OTHER_FEEDS = ("json", "rss")
#: The fields of a change that a state file keeps. It keeps neither the faults, which each test
#: sets, nor the rate, which the command line sets.
KEPT = ("players", "codes", "feed", "remove_from_feed", "options", "feeds")
_FIELDS = (*KEPT, "faults", "feed_faults", "rate")


@dataclass(frozen=True, slots=True)
class Options:
    """Options for behaviour of the game and the feed that the protocol does not define.

    They can be changed while the simulator runs.
    """

    #: The game's responses carry X-RateLimit-Limit and X-RateLimit-Remaining.
    rate_headers: bool = True
    #: A 429 carries Retry-After (seconds). It is not known whether the game sends it.
    retry_after: bool = False
    #: A 429 carries X-RateLimit-Reset (Unix seconds). It is not known whether the game sends it.
    reset_header: bool = False
    #: The feed sends ETag and Last-Modified, and answers 304.
    etag: bool = False
    #: About half of the error messages end with a full stop.
    vary: bool = True
    #: An unknown player gets the older message "role not exist" instead of USER INFO ERROR.
    old_wording: bool = False
    #: RECEIVED is checked before the code's expiry, cap and conditions. The game's order is
    #: unknown.
    received_first: bool = False
    #: Seconds before the game processes a request.
    latency: float = 0.0
    #: Minimum seconds between requests for one player; 0 switches TOO FREQUENT off.
    player_gap: float = 2.0
    #: The HTTP status of `/api/gift_code_config`. Any status but 200 comes with an HTML page.
    config_status: int = 200
    #: `/api/gift_code_config` refuses a wrong signature. It is not known whether the game does so.
    config_checks_sign: bool = False
    #: The format of the feed: `community`, or `kingshot.net`, which says when each code expires.
    feed_format: str = "community"


@dataclass(frozen=True, slots=True)
class OtherFeed:
    """A further feed. Without lines of its own, it lists what the main feed lists."""

    lines: list[Any] | None = None
    is_down: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A change to merge into the world.

    A player or code that is None is removed. If `faults` or `feed_faults` is None, all its
    faults are removed.
    """

    players: dict[str, Fields | None]
    codes: dict[str, Fields | None]
    feed: list[Any]
    remove_from_feed: list[str]
    options: Fields
    feeds: dict[str, Fields]
    faults: list[Fault] | None
    feed_faults: list[Fault] | None
    sets_rate: bool
    rate: Rate | None


def read_change(posted: Any) -> Change:
    """Validate a posted change as a whole, before any of it is applied.

    Raises:
        InvalidWorldError: a value is invalid.
    """
    given = validation.record("", posted, dict.fromkeys(_FIELDS, validation.anything))
    removed = validation.sequence("remove_from_feed", given.get("remove_from_feed", []))
    return Change(
        players=_read_rows("players", given.get("players", {}), _PLAYER),
        codes=_read_rows("codes", given.get("codes", {}), _CODE),
        feed=validation.sequence("feed", given.get("feed", [])),
        remove_from_feed=[
            validation.text(f"remove_from_feed[{index}]", item)
            for index, item in enumerate(removed)
        ],
        options=validation.record("options", given.get("options", {}), _OPTIONS),
        feeds=_read_feeds(given.get("feeds", {})),
        faults=_read_faults("faults", given),
        feed_faults=_read_faults("feed_faults", given, feed=True),
        sets_rate="rate" in given,
        rate=read_rate("rate", given["rate"]) if "rate" in given else None,
    )


def _read_faults(name: str, given: Fields, *, feed: bool = False) -> list[Fault] | None:
    value = given.get(name, [])
    return None if value is None else read_faults(name, value, feed=feed)


def _read_feeds(value: Any) -> dict[str, Fields]:
    found = validation.record("feeds", value, dict.fromkeys(OTHER_FEEDS, validation.anything))
    return {name: validation.record(f"feeds.{name}", one, _FEED) for name, one in found.items()}


def _read_rows(
    field_name: str, value: Any, checks: dict[str, validation.Check]
) -> dict[str, Fields | None]:
    return {
        name: None if row is None else validation.record(f"{field_name}.{name}", row, checks)
        for name, row in validation.mapping(field_name, value).items()
    }


@dataclass(frozen=True, slots=True)
class InitialWorld:
    """What a world starts with, and what a reset restores."""

    seed: int
    players: int
    rate: Rate | None
    options: Options


@dataclass(slots=True)
class World:
    """The current state of the game and the feed."""

    initial: InitialWorld
    players: dict[str, Player] = field(init=False)
    codes: dict[str, Code] = field(init=False)
    options: Options = field(init=False)
    feed: list[Any] = field(init=False)
    feed_changed_at: float = field(init=False)
    other_feeds: dict[str, OtherFeed] = field(init=False)
    script: FaultScript = field(init=False)
    feed_script: FaultScript = field(init=False)
    windows: Windows = field(init=False)
    pace: PlayerPace = field(init=False)
    #: For each code, the players who have been granted its current issue.
    holders: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    @property
    def seed(self) -> int:
        """The seed of every random choice."""
        return self.initial.seed

    def reset(self) -> None:
        """Restore the initial world: the seeded players, no codes and no faults."""
        self.players = seeded_players(self.initial.players, self.seed)
        self.codes = {}
        self.options = self.initial.options
        self.feed = []
        self.feed_changed_at = 0.0
        self.other_feeds = {name: OtherFeed() for name in OTHER_FEEDS}
        self.script = FaultScript(self.seed)
        self.feed_script = FaultScript(self.seed)
        self.windows = Windows(self.initial.rate)
        self.pace = PlayerPace()
        self.holders = {}

    def apply(self, change: Change, now: float) -> None:
        """Merge a change. What it does not name stays unchanged."""
        for player_id, player in change.players.items():
            if player is None:
                self.players.pop(player_id, None)
            else:
                self.players[player_id] = replace(self.players.get(player_id, Player()), **player)
        for name, conditions in change.codes.items():
            self._change_code(name, conditions)
        if change.remove_from_feed or change.feed:
            removed = set(change.remove_from_feed)
            kept = [line for line in self.feed if removed.isdisjoint(_names(line))]
            self.feed = kept + change.feed
            self.feed_changed_at = now
        self.options = replace(self.options, **change.options)
        for name, fields in change.feeds.items():
            self.other_feeds[name] = replace(self.other_feeds[name], **fields)
        self.script.change(change.faults)
        self.feed_script.change(change.feed_faults)
        if change.sets_rate:
            self.windows.change_rate(change.rate)

    def _change_code(self, name: str, conditions: Fields | None) -> None:
        if conditions is None:
            self.codes.pop(name, None)
            return
        conditions = dict(conditions)
        is_reissued = conditions.pop("reissue", False)
        old = self.codes.get(name, Code())
        if is_reissued:
            self.holders.pop(name, None)
        self.codes[name] = replace(old, **conditions, issue=old.issue + is_reissued)

    def grant(self, player: str, code: str) -> int:
        """Grant the code to a player, and return the code's issue."""
        self.holders.setdefault(code, set()).add(player)
        return self.codes[code].issue

    def restore_grant(self, grant: Fields) -> None:
        """Restore a grant from the state file, even if its code has been removed."""
        self.holders.setdefault(grant["code"], set()).add(grant["player"])

    def players_as_json(self) -> dict[str, Any]:
        """Return the players in the format in which they are posted."""
        return {player_id: asdict(player) for player_id, player in self.players.items()}

    def as_json(self) -> dict[str, Any]:
        """Return the world in the format in which it is posted, plus the issue of each code."""
        return {
            "players": self.players_as_json(),
            "codes": {name: asdict(code) for name, code in self.codes.items()},
            "feed": list(self.feed),
            "faults": [fault.as_json() for fault in self.script.faults],
            "feed_faults": [fault.as_json() for fault in self.feed_script.faults],
            "options": asdict(self.options),
            "feeds": {name: asdict(one) for name, one in self.other_feeds.items()},
            "rate": str(self.windows.rate or "unlimited"),
        }


def _names(line: Any) -> set[str]:
    """Return what `remove_from_feed` must contain to remove this line: the line, or its code."""
    if isinstance(line, dict):
        return {line["code"]} if isinstance(line.get("code"), str) else set()
    return {line, line.partition(" ")[0]} if isinstance(line, str) else set()
