"""Starts one installation step by step, or only its database.

Generated values, such as passwords, are kept for the next start.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redeemer.localserver import config as configuration
from redeemer.localserver.bot_watch import BotWatch, has_token
from redeemer.localserver.config import Config
from redeemer.localserver.console import Console
from redeemer.localserver.demo import Demo
from redeemer.localserver.discovery import (
    EMBEDDED_DATABASE,
    instance_lock,
    remove_libpq_variables,
)
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home, SecretStore, write_private
from redeemer.localserver.postgres import Postgres
from redeemer.localserver.programs import Programs, server_program
from redeemer.localserver.servers import (
    Server,
    check_broker,
    check_database,
    http_status,
    pick_port,
    wait_until_ready,
)
from redeemer.localserver.supervisor import Supervisor, describe_exit, rotate_log
from redeemer.localserver.valkey import Valkey
from redeemer.paths import COMMAND, IS_INSTALLED, START_COMMAND

_READY_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 30.0
_WHERE = "" if IS_INSTALLED else " in a clone that belongs to it"
#: If root starts this, PostgreSQL runs as another user, but Redeemer runs as root. If Redeemer ran
#: as a user that other services share, those services could read its keys.
_ROOT = f"""\
  WARNING:  You are root, and so are the site, the workers and beat: a flaw in one of them gives
            an attacker the whole computer. They do not change to another user, because the code,
            .env and the home belong to root, and there is no user for them alone. Run this as root
            for trials only. Otherwise make a user (useradd --create-home redeemer), and run
            `{START_COMMAND}` as that user{_WHERE}, or use compose.yaml."""


class Installation:
    """The servers and programs of one home, and how they are started."""

    def __init__(
        self, home: Home, config: Config, console: Console, supervisor: Supervisor
    ) -> None:
        self._home = home
        self._config = config
        self._console = console
        self._supervisor = supervisor
        self._store = SecretStore(home.secrets)
        self._environment = {**os.environ, "REDEEMER_HOME": str(home.folder)}
        self._has_embedded_database = False
        self._programs = Programs(console, self._environment, config)

    def start(self) -> None:
        """Start everything, and show the address.

        Raises:
            CannotStartError: a step failed. The children that were started before still run.
            StopRequestedError: a person asked to stop in the meantime.
        """
        self._start_servers()
        demo = Demo.load(self._store) if self._config.has_demo else None
        self._publish_environment(demo)
        self._programs.load()
        if demo:
            self._console.say("Starting the simulator, which plays the game of the demo.")
            self._supervisor.start(demo.program(self._programs, self._home))
        self._run("migrate", "--no-input", doing="Bringing the database up to date.")
        password = self._ensure_admin()
        if demo:
            self._fill_demo(demo)
        self._start_application()
        self._show_address(demo, password)

    def health_status(self) -> int | None:
        """Request /healthz as a TLS proxy would.

        Returns:
            The HTTP status. None if there is no answer.
        """
        allowed = self._environment.get("ALLOWED_HOSTS", "").split(",")[0].strip()
        is_name = bool(allowed) and not allowed.startswith((".", "*"))
        headers = {"Host": allowed if is_name else "localhost", "X-Forwarded-Proto": "https"}
        return http_status(self._config.local_host, self._config.port, "/healthz", headers)

    def bot_watch(self) -> BotWatch:
        """What starts and ends the Discord bot. It is used after `start`."""
        return BotWatch(
            self._supervisor, self._programs.discord_bot(), lambda: has_token(self._environment)
        )

    def _start_servers(self) -> None:
        """Check the servers that the environment names, and start the others."""
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
        postgres = postgres_for(self._home, self._store, self._console.say)
        self._start_server(postgres)
        remove_libpq_variables(self._environment)
        self._has_embedded_database = True
        return postgres.url

    def _start_valkey(self) -> str:
        valkey = Valkey(
            self._home.folder,
            port=pick_port(),
            password=self._store.get_or_create("valkey_password"),
        )
        self._start_server(valkey)
        return valkey.url

    def _start_server(self, server: Server) -> None:
        self._console.say(f"Starting {server.name}.")
        server.prepare()
        (child,) = self._supervisor.start(server_program(server, self._home))
        wait_until_ready(
            server,
            is_alive=lambda: child.process is not None,
            log=self._home.logs / f"{server.name}.log",
            seconds=_READY_SECONDS,
            pause=self._supervisor.poll_unless_stopped,
        )

    def _publish_environment(self, demo: Demo | None) -> None:
        """Complete the environment of the children, and publish it for other commands.

        redeemer.localserver.discovery reads it in those commands.
        """
        if not self._environment.get("SECRET_KEY"):
            self._environment["SECRET_KEY"] = self._store.get_or_create("secret_key")
        if demo:
            self._environment |= demo.environment
        published = configuration.published(self._environment)
        if self._has_embedded_database:
            published[EMBEDDED_DATABASE] = "1"
        write_private(self._home.environment, json.dumps(published, indent=1))

    def _run(self, *command: str, doing: str) -> None:
        """Run a command of `redeemer`.

        Raises:
            CannotStartError: the command failed.
        """
        self._console.say(doing)
        status = self._supervisor.run_once(self._programs.manage(*command))
        if status != 0:
            raise CannotStartError(
                f"`{COMMAND} {command[0]}` {describe_exit(status)}: see the lines above."
            )

    def _ensure_admin(self) -> str | None:
        """Create an administrator if there is none. Returns the new password, otherwise None."""
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
            self._console.say("The demo guild could not be filled; going on without it.")

    def _start_application(self) -> None:
        self._console.say("Starting the workers, the site and beat.")
        self._supervisor.start(self._programs.worker_control(), self._programs.worker_redeem())
        self._supervisor.start(self._programs.web())
        self._supervisor.start(self._programs.beat())
        self._supervisor.wait_for(
            self._site_answers, seconds=_READY_SECONDS, what="The site does not answer"
        )

    def _site_answers(self) -> bool:
        return http_status(self._config.local_host, self._config.port, "/") is not None

    def _show_address(self, demo: Demo | None, password: str | None) -> None:
        say, file = self._console.say, self._home.admin_password
        say("")
        say(
            "Redeemer is running."
            + (" DEMO: the game is simulated; no real code is redeemed." if demo else "")
        )
        say(f"  Address:  {self._config.address}/")
        if password and self._console.is_terminal:
            say(f"  Log in:   admin, password {password}   (shown only once, kept in {file})")
        elif file.exists():
            unless = "" if password else " unless it was changed"
            say(f"  Log in:   admin, password in {file}{unless}")
        say("  To stop:  Ctrl-C")
        if os.geteuid() == 0:
            say(_ROOT)
        say("")


def _changed_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def postgres_for(home: Home, store: SecretStore, say: Callable[[str], None]) -> Postgres:
    """Return the PostgreSQL server of an installation. It is not started.

    Args:
        home: the home of the installation. Its folders must exist.
        store: the secrets of the installation. The server's passwords are generated the first time.
        say: shows a line to the user. It is called if the data are not in the home.

    Raises:
        CannotStartError: there is no user or no folder for the server, or its existing data are in
            another folder.
    """
    postgres = Postgres(
        home.folder,
        port=pick_port(),
        password=store.get_or_create("postgres_password"),
        owner_password=store.get_or_create("postgres_owner_password"),
    )
    _check_data_folder(store, postgres.data)
    if postgres.account and postgres.folder != home.folder:
        say(
            f"The database is in {postgres.data}: user {postgres.account.name} cannot reach "
            f"{home.folder}."
        )
    return postgres


def _check_data_folder(store: SecretStore, data: Path) -> None:
    """Check that a start would not create an empty database while the existing one is elsewhere.

    Raises:
        CannotStartError: the existing database is in another folder.
    """
    before = store.get("postgres_data") or str(data)
    if before != str(data) and not _has_data(data) and _has_data(Path(before)):
        raise CannotStartError(
            f"This installation's database is in {before}, but Redeemer looks for it in {data} "
            "now. Move it there, and start again."
        )
    store.set("postgres_data", str(data))


def _has_data(folder: Path) -> bool:
    try:
        return (folder / "PG_VERSION").exists()
    except OSError:
        return False


@contextmanager
def database_only(home: Home, holder: str, say: Callable[[str], None]) -> Iterator[str]:
    """Run only the installation's PostgreSQL, and hold the lock, so that `make up` cannot start.

    Yields the database's address.

    Args:
        home: the home of the installation. It is created if necessary.
        holder: the name of what is running. A `make up` that is started in the meantime shows it in
            its error.
        say: shows a line to the user. It is called if the data are not in the home.

    Raises:
        CannotStartError: another process holds the lock, or the server does not start.
    """
    home.prepare()
    with instance_lock(home.lock, holder):
        # If this file exists, a killed supervisor left it. While the lock is held, other commands
        # would use the outdated addresses in it.
        home.environment.unlink(missing_ok=True)
        postgres = postgres_for(home, SecretStore(home.secrets), say)
        with _running(postgres, home.logs / f"{postgres.name}.log"):
            yield postgres.url


@contextmanager
def _running(postgres: Postgres, log: Path) -> Iterator[None]:
    postgres.prepare()
    rotate_log(log)
    with log.open("ab") as output:
        process = postgres.launch(output)
    try:
        wait_until_ready(postgres, is_alive=lambda: process.poll() is None, log=log)
        yield
    finally:
        process.send_signal(postgres.stop_signal)
        try:
            process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
