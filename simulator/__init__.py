"""The game and its code feed, on HTTP, with a ledger of their own and scripted faults.

It behaves as the game's protocol describes and imports nothing of the app, so that the two cannot share a
mistake.

A request's way: `wire` reads it, `service` routes it, `gift_api` counts it in its `window`, lets `game` judge
it against the `world` and writes it into the `ledger`; `faults` says which requests are spoiled, `spoiling`
and `endings` how.
"""

from simulator.reading import BadWorldError
from simulator.simulator import DEFAULT_SALT, Simulator
from simulator.state import StateFileError

__all__ = ["DEFAULT_SALT", "BadWorldError", "Simulator", "StateFileError"]
