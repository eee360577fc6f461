"""The bundled simulator, which stands in for the game when no provider is configured."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from redeemer.localserver import ports
from redeemer.localserver.child import Program
from redeemer.localserver.home import Home
from redeemer.localserver.http import status_of
from redeemer.localserver.programs import Programs
from redeemer.localserver.secret_store import SecretStore

_RATE = "30/10"
_PUBLISH_EVERY_SECONDS = 180
_PLAYERS = 50


@dataclass(frozen=True)
class Demo:
    """Where the simulator listens and which players it has: the same after every restart."""

    port: int
    seed: int
    salt: str
    feed_key: str

    @classmethod
    def of(cls, store: SecretStore) -> Demo:
        """The demo of this installation; made up the first time."""
        port = ports.pick(int(store.get("simulator_port") or 0) or None)
        return cls(
            port=int(store.keep("simulator_port", str(port))),
            seed=int(
                store.keep(
                    "simulator_seed",
                    store.get("simulator_seed") or str(secrets.randbelow(1_000_000)),
                )
            ),
            salt=store.get_or_make("simulator_salt"),
            feed_key=store.get_or_make("simulator_feed_key"),
        )

    @property
    def environment(self) -> dict[str, str]:
        """What makes the simulator a provider in the settings."""
        return {
            "SIMULATOR_SALT": self.salt,
            "SIMULATOR_FEED_KEY": self.feed_key,
            "SIMULATOR_API_URL": f"http://127.0.0.1:{self.port}/api/gift_code",
            "SIMULATOR_FEED_URL": f"http://127.0.0.1:{self.port}/feed",
            "SIMULATOR_RATE": _RATE,
            "SIMULATOR_POLL_SECONDS": "10",
        }

    def program(self, programs: Programs, home: Home) -> Program:
        """The simulator; it finds its salt and feed key in the environment."""
        options = {
            "--port": self.port,
            "--rate": _RATE,
            "--players": _PLAYERS,
            "--seed": self.seed,
            "--publish-every": _PUBLISH_EVERY_SECONDS,
            "--state": home.folder / "simulator.jsonl",
        }
        arguments = [str(part) for option in options.items() for part in option]
        return programs.manage("simulate_game", *arguments, name="simulator")

    def is_ready(self) -> bool:
        """Whether the simulator answers."""
        return status_of("127.0.0.1", self.port, "/_sim/players") == 200
