"""Redis forgets, dies, freezes, and loses or doubles messages."""

from __future__ import annotations

import signal
import time

import redis

from chaos.round import Stage
from chaos.scenario import scenario
from chaos.system import REDEEM

_QUEUES = ["redeem", "control"]


@scenario("flush", "FLUSHALL three times in mid-run, once with messages that wait.")
def flush(stage: Stage) -> None:
    stage.begin()
    stage.wait_for_random_moment(0.3)
    for name in REDEEM:
        stage.system.freeze(name)
    stage.system.pause(1.2)
    queued = stage.system.servers.broker().llen("redeem")
    stage.notes.append(f"{queued} message(s) were waiting")
    _flush(stage)
    for name in REDEEM:
        stage.system.thaw(name)
    for _ in range(2):
        stage.wait_for_random_moment()
        _flush(stage)


def _flush(stage: Stage) -> None:
    stage.system.servers.broker().flushall()
    stage.note_fault()


@scenario("lost-message", "Ten messages are taken from the queues and lost.")
def lost_message(stage: Stage) -> None:
    stage.begin()
    taken = _take(stage, 10)
    stage.notes.append(f"{len(taken)} message(s) lost")
    stage.note_fault()


@scenario("doubled-message", "Twenty messages are delivered twice.")
def doubled_message(stage: Stage) -> None:
    stage.begin()
    broker = stage.system.servers.broker()
    doubled = 0
    for queue, message in _take(stage, 20):
        doubled += 1
        broker.lpush(queue, message, message)
    stage.notes.append(f"{doubled} message(s) doubled")
    stage.note_fault()


def _take(stage: Stage, number: int) -> list[tuple[bytes, bytes]]:
    """Take messages before a worker gets them, while there is work."""
    broker = stage.system.servers.broker()
    taken: list[tuple[bytes, bytes]] = []
    end = time.monotonic() + 20
    while len(taken) < number and time.monotonic() < end:
        stage.system.look()
        queues = _QUEUES if stage.random.random() < 0.5 else _QUEUES[:1]
        if found := broker.brpop(queues, timeout=0.5):
            taken.append(found)
        stage.system.pause(stage.random.uniform(0, 0.2))
    return taken


@scenario(
    "redis-down",
    "SHUTDOWN NOSAVE in mid-run; back after 1, 5 or 20 s, with or without its data.",
    rounds=3,
)
def redis_down(stage: Stage) -> None:
    _take_away(stage, stage.random.choice([1.0, 5.0, 20.0]))


@scenario("redis-away", "SHUTDOWN NOSAVE in mid-run; back after two minutes.", harm_seconds=150)
def redis_away(stage: Stage) -> None:
    _take_away(stage, 120.0)


def _take_away(stage: Stage, seconds: float) -> None:
    stage.begin()
    stage.wait_for_random_moment(0.7)
    is_lost = stage.random.random() < 0.5
    servers = stage.system.servers
    if is_lost:
        servers.lose_valkey()
    else:
        servers.valkey.stop(signal.SIGKILL)
    stage.note_fault()
    stage.system.pause(seconds)
    servers.valkey.start()
    stage.note_fault()
    stage.notes.append(f"away for {seconds:g} s, data {'lost' if is_lost else 'kept'}")
    stage.extra_seconds = 35.0  # Celery asks again after 2, 4, … and at most 32 s.


@scenario("redis-client-kill", "Redis cuts all connections, ten times.")
def redis_client_kill(stage: Stage) -> None:
    stage.begin()
    for _ in range(10):
        stage.system.pause(stage.random.uniform(0.2, 1.0))
        try:
            stage.system.servers.broker().execute_command(
                "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"
            )
        except redis.RedisError as error:
            stage.complaints.append(f"CLIENT KILL: {error}")
        stage.note_fault()
    stage.extra_seconds = 20.0


@scenario("redis-frozen", "Redis is stopped, its connections stay open, for 15 s.", harm_seconds=40)
def redis_frozen(stage: Stage) -> None:
    stage.begin()
    stage.wait_for_random_moment(0.5)
    stage.system.servers.valkey.send(signal.SIGSTOP)
    stage.note_fault()
    stage.system.pause(15)
    stage.system.servers.valkey.send(signal.SIGCONT)
    stage.note_fault()
    stage.extra_seconds = 35.0
