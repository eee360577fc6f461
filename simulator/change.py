"""A change of the world as it is posted, read in whole before any of it is applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator import reading
from simulator.faults import Fault, read_faults
from simulator.options import OPTION_CHECKS
from simulator.window import Rate, read_rate

_PLAYER: dict[str, reading.Check] = {
    "realm": reading.whole(1),
    "level": reading.whole(),
    "spend": reading.number(),
    "vip": reading.whole(),
    "age": reading.number(),
    "name": reading.text,
}
_CODE: dict[str, reading.Check] = {
    "works_from": reading.or_null(reading.moment),
    "expires_at": reading.or_null(reading.moment),
    "cap": reading.or_null(reading.whole()),
    "group": reading.or_null(reading.text),
    "min_level": reading.whole(),
    "min_spend": reading.number(),
    "min_vip": reading.whole(),
    "min_age": reading.number(),
    "reissue": reading.flag,
}
#: What a restart brings back. Faults are a test's own business, and the rate is said on the command line.
KEPT = ("players", "codes", "feed", "remove_from_feed", "options")
_FIELDS = (*KEPT, "faults", "feed_faults", "rate")

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What to merge into the world. A player or a code that is None is taken out of it."""

    players: dict[str, Fields | None]
    codes: dict[str, Fields | None]
    feed: list[Any]
    remove_from_feed: list[str]
    options: Fields
    faults: list[Fault]
    feed_faults: list[Fault]
    sets_rate: bool
    rate: Rate | None


def read_change(posted: Any) -> Change:
    """Read a change.

    Raises:
        BadWorldError: something in it cannot be used; nothing has been applied.
    """
    given = reading.record("", posted, dict.fromkeys(_FIELDS, reading.anything))
    removed = reading.sequence("remove_from_feed", given.get("remove_from_feed", []))
    return Change(
        players=_rows("players", given.get("players", {}), _PLAYER),
        codes=_rows("codes", given.get("codes", {}), _CODE),
        feed=reading.sequence("feed", given.get("feed", [])),
        remove_from_feed=[
            reading.text(f"remove_from_feed[{index}]", item) for index, item in enumerate(removed)
        ],
        options=reading.record("options", given.get("options", {}), OPTION_CHECKS),
        faults=read_faults("faults", given.get("faults", [])),
        feed_faults=read_faults("feed_faults", given.get("feed_faults", []), feed=True),
        sets_rate="rate" in given,
        rate=read_rate("rate", given["rate"]) if "rate" in given else None,
    )


def _rows(field: str, value: Any, checks: dict[str, reading.Check]) -> dict[str, Fields | None]:
    return {
        name: None if row is None else reading.record(f"{field}.{name}", row, checks)
        for name, row in reading.mapping(field, value).items()
    }
