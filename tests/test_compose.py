"""compose.yaml and Dockerfile without Docker: every command is run as a plain process.

The tests arrange what Docker would: host names, the paths of secrets, ports, the start order.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis
import yaml
from django.conf import settings

from chaos.database import REALM, Database
from chaos.game import Game, line
from chaos.servers import Running
from redeemer.games import GAMES
from redeemer.localserver import servers
from redeemer.localserver.config import Config
from redeemer.localserver.console import Console
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.postgres import THROW_AWAY, Postgres
from redeemer.localserver.programs import Programs
from redeemer.localserver.servers import pick_port
from redeemer.localserver.spawn import spawn_with_parent_death_signal
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.slow

_DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
_FOR_THE_BUILD = (".ci", "requirements.txt")
_APPLICATION = ("web", "control", "redeem", "beat")
_SERVERS = ("postgres", "redis")
_PASSWORD = "only-for-compose"
_TOKEN = "only-for-compose"
_MEMBERS = 20


def _compose() -> dict[str, Any]:
    """compose.yaml, with every `${NAME:-default}` replaced by its default, and `$$` by `$`."""
    text = (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


COMPOSE = _compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


# --- What the file says ---------------------------------------------------------------------------
@pytest.mark.parametrize("service", [*_APPLICATION, "discord-bot"])
def test_a_service_runs_what_make_up_runs(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Sequence[str]] = []
    monkeypatch.setattr(
        "redeemer.localserver.programs.spawn_with_parent_death_signal",
        lambda command, **_: launched.append(command),
    )
    programs = Programs(Console(), {}, Config("0.0.0.0", 8000, 4, 8, has_demo=False))
    of_make_up = {
        "discord-bot": programs.discord_bot,
        "web": programs.web,
        "control": programs.worker_control,
        "redeem": programs.worker_redeem,
        "beat": programs.beat,
    }

    of_make_up[service]().launch(subprocess.DEVNULL)

    ours = [part.removeprefix(f"{REPOSITORY}/") for part in launched[0][1:]]
    assert SERVICES[service]["command"] == ["python", *ours]


def test_the_discord_bot_runs_only_if_it_is_wanted() -> None:
    profiles = {
        name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service
    }

    assert profiles == {"discord-bot": ["discord"]}


def test_only_the_site_is_published_and_only_to_this_host() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"web": ["127.0.0.1:8000:8000"]}
    assert COMPOSE["networks"]["inner"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inner"]


@pytest.mark.parametrize("service", ["control", "redeem"])
def test_a_worker_that_is_stopped_has_time_to_finish_its_requests(service: str) -> None:
    seconds = _seconds(SERVICES[service]["stop_grace_period"])

    assert seconds >= settings.CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT + 5
    assert seconds >= settings.HTTP_SECONDS + 5


def test_no_service_can_write_files_or_gain_rights_or_run_as_root() -> None:
    assert set(SERVICES) == {*_APPLICATION, "discord-bot", "migrate", *_SERVERS}
    for service in SERVICES.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert "no-new-privileges:true" in service["security_opt"]
    for name in _SERVERS:
        assert SERVICES[name]["user"] not in ("", "root", "0")
    assert re.findall(r"^USER (.*)$", _DOCKERFILE, re.MULTILINE) == ["10001"]


def test_a_service_gets_only_the_secrets_that_it_needs() -> None:
    secrets = {name: service.get("secrets", []) for name, service in SERVICES.items()}
    files = {name: [_path(file) for file in _env_files(name)] for name in SERVICES}

    assert secrets.pop("postgres") == ["postgres-password"]
    assert secrets.pop("redis") == ["redis-password"]
    assert set(map(tuple, secrets.values())) == {("postgres-password", "redis-password")}
    assert files == {
        **{
            name: [".env", "secrets/outside.env"]
            for name in ("migrate", "web", "control", "redeem", "discord-bot")
        },
        "beat": [".env"],
        **{name: [] for name in _SERVERS},
    }


def test_configs_and_secrets_are_files_because_the_services_are_read_only() -> None:
    """Compose copies every other source into the container, and a read-only one refuses that."""
    sources = {**COMPOSE["configs"], **COMPOSE["secrets"]}

    assert {name: list(source) for name, source in sources.items()} == {
        name: ["file"] for name in ("postgres-owner", "postgres-password", "redis-password")
    }
    assert (REPOSITORY / COMPOSE["configs"]["postgres-owner"]["file"]).is_file()


def test_no_password_is_in_a_command_line() -> None:
    """Every user of the host can read the command lines of processes."""
    for service in SERVICES.values():
        assert "requirepass " not in " ".join(service["command"]).partition("<<")[0]


def test_dockerignore_admits_exactly_what_the_image_copies() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", _DOCKERFILE, re.MULTILINE)
    ignore = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert ignore.index("*") < min(ignore.index(f"!{path}") for path in copied)
    assert {rule[1:] for rule in ignore if rule.startswith("!")} == set(copied)
    assert all((REPOSITORY / path).exists() for path in copied)


def test_images_are_pinned_and_the_packages_are_those_of_make_up() -> None:
    images = [SERVICES["postgres"]["image"], SERVICES["redis"]["image"]]
    images += re.findall(r"^ARG PYTHON=(.*)$", _DOCKERFILE, re.MULTILINE)

    assert all(re.fullmatch(r"[\w/]+:\d+[\w.-]*", image) for image in images), images
    assert '"python", ".ci/install.py", ".venv/.installed", "requirements.txt"' in _DOCKERFILE


def test_the_steps_of_an_upgrade_exchange_every_service() -> None:
    """They start services without those that they depend on, so each one must be named."""
    page = (REPOSITORY / "docs" / "how-to" / "upgrade.md").read_text(encoding="utf-8")
    steps = re.findall(r"^docker compose (?:up|run) ([^#\n]*)", page, re.MULTILINE)
    named = {word for step in steps for word in step.split() if not word.startswith("-")}

    assert named == {*_APPLICATION, "migrate", *_SERVERS}


def test_the_image_s_user_can_read_the_code_of_a_clone_that_only_its_owner_can_read(
    tmp_path: Path,
) -> None:
    build = _DOCKERFILE.partition("\nFROM ${PYTHON}\n")[0]
    copied = re.findall(r"^COPY (\S+) \S+$", build, re.MULTILINE)
    # The other files are read only while the image is built.
    for name in (path for path in copied if path.partition("/")[0] not in _FOR_THE_BUILD):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if (REPOSITORY / name).is_dir():
            path.mkdir()
            path /= "module.py"
        path.touch(0o700 if os.access(REPOSITORY / name, os.X_OK) else 0o600)
    for folder in filter(Path.is_dir, tmp_path.rglob("*")):
        folder.chmod(0o700)

    for command in re.findall(r"^RUN (chmod .*)$", build, re.MULTILINE):
        subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True)

    modes = {
        str(path.relative_to(tmp_path)): path.stat().st_mode & 0o077 for path in tmp_path.rglob("*")
    }
    assert {mode & 0o044 for mode in modes.values()} == {0o044}, modes
    assert modes[".docker"] == modes[".docker/with-password"] == modes["giftcodes"] == 0o055


@pytest.mark.parametrize(
    ("given", "expected"), [(None, "from the file"), ("", "from the file"), ("of .env", "of .env")]
)
def test_a_password_in_the_environment_takes_precedence_over_the_file(
    given: str | None, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "postgres-password"
    file.write_text("from the file\n", encoding="utf-8")
    own = {} if given is None else {"PGPASSWORD": given}

    said = subprocess.run(
        [REPOSITORY / ".docker" / "with-password", "printenv", "PGPASSWORD"],
        env={"PATH": os.environ["PATH"], "PGPASSWORD_FILE": str(file), **own},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == expected


# --- What the services do -------------------------------------------------------------------------
class Engine:
    """Does with plain processes what Docker does with compose.yaml."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        site, self._redis = pick_port(), pick_port()
        #: A folder for PATH, with the wheel's `valkey-server`.
        self._programs = folder / "bin"
        self._programs.mkdir()
        (self._programs / "valkey-server").symlink_to(servers.valkey_program())
        for server in ("postgres", "redis"):
            (folder / f"{server}-password").write_text(_PASSWORD + "\n", encoding="utf-8")
        self.postgres = Postgres(
            folder,
            port=pick_port(),
            password=_PASSWORD,
            owner_password=_PASSWORD,
            settings=THROW_AWAY,
        )
        self.game = Game(f"http://127.0.0.1:{pick_port()}", _TOKEN)
        self._database = f"composed@127.0.0.1:{self.postgres.port}/composed"
        self.database_url = f"postgres://{self._database.replace('@', f':{_PASSWORD}@')}"
        #: Replacements for what only a container and its network have.
        self._replacements = {
            "redeemer@postgres:5432/redeemer": self._database,
            "redis:6379": f"127.0.0.1:{self._redis}",
            "valkey-server -": f"valkey-server - --port {self._redis} --bind 127.0.0.1 "
            f"--dir {folder}",
            "/run/secrets": str(folder),
            "/srv/redeemer": str(REPOSITORY),
            "0.0.0.0:8000": f"127.0.0.1:{site}",
            '"127.0.0.1", 8000': f'"127.0.0.1", {site}',
        }
        #: The content of .env.
        self.env_file = {
            **{game.setting("SALT"): "" for game in GAMES},
            "SECRET_KEY": "only-for-compose-but-long-enough-to-please-the-checks-of-django-itself",
        }
        #: The content of secrets/outside.env.
        self.outside = {
            "SIMULATOR_SALT": "only-for-compose",
            "SIMULATOR_API_URL": self.game.api_url,
            "SIMULATOR_FEED_URL": self.game.feed_url,
            "SIMULATOR_POLL_SECONDS": "3",
            "SIMULATOR_RATE": "unlimited",
        }

    def start(self, service: str) -> subprocess.Popen[bytes]:
        """Start a service."""
        return self._launch(service, [*_of_image("ENTRYPOINT"), *SERVICES[service]["command"]])

    def start_game(self) -> None:
        """Start the simulator, which is not in the compose file."""
        port = self.game.url.rpartition(":")[2]
        command = ["python", "-m", "simulator", "--port", port, "--rate", "unlimited"]
        self._launch("game", [*command, "--players", "0"])
        wait_for(self.game.is_up, "the game to listen")

    def start_redis(self) -> None:
        """Start the service `redis` with its own command, on our port and in our folder."""
        self._launch("redis", SERVICES["redis"]["command"])
        with redis.Redis(port=self._redis, password=_PASSWORD) as client:
            wait_for(lambda: _pings(client), "Redis to answer")
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}

    def make_owner(self) -> None:
        """Run the script that PostgreSQL's image runs in a new volume, with names that fit here."""
        file = REPOSITORY / COMPOSE["configs"]["postgres-owner"]["file"]
        script = file.read_text(encoding="utf-8")
        for there, here in {
            "--username postgres": "--username redeemer",
            "ROLE postgres": "ROLE redeemer_owner",
            "ROLE redeemer ": "ROLE composed ",
            "DATABASE redeemer OWNER redeemer": "DATABASE composed OWNER composed",
        }.items():
            assert there in script
            script = script.replace(there, here)
        programs = servers.postgres_programs(None, Path)
        subprocess.run(
            ["bash", "-Eeo", "pipefail", "-c", script],
            env={
                "PATH": f"{programs}:{os.defpath}",
                "POSTGRES_PASSWORD": _PASSWORD,
                "PGPASSWORD": _PASSWORD,
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.postgres.port),
            },
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )

    def is_healthy(self, service: str) -> bool:
        """Run the service's own health check, or else the image's."""
        own = SERVICES[service].get("healthcheck", {}).get("test")
        check = own[1:] if own else _of_image("CMD", of="HEALTHCHECK")
        done = subprocess.run(
            self._local(check),
            env=self._environment(service),
            cwd=REPOSITORY,
            capture_output=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        return done.returncode == 0

    def stop(self, service: str) -> int:
        """Stop a service as Docker does; returns its exit status.

        Raises:
            subprocess.TimeoutExpired: the service does not end within its grace period.
        """
        process = self._running.pop(service)
        process.send_signal(signal.SIGTERM)
        return process.wait(_seconds(SERVICES[service]["stop_grace_period"]))

    def log(self, service: str) -> str:
        """The output of a service."""
        return (self._folder / f"{service}.log").read_text(encoding="utf-8")

    def end_all(self) -> None:
        """Kill the processes that still run."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def _launch(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = self._running[name] = spawn_with_parent_death_signal(
                self._local(command),
                environment=self._environment(name),
                folder=REPOSITORY,
                output=log,
            )
        return process

    def _environment(self, service: str) -> dict[str, str]:
        """The environment as in a container, except for PATH."""
        own = SERVICES.get(service, {}).get("environment", {})
        files, is_game = map(_path, _env_files(service)), service == "game"
        values = {name: self._place(str(value)) for name, value in own.items()}
        path = f"{self._programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {
            **self.env_file,
            **(self.outside if is_game or "secrets/outside.env" in files else {}),
            "SIMULATOR_TOKEN": _TOKEN if is_game else "",
            "PYTHONUNBUFFERED": "1",
            **values,
            "PATH": path,
            "REDEEMER_HOME": str(self._folder),
        }

    def _local(self, command: Sequence[str]) -> list[str]:
        return [self._place(part) for part in command]

    def _place(self, text: str) -> str:
        for there, here in self._replacements.items():
            text = text.replace(there, here)
        return text


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The two servers and the game. The tests start the other services."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="redeemer-compose-")))
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter it.
        made = Engine(folder)
        stack.callback(made.end_all)
        postgres = Running(made.postgres, folder / "postgres.log")
        stack.callback(postgres.stop)
        postgres.start()
        made.make_owner()
        made.start_redis()
        made.start_game()
        yield made


@pytest.mark.system
def test_what_compose_starts_becomes_healthy_redeems_a_code_and_ends_in_time(
    engine: Engine,
) -> None:
    assert engine.start("migrate").wait(PATIENCE_SECONDS) == 0, engine.log("migrate")
    for service in _APPLICATION:
        engine.start(service)
    for service in _APPLICATION:
        wait_for(lambda name=service: engine.is_healthy(name), f"{service} to be healthy")

    _redeem_a_code(engine)

    for service in reversed(_APPLICATION):
        assert engine.stop(service) == 0, engine.log(service)
    assert not engine.is_healthy("web")


@pytest.mark.system
def test_without_a_secret_key_nothing_is_started(engine: Engine) -> None:
    engine.env_file["SECRET_KEY"] = ""

    assert engine.start("migrate").wait(PATIENCE_SECONDS) != 0
    assert "SECRET_KEY" in engine.log("migrate")


def _redeem_a_code(engine: Engine) -> None:
    players = [str(500_000 + number) for number in range(_MEMBERS)]
    database = Database(engine.database_url)
    try:
        database.add_guild("Wolves", players)
        engine.game.change(
            players={player: {"realm": REALM} for player in players},
            codes={"FROST": {}},
            feed=[line("FROST")],
        )
        database.poll_now()
        wait_for(
            lambda: database.progress(["FROST"])["settled"] == _MEMBERS, "all members to have FROST"
        )
    finally:
        database.close()
    assert sorted(grant["player"] for grant in engine.game.ledger()["grants"]) == players


def _env_files(service: str) -> list[Any]:
    found: list[Any] = SERVICES.get(service, {}).get("env_file", [])
    return found


def _path(file: str | dict[str, Any]) -> str:
    return file if isinstance(file, str) else str(file["path"])


def _of_image(instruction: str, *, of: str = "") -> list[str]:
    """The arguments of an instruction in exec form, or of a part of it (the CMD of HEALTHCHECK)."""
    lines = _DOCKERFILE.replace("\\\n", " ")
    found = re.search(rf"^{of}{'.*' if of else ''}{instruction} (\[.*\])$", lines, re.MULTILINE)
    assert found, instruction
    arguments: list[str] = json.loads(found[1])
    return arguments


def _pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _seconds(text: str) -> float:
    assert text.endswith("s"), text
    return float(text[:-1])
