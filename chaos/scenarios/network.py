"""Scenarios with half-open connections. No data arrives, and neither side gets an error."""

from __future__ import annotations

from urllib.parse import urlsplit

from chaos.proxy import Proxy
from chaos.round import Round
from chaos.scenario import scenario
from chaos.system import WORKERS


def _through(url: str, proxy: Proxy) -> str:
    """Return the same address, but with the port of the proxy."""
    return url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/")


def _cut_off(
    round_: Round, variable: str, url: str, names: tuple[str, ...], seconds: float
) -> None:
    port = urlsplit(url).port
    assert port is not None
    with Proxy(port) as proxy:
        round_.system.restart(*names, **{variable: _through(url, proxy)})
        round_.new_code()
        round_.wait_for_random_moment(0.6)
        proxy.freeze()
        round_.record_fault()
        round_.system.pause(seconds)
        proxy.thaw()
        round_.record_fault()
        round_.extra_seconds = 60.0
        round_.system.wait_until(
            round_.is_settled, "everything to settle", seconds=round_.patience_seconds
        )
    round_.notes.append(f"half open for {seconds:g} s")
    round_.system.restart(*names)


@scenario(
    "database-half-open",
    "One redeem worker's connections to PostgreSQL are half open for 12 s.",
    fault_seconds=90,
)
def database_half_open(round_: Round) -> None:
    _cut_off(round_, "DATABASE_URL", round_.system.servers.database_url, ("redeem-2",), 12)


@scenario(
    "database-cut-off",
    "All workers' connections to PostgreSQL are half open for 12 s.",
    fault_seconds=90,
)
def database_cut_off(round_: Round) -> None:
    _cut_off(round_, "DATABASE_URL", round_.system.servers.database_url, WORKERS, 12)


@scenario("redis-half-open", "All connections to Redis are half open for 20 s.", fault_seconds=100)
def redis_half_open(round_: Round) -> None:
    _cut_off(round_, "REDIS_URL", round_.system.servers.redis_url, (*WORKERS, "beat"), 20)
