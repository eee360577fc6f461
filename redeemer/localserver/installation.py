"""The start, step by step. Whatever is made up on the way is kept for the next start."""

from __future__ import annotations

import json
import os
from pathlib import Path

from redeemer.localserver import configuration, database_setup, discovery, libpq, ports, programs
from redeemer.localserver.child import describe
from redeemer.localserver.configuration import Configuration
from redeemer.localserver.console import Console
from redeemer.localserver.demo import Demo
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.external import check_broker, check_database
from redeemer.localserver.home import Home, write_private
from redeemer.localserver.http import status_of
from redeemer.localserver.programs import Programs
from redeemer.localserver.secret_store import SecretStore
from redeemer.localserver.server import Server, wait_until_ready
from redeemer.localserver.supervisor import Supervisor
from redeemer.localserver.valkey import Valkey

_READY_SECONDS = 60.0


class Installation:
    """What belongs to one home, and how it is started."""

    def __init__(
        self, home: Home, config: Configuration, console: Console, supervisor: Supervisor
    ) -> None:
        self._home = home
        self._config = config
        self._console = console
        self._supervisor = supervisor
        self._store = SecretStore(home.secrets)
        self._environment = {**os.environ, "REDEEMER_HOME": str(home.folder)}
        self._has_own_database = False
        self._programs = Programs(console, self._environment, config)

    def start(self) -> None:
        """Start everything, and say where it is.

        Raises:
            CannotStartError: a step failed. What was started before it runs on.
            StopAskedError: somebody asked to stop meanwhile.
        """
        self._start_servers()
        demo = None if self._config.has_provider else Demo.of(self._store)
        self._publish_environment(demo)
        if demo:
            self._console.say(
                "No provider is configured: starting the simulator, which plays the game."
            )
            self._supervisor.start(demo.program(self._programs, self._home))
        self._run("migrate", "--no-input", doing="Bringing the database up to date.")
        password = self._make_first_admin()
        if demo:
            self._fill_demo(demo)
        self._start_application()
        self._welcome(demo, password)

    def pulse(self) -> int | None:
        """The HTTP status of /healthz, asked as a proxy with TLS would; None: nobody answers."""
        allowed = self._environment.get("ALLOWED_HOSTS", "").split(",")[0].strip()
        is_name = bool(allowed) and not allowed.startswith((".", "*"))
        headers = {"Host": allowed if is_name else "localhost", "X-Forwarded-Proto": "https"}
        return status_of(self._config.reachable_host, self._config.port, "/healthz", headers)

    def _start_servers(self) -> None:
        """Start what nobody else runs for us."""
        database, broker = self._environment.get("DATABASE_URL"), self._environment.get("REDIS_URL")
        if database:
            check_database(database)
        if broker:
            check_broker(broker)
        if not database:
            self._environment["DATABASE_URL"] = self._start_postgres()
        if not broker:
            self._environment["REDIS_URL"] = self._start_valkey()

    def _start_postgres(self) -> str:
        postgres = database_setup.postgres_of(self._home, self._store, self._console.say)
        self._start_server(postgres)
        libpq.forget(self._environment)
        self._has_own_database = True
        return postgres.url

    def _start_valkey(self) -> str:
        valkey = Valkey(
            self._home.folder,
            port=ports.pick(),
            password=self._store.get_or_make("valkey_password"),
        )
        self._start_server(valkey)
        return valkey.url

    def _start_server(self, server: Server) -> None:
        self._console.say(f"Starting {server.name}.")
        server.prepare()
        program = programs.server(server, self._home)
        (child,) = self._supervisor.start(program)
        wait_until_ready(
            server,
            is_alive=lambda: child.process is not None,
            log=self._home.logs / f"{server.name}.log",
            seconds=_READY_SECONDS,
            pause=self._supervisor.look_unless_asked,
        )

    def _publish_environment(self, demo: Demo | None) -> None:
        """Complete what the children run in, and let other commands find it (redeemer.localserver.discovery)."""
        if not self._environment.get("SECRET_KEY"):
            self._environment["SECRET_KEY"] = self._store.get_or_make("secret_key")
        if demo:
            self._environment |= demo.environment
        published = configuration.shared(self._environment)
        if self._has_own_database:
            published[discovery.OWN_DATABASE] = "1"
        write_private(self._home.environment, json.dumps(published, indent=1))

    def _run(self, *command: str, doing: str) -> None:
        """Run a command of manage.py that the start cannot do without."""
        self._console.say(doing)
        status = self._supervisor.run_once(self._programs.manage(*command))
        if status != 0:
            raise CannotStartError(
                f"`manage.py {command[0]}` {describe(status)}: see the lines above."
            )

    def _make_first_admin(self) -> str | None:
        """Returns the password if an administrator was made just now."""
        before = _changed_at(self._home.admin_password)
        self._run("ensure_admin", doing="Looking for an administrator.")
        if _changed_at(self._home.admin_password) == before:
            return None
        return self._home.admin_password.read_text(encoding="utf-8").strip()

    def _fill_demo(self, demo: Demo) -> None:
        self._supervisor.wait_for(
            demo.is_ready, seconds=_READY_SECONDS, what="The simulator does not answer"
        )
        self._console.say("Filling the demo guild.")
        if self._supervisor.run_once(self._programs.manage("seed_demo")) != 0:
            self._console.say("The demo guild could not be filled; going on without.")

    def _start_application(self) -> None:
        self._console.say("Starting the workers, the site and the clock.")
        self._supervisor.start(self._programs.worker_control(), self._programs.worker_redeem())
        self._supervisor.start(self._programs.web())
        self._supervisor.start(self._programs.beat())
        self._supervisor.wait_for(
            self._site_answers, seconds=_READY_SECONDS, what="The site does not answer"
        )

    def _site_answers(self) -> bool:
        return status_of(self._config.reachable_host, self._config.port, "/") is not None

    def _welcome(self, demo: Demo | None, password: str | None) -> None:
        say = self._console.say
        say("")
        say(
            "Redeemer is running."
            + (" DEMO: the game is simulated; no real code is redeemed." if demo else "")
        )
        say(f"  Address:  {self._config.address}/")
        if password:
            say(
                f"  Log in:   admin, password {password}   (shown this once, kept in {self._home.admin_password})"
            )
        elif self._home.admin_password.exists():
            say(f"  Log in:   admin, password in {self._home.admin_password} unless it was changed")
        say("  To stop:  Ctrl-C")
        say("")


def _changed_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
