"""PostgreSQL crashes, and ends connections."""

from __future__ import annotations

from chaos.round import Stage
from chaos.scenario import scenario


@scenario(
    "postgres-crash",
    "PostgreSQL is stopped at once (-m immediate) in mid-run, for up to 8 s.",
    rounds=2,
)
def postgres_crash(stage: Stage) -> None:
    stage.begin()
    stage.wait_for_random_moment()
    seconds = stage.random.uniform(0, 8)
    stage.system.servers.crash_postgres()
    stage.note_fault()
    stage.system.pause(seconds)
    stage.system.servers.postgres.start()
    stage.note_fault()
    stage.notes.append(f"away for {seconds:.1f} s")
    stage.extra_seconds = 20.0


@scenario(
    "postgres-terminate",
    "All connections are terminated every half second for 15 s.",
    harm_seconds=30,
)
def postgres_terminate(stage: Stage) -> None:
    stage.begin()
    ended = 0
    for _ in range(30):
        stage.system.pause(0.5)
        ended += stage.system.books.value(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        stage.note_fault()
    stage.notes.append(f"{ended} connections ended")
    stage.extra_seconds = 20.0
