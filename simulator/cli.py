"""The command line: `manage.py simulate_game`, and without Django `python -m simulator`."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.reading import BadWorldError
from simulator.simulator import DEFAULT_SALT, Simulator
from simulator.state import StateFileError
from simulator.window import read_rate

DESCRIPTION = (
    "Plays the game's gift-code API and its code feed over HTTP, with a ledger of its own. SIMULATOR_SALT "
    "is the salt of the signatures, SIMULATOR_FEED_KEY the key of the feed (empty: any key will do); both "
    "come from the environment only."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the simulator's options."""
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
        help="how many players there are (default: %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=1,
        help="what players, codes and variations are drawn from (default: 1)",
    )
    add(
        "--publish-every",
        type=_seconds,
        help="seconds between new codes in the feed, the first at once",
    )
    add(
        "--latency",
        type=_seconds,
        default=0.0,
        help="seconds that each answer of the game takes (default: 0)",
    )
    add(
        "--player-gap",
        type=_seconds,
        default=2.0,
        help="seconds between requests for one player, 0: none",
    )
    add("--state", type=Path, help="file in which ledger, players and codes survive a restart")


def run(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> int:
    """Simulate until SIGTERM or Ctrl-C; returns the exit status. What is wrong is said in one line."""
    salt = environment.get("SIMULATOR_SALT", "")
    if not salt:
        _note(f"SIMULATOR_SALT is not set; signatures are made with {DEFAULT_SALT!r}.")
    # Blocked before the first thread starts, so that a signal waits for the sigwait below.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    simulator = None
    try:
        simulator = Simulator(
            host=options["host"],
            port=options["port"],
            salt=salt or DEFAULT_SALT,
            feed_key=environment.get("SIMULATOR_FEED_KEY", ""),
            rate=options["rate"],
            players=options["players"],
            seed=options["seed"],
            latency=options["latency"],
            player_gap=options["player_gap"],
            publish_every=options["publish_every"],
            state=options["state"],
        ).start()
        sys.stdout.write(f"Simulator listening on {simulator.url}\n")
        sys.stdout.flush()
        signal.sigwait(ends)
    except StateFileError as error:
        _note(str(error))
        return 1
    except OSError as error:
        _note(_why(error, options["host"], options["port"]))
        return 1
    finally:
        if simulator is not None:
            simulator.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run without Django."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=DESCRIPTION)
    add_arguments(parser)
    return run(vars(parser.parse_args(arguments)))


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken. Choose another with --port, or 0 for any free one."
    return f"Cannot listen on {host}, port {port}: {error.strerror or error}."


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65_536:
        return int(text)
    message = f"{text!r} is no port"
    raise argparse.ArgumentTypeError(message)


def _count(text: str) -> int:
    if text.isdecimal():
        return int(text)
    message = f"{text!r} is no whole number"
    raise argparse.ArgumentTypeError(message)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if 0 <= seconds < float("inf"):
        return seconds
    message = f"{text!r} is no number of seconds"
    raise argparse.ArgumentTypeError(message)


def _rate(text: str) -> str:
    try:
        read_rate("--rate", text)
    except BadWorldError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
