"""Connections that are half open: nothing comes any more, and nobody is told."""

from __future__ import annotations

from urllib.parse import urlsplit

from chaos.proxy import Proxy
from chaos.round import Stage
from chaos.scenario import scenario
from chaos.system import WORKERS


def _through(url: str, proxy: Proxy) -> str:
    """The same address by way of the proxy."""
    return url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/")


def _cut_off(stage: Stage, variable: str, url: str, names: tuple[str, ...], seconds: float) -> None:
    port = urlsplit(url).port
    assert port is not None
    with Proxy(port) as proxy:
        stage.system.relaunch(*names, **{variable: _through(url, proxy)})
        stage.begin()
        stage.wait_for_random_moment(0.6)
        proxy.freeze()
        stage.note_fault()
        stage.system.pause(seconds)
        proxy.thaw()
        stage.note_fault()
        stage.extra_seconds = 60.0
        stage.system.wait(stage.is_settled, "everything to settle", seconds=stage.patience_seconds)
    stage.notes.append(f"half open for {seconds:g} s")
    stage.system.relaunch(*names)


@scenario(
    "database-half-open",
    "One redeem worker's connections to PostgreSQL are half open for 12 s.",
    harm_seconds=90,
)
def database_half_open(stage: Stage) -> None:
    _cut_off(stage, "DATABASE_URL", stage.system.servers.database_url, ("redeem-2",), 12)


@scenario(
    "database-cut-off",
    "All workers' connections to PostgreSQL are half open for 12 s.",
    harm_seconds=90,
)
def database_cut_off(stage: Stage) -> None:
    _cut_off(stage, "DATABASE_URL", stage.system.servers.database_url, WORKERS, 12)


@scenario("redis-half-open", "All connections to Redis are half open for 20 s.", harm_seconds=100)
def redis_half_open(stage: Stage) -> None:
    _cut_off(stage, "REDIS_URL", stage.system.servers.redis_url, (*WORKERS, "beat"), 20)
