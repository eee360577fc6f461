"""The bundled simulator, which replaces the game if the environment configures none."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from redeemer.localserver.home import Home, SecretStore
from redeemer.localserver.programs import Programs
from redeemer.localserver.servers import http_status, pick_port
from redeemer.localserver.supervisor import Program

_RATE = "30/10"
#: A demo publishes a code every 180 s until there are 100, which takes five hours, and then one a
#: day. So a demo that is left running stays small.
_PUBLISH_EVERY_SECONDS, _PUBLISH_FIRST = 180, 100
_PLAYERS = 50


@dataclass(frozen=True)
class Demo:
    """The simulator's port, the seed for its players, and its secrets. A restart keeps them."""

    port: int
    seed: int
    salt: str
    feed_key: str
    token: str

    @classmethod
    def load(cls, store: SecretStore) -> Demo:
        """Load the demo of this installation. The first call generates its values.

        If another program uses the stored port, a new port is chosen.
        """
        port = pick_port(int(store.get("simulator_port") or 0) or None)
        seed = store.get("simulator_seed") or str(secrets.randbelow(1_000_000))
        return cls(
            port=int(store.set("simulator_port", str(port))),
            seed=int(store.set("simulator_seed", seed)),
            salt=store.get_or_create("simulator_salt"),
            feed_key=store.get_or_create("simulator_feed_key"),
            token=store.get_or_create("simulator_token"),
        )

    @property
    def environment(self) -> dict[str, str]:
        """The settings that make the simulator a provider."""
        return {
            "SIMULATOR_SALT": self.salt,
            "SIMULATOR_FEED_KEY": self.feed_key,
            "SIMULATOR_TOKEN": self.token,
            "SIMULATOR_API_URL": f"http://127.0.0.1:{self.port}/api/gift_code",
            "SIMULATOR_FEED_URL": f"http://127.0.0.1:{self.port}/feed",
            "SIMULATOR_RATE": _RATE,
            "SIMULATOR_POLL_SECONDS": "10",
        }

    def program(self, programs: Programs, home: Home) -> Program:
        """Return the simulator's program.

        It reads its salt, feed key and token from the environment.
        """
        options = {
            "--port": self.port,
            "--rate": _RATE,
            "--players": _PLAYERS,
            "--seed": self.seed,
            "--publish-every": _PUBLISH_EVERY_SECONDS,
            "--publish-first": _PUBLISH_FIRST,
            "--state": home.folder / "simulator.jsonl",
        }
        arguments = [str(part) for option in options.items() for part in option]
        return programs.manage("simulate_game", *arguments, name="simulator")

    def is_ready(self) -> bool:
        """Whether the simulator answers."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return http_status("127.0.0.1", self.port, "/_sim/players", headers) == 200
