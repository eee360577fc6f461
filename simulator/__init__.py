"""A simulated game for tests and demos: its gift-code API and a code feed, over HTTP.

Run it
    `python -m simulator --port 8099 --players 40` or, with the same options, `manage.py
    simulate_game`. `--help` lists the options. Three values come from the environment only:
    SIMULATOR_SALT is the salt of the signatures. SIMULATOR_FEED_KEY is the key of the feed; if it
    is empty, any key is accepted. SIMULATOR_TOKEN is the token of the control paths; if it is
    empty, they are closed. A test uses `with Simulator(players=20) as simulator:`.

What it serves
    POST /api/gift_code         redeems a code for a player (docs/reference/protocol.md)
    POST /api/gift_code_config  reports whether the game is up
    GET  /feed                  lists the published codes
    GET  /feed.json             lists them as another program would, in a JSON of its own form
    GET  /feed.rss              lists them as entries of an RSS feed
    /_sim/…                     controls the simulator; no game has these paths. They require
                                `Authorization: Bearer <token>`, and a posted body must be JSON
        GET  /_sim/ledger       every request and grant, as the game saw them; with `?since=N`, only
                                those after request N
        GET  /_sim/world        players, codes, feed, faults, options and rate
        GET  /_sim/players      the players only
        POST /_sim/world        merges a JSON object of the same form into the world
        POST /_sim/reset        restores the initial world and clears the ledger

How faults are set
    Post them to /_sim/world: `{"faults": [{"fault": "429", "times": 3}]}` makes the next three
    requests fail with HTTP 429. `feed_faults` does the same for /feed. null removes all faults.
    simulator/faults.py lists the kinds and their fields.

How the other feeds are changed
    They list what /feed lists, until `{"feeds": {"json": {"lines": ["FROST 05.07.2026"]}}}` gives
    one of them lines of its own (null: those of /feed again). `{"feeds": {"rss": {"is_down":
    true}}}` makes one of them answer HTTP 503.

A request is read in `wire`, routed in `server` and handled in `game_api` or `feed_api`. The last
two apply the `faults`, decide according to the `world`, and record everything in the ledger
(`state`). `game_api` also applies the `rate_limits`. `control` has the control paths.

This package imports nothing from the app, so the app and its simulator cannot share a mistake.
"""

from simulator.server import DEFAULT_SALT, Simulator
from simulator.state import StateFileError
from simulator.validation import InvalidWorldError

__all__ = ["DEFAULT_SALT", "InvalidWorldError", "Simulator", "StateFileError"]
