"""`manage.py up`: everything on one machine, from one command.

PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others) -> migrate -> the first administrator -> the
simulator (unless a provider is configured) -> workers -> web -> beat; then all of them are kept running until Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys

from redeemer.embedded import configuration, ports
from redeemer.embedded.configuration import Configuration
from redeemer.embedded.console import Console
from redeemer.embedded.errors import CannotStartError, StopAskedError
from redeemer.embedded.home import Home
from redeemer.embedded.installation import Installation
from redeemer.embedded.instance import only_instance
from redeemer.embedded.pulse import PulseWatch
from redeemer.embedded.stop_request import StopRequest
from redeemer.embedded.supervisor import Supervisor


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
        _check_port(config)
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
            console.say("Stopping. Ctrl-C again ends everything at once." if request.asked else "Stopping.")
            supervisor.stop()
            home.environment.unlink(missing_ok=True)
            console.say("Stopped.")
    return 0


def _check_port(config: Configuration) -> None:
    try:
        free = ports.is_free(config.port, config.host)
    except OSError as error:
        raise CannotStartError(f"Cannot listen on {config.bind}: {error.strerror}. Set PORT or BIND.") from error
    if not free:
        raise CannotStartError(
            f"Port {config.port} is taken by another program. Set PORT to use another one: PORT=8001 make up"
        )
