"""`manage.py up`: everything on one machine, from one command.

PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others) -> migrate -> the first administrator -> the
simulator (unless a provider is configured) -> workers -> web -> beat; then all of them are kept running until Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import time

from redeemer.localserver import configuration, ports
from redeemer.localserver.configuration import Configuration
from redeemer.localserver.console import Console
from redeemer.localserver.errors import CannotStartError, StopAskedError
from redeemer.localserver.home import Home
from redeemer.localserver.installation import Installation
from redeemer.localserver.instance import only_instance
from redeemer.localserver.pulse import PulseWatch
from redeemer.localserver.stop_request import StopRequest
from redeemer.localserver.supervisor import Supervisor

_KILLED_SITE_ENDS_WITHIN_SECONDS = 10.0


def main(argv: list[str]) -> int:
    """Run until somebody asks to stop. Returns the exit status: 1 with one clear line if the start is not possible."""
    argparse.ArgumentParser(prog="manage.py up", description=__doc__).parse_args(argv)
    try:
        return _up(configuration.read(), Home.from_environment())
    except CannotStartError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _up(config: Configuration, home: Home) -> int:
    home.prepare()
    with only_instance(home.lock, config.address):
        # An orderly end removes this note. Here it is one of a run that was killed: its site may be ending just now,
        # and other commands, which find the lock held, would believe it.
        was_killed = home.environment.exists()
        home.environment.unlink(missing_ok=True)
        check_port(config, patience_seconds=_KILLED_SITE_ENDS_WITHIN_SECONDS if was_killed else 0.0)
        request, console = StopRequest(), Console()
        request.listen()
        supervisor = Supervisor(console, request)
        try:
            installation = Installation(home, config, console, supervisor)
            installation.start()
            supervisor.run_until_asked(PulseWatch(installation.pulse, console.say).look)
        except StopAskedError:
            pass
        finally:
            console.say(
                "Stopping. Ctrl-C again ends everything at once." if request.asked else "Stopping."
            )
            supervisor.stop()
            home.environment.unlink(missing_ok=True)
            console.say("Stopped.")
    return 0


def check_port(config: Configuration, *, patience_seconds: float) -> None:
    """See to it that the site can listen.

    Args:
        config: where it is to listen.
        patience_seconds: how long to wait for a port that is taken.

    Raises:
        CannotStartError: it cannot.
    """
    deadline = time.monotonic() + patience_seconds
    while not (free := _is_free(config)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if not free:
        raise CannotStartError(
            f"Port {config.port} is taken by another program. Set PORT to use another one: PORT=8001 make up"
        )


def _is_free(config: Configuration) -> bool:
    try:
        return ports.is_free(config.port, config.host)
    except OSError as error:
        raise CannotStartError(
            f"Cannot listen on {config.bind}: {error.strerror}. Set PORT or BIND."
        ) from error
