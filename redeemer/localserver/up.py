"""`manage.py up`: everything on one computer, from one command.

PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others) -> the simulator (if there is
a demo) -> migrate -> the first administrator -> workers -> web -> beat -> the Discord bot
(if there is a token). Then all of them are kept running until Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable

from redeemer.localserver import config as configuration
from redeemer.localserver.config import Config
from redeemer.localserver.console import Console
from redeemer.localserver.discovery import instance_lock
from redeemer.localserver.errors import CannotStartError, StopRequestedError
from redeemer.localserver.home import Home
from redeemer.localserver.installation import Installation
from redeemer.localserver.servers import is_free_port
from redeemer.localserver.supervisor import StopRequest, Supervisor
from redeemer.paths import COMMAND, START_COMMAND

_KILLED_SITE_ENDS_WITHIN_SECONDS = 10.0

#: How long to wait before the first check of beat. Beat and the workers need this time to start.
_HEALTH_GRACE_SECONDS = 60.0
_HEALTH_CHECK_SECONDS = 15.0
#: The status of /healthz when beat does not tick (giftcodes.views).
_STALE = 503


def main(argv: list[str]) -> int:
    """Run until a person asks to stop.

    Returns:
        The exit status: 0 after a stop, or 1 after one line on stderr if the start is not possible.
    """
    argparse.ArgumentParser(prog=f"{COMMAND} up", description=__doc__).parse_args(argv)
    try:
        return _up(configuration.read(), Home.from_environment())
    except CannotStartError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _up(config: Config, home: Home) -> int:
    home.prepare()
    with instance_lock(home.lock, config.address):
        # An orderly stop removes the environment file. If the file exists, an earlier `up` was
        # killed, and its site may not have ended yet. The addresses in the file are outdated, but
        # other commands would use them while the lock is held, so the file is removed.
        was_killed = home.environment.exists()
        home.environment.unlink(missing_ok=True)
        check_port(config, timeout_seconds=_KILLED_SITE_ENDS_WITHIN_SECONDS if was_killed else 0.0)
        request, console = StopRequest(), Console()
        request.install_handlers()
        supervisor = Supervisor(console, request)
        try:
            installation = Installation(home, config, console, supervisor)
            installation.start()
            health = HealthWatch(installation.health_status, console.say)
            bot = installation.bot_watch()

            def watch() -> None:
                health.poll()
                bot.poll()

            supervisor.run_until_stopped(watch)
        except StopRequestedError:
            pass
        finally:
            hint = " Ctrl-C again ends everything at once." if request.requested else ""
            console.say(f"Stopping.{hint}")
            supervisor.stop()
            home.environment.unlink(missing_ok=True)
            console.say("Stopped.")
    return 0


def check_port(config: Config, *, timeout_seconds: float) -> None:
    """Check that the site can listen on its port.

    Args:
        config: the configuration with the address to check.
        timeout_seconds: how long to wait until a port that is in use becomes free.

    Raises:
        CannotStartError: the port is in use, or not available to this user.
    """
    deadline = time.monotonic() + timeout_seconds
    while not (free := _is_free(config)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if not free:
        raise CannotStartError(
            f"Port {config.port} is taken by another program. Set PORT to use another port: "
            f"PORT=8001 {START_COMMAND}"
        )


def _is_free(config: Config) -> bool:
    try:
        return is_free_port(config.port, config.host)
    except OSError as error:
        raise CannotStartError(
            f"Cannot listen on {config.bind}: {error.strerror}. Set PORT or BIND."
        ) from error


class HealthWatch:
    """Requests /healthz regularly, to see whether beat ticks.

    It reports once when beat stops ticking, and once when it ticks again. Each request is made in a
    separate thread, because the supervisor must not wait for a site that hangs.
    """

    def __init__(
        self,
        ask: Callable[[], int | None],
        say: Callable[[str], None],
        *,
        grace_seconds: float = _HEALTH_GRACE_SECONDS,
        every_seconds: float = _HEALTH_CHECK_SECONDS,
    ) -> None:
        """
        Args:
            ask: returns the HTTP status of /healthz, or None if there is no answer.
            say: shows a line on the console.
            grace_seconds: the time until the first request.
            every_seconds: the time between two requests.
        """
        self._ask = ask
        self._say = say
        self._every_seconds = every_seconds
        self._due_at = time.monotonic() + grace_seconds
        self._statuses: list[int | None] = []
        self._is_stale = False

    def poll(self) -> None:
        """Report a change since the last answer, and send a request if one is due. Never blocks."""
        while self._statuses:
            self._report(self._statuses.pop(0))
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + self._every_seconds
            threading.Thread(
                target=lambda: self._statuses.append(self._ask()), name="health", daemon=True
            ).start()

    def _report(self, status: int | None) -> None:
        if status == _STALE and not self._is_stale:
            self._is_stale = True
            self._say(
                "Beat does not tick, or the database does not answer: nothing is redeemed. See the "
                "lines above."
            )
        elif status == 200 and self._is_stale:
            self._is_stale = False
            self._say("Beat ticks again.")
