"""The command line of `python -m simulator` and `manage.py simulate_game`."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.rate_limits import read_rate
from simulator.server import DEFAULT_SALT, Simulator
from simulator.state import StateFileError
from simulator.validation import InvalidWorldError

DESCRIPTION = (
    "Simulate the game's gift-code API and its code feed over HTTP, with a ledger of every "
    "request. Three values come from the environment only: SIMULATOR_SALT is the salt of the "
    "signatures. SIMULATOR_FEED_KEY is the key of the feed; if it is empty, any key is accepted. "
    "SIMULATOR_TOKEN is the token of the control paths below /_sim/; if it is empty, they are "
    "closed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the simulator's options to `parser`."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add(
        "--port",
        type=_port,
        default=8099,
        help="port to listen on, 0 picks a free one (default: %(default)s)",
    )
    add(
        "--rate",
        type=_rate,
        default="30/60",
        help="requests/seconds, or unlimited (default: %(default)s)",
    )
    add(
        "--players",
        type=_count,
        default=40,
        help="number of players (default: %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=1,
        help="seed of the players, codes and variations (default: 1)",
    )
    add(
        "--publish-every",
        type=_seconds,
        help="seconds between new codes in the feed; the first is published at once",
    )
    add(
        "--publish-first",
        type=_count,
        help="how many codes --publish-every applies to; after them, one a day (default: all)",
    )
    add(
        "--latency",
        type=_seconds,
        default=0.0,
        help="seconds before the game processes a request (default: 0)",
    )
    add(
        "--player-gap",
        type=_seconds,
        default=2.0,
        help="minimum seconds between requests for one player, 0 for none (default: %(default)s)",
    )
    add("--state", type=Path, help="file that keeps ledger, players and codes across restarts")


def run(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> int:
    """Run until SIGTERM or Ctrl-C, and return the exit status. Errors are one line on stderr."""
    salt = environment.get("SIMULATOR_SALT", "")
    if not salt:
        _note(f"SIMULATOR_SALT is not set; using {DEFAULT_SALT!r}.")
    token = environment.get("SIMULATOR_TOKEN", "")
    if not token:
        _note("SIMULATOR_TOKEN is not set; the control paths below /_sim/ are closed.")
    # Block the signals before the first thread starts, so that they stay pending until sigwait().
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    simulator = None
    try:
        simulator = Simulator(
            host=options["host"],
            port=options["port"],
            salt=salt or DEFAULT_SALT,
            feed_key=environment.get("SIMULATOR_FEED_KEY", ""),
            token=token,
            rate=options["rate"],
            players=options["players"],
            seed=options["seed"],
            latency=options["latency"],
            player_gap=options["player_gap"],
            publish_every=options["publish_every"],
            publish_first=options["publish_first"],
            state=options["state"],
        ).start()
        sys.stdout.write(f"Simulator listening on {simulator.url}\n")
        sys.stdout.flush()
        signal.sigwait(ends)
    except StateFileError as error:
        _note(str(error))
        return 1
    except OSError as error:
        _note(_listen_error(error, options["host"], options["port"]))
        return 1
    finally:
        if simulator is not None:
            simulator.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m simulator` with these arguments, by default those of the process."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=DESCRIPTION)
    add_arguments(parser)
    return run(vars(parser.parse_args(arguments)))


def _listen_error(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken. Choose another with --port, or 0 for any free one."
    return f"Cannot listen on {host}, port {port}: {error.strerror or error}."


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65_536:
        return int(text)
    message = f"{text!r} is not a port"
    raise argparse.ArgumentTypeError(message)


def _count(text: str) -> int:
    if text.isdecimal():
        return int(text)
    message = f"{text!r} is not a whole number"
    raise argparse.ArgumentTypeError(message)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if 0 <= seconds < float("inf"):
        return seconds
    message = f"{text!r} is not a number of seconds"
    raise argparse.ArgumentTypeError(message)


def _rate(text: str) -> str:
    try:
        read_rate("--rate", text)
    except InvalidWorldError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
