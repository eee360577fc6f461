"""Scenarios in which PostgreSQL crashes or terminates connections."""

from __future__ import annotations

from chaos.round import Round
from chaos.scenario import scenario


@scenario(
    "postgres-crash",
    "PostgreSQL crashes (-m immediate) during a run, and is down for up to 8 s.",
    rounds=2,
)
def postgres_crash(round_: Round) -> None:
    round_.new_code()
    round_.wait_for_random_moment()
    seconds = round_.random.uniform(0, 8)
    round_.system.servers.crash_postgres()
    round_.record_fault()
    round_.system.pause(seconds)
    round_.system.servers.postgres.start()
    round_.record_fault()
    round_.notes.append(f"down for {seconds:.1f} s")
    round_.extra_seconds = 20.0


@scenario(
    "postgres-terminate",
    "All connections are terminated every half second for 15 s.",
    fault_seconds=30,
)
def postgres_terminate(round_: Round) -> None:
    round_.new_code()
    terminated = 0
    for _ in range(30):
        round_.system.pause(0.5)
        terminated += round_.system.database.value(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user "
            "AND pid <> pg_backend_pid()"
        )
        round_.record_fault()
    round_.notes.append(f"{terminated} connections terminated")
    round_.extra_seconds = 20.0
