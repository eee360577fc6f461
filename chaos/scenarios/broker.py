"""Scenarios in which Redis loses its data, dies, freezes, or loses or repeats messages."""

from __future__ import annotations

import signal
import time

import redis

from chaos.round import Round
from chaos.scenario import scenario
from chaos.system import REDEEM

_QUEUES = ["redeem", "control"]


@scenario("flush", "Redis is flushed three times during a run, once with messages in the queue.")
def flush(round_: Round) -> None:
    round_.new_code()
    round_.wait_for_random_moment(0.3)
    for name in REDEEM:
        round_.system.freeze(name)
    round_.system.pause(1.2)
    queued = round_.system.servers.broker().llen("redeem")
    round_.notes.append(f"{queued} message(s) were waiting")
    _flush(round_)
    for name in REDEEM:
        round_.system.thaw(name)
    for _ in range(2):
        round_.wait_for_random_moment()
        _flush(round_)


def _flush(round_: Round) -> None:
    round_.system.servers.broker().flushall()
    round_.record_fault()


@scenario("lost-message", "Ten messages are removed from the queues.")
def lost_message(round_: Round) -> None:
    round_.new_code()
    taken = _take(round_, 10)
    round_.notes.append(f"{len(taken)} message(s) lost")
    round_.record_fault()


@scenario("doubled-message", "Twenty messages are delivered twice.")
def doubled_message(round_: Round) -> None:
    round_.new_code()
    broker = round_.system.servers.broker()
    doubled = 0
    for queue, message in _take(round_, 20):
        doubled += 1
        broker.lpush(queue, message, message)
    round_.notes.append(f"{doubled} message(s) doubled")
    round_.record_fault()


def _take(round_: Round, number: int) -> list[tuple[bytes, bytes]]:
    """Take up to `number` messages from the queues before a worker gets them.

    This takes at most 20 s.
    """
    broker = round_.system.servers.broker()
    taken: list[tuple[bytes, bytes]] = []
    end = time.monotonic() + 20
    while len(taken) < number and time.monotonic() < end:
        round_.system.supervise()
        queues = _QUEUES if round_.random.random() < 0.5 else _QUEUES[:1]
        if found := broker.brpop(queues, timeout=0.5):
            taken.append(found)
        round_.system.pause(round_.random.uniform(0, 0.2))
    return taken


@scenario(
    "redis-down",
    "Redis is killed during a run, and is back after 1, 5 or 20 s, with or without its data.",
    rounds=3,
)
def redis_down(round_: Round) -> None:
    _kill_and_restart(round_, round_.random.choice([1.0, 5.0, 20.0]))


@scenario(
    "redis-away", "Redis is killed during a run, and is back after two minutes.", fault_seconds=150
)
def redis_away(round_: Round) -> None:
    _kill_and_restart(round_, 120.0)


def _kill_and_restart(round_: Round, seconds: float) -> None:
    round_.new_code()
    round_.wait_for_random_moment(0.7)
    is_lost = round_.random.random() < 0.5
    servers = round_.system.servers
    if is_lost:
        servers.lose_valkey()
    else:
        servers.valkey.stop(signal.SIGKILL)
    round_.record_fault()
    round_.system.pause(seconds)
    servers.valkey.start()
    round_.record_fault()
    round_.notes.append(f"down for {seconds:g} s, data {'lost' if is_lost else 'kept'}")
    # Celery waits 2 s, 4 s and so on between two attempts to reconnect, and at most 32 s.
    round_.extra_seconds = 35.0


@scenario("redis-client-kill", "Redis closes all connections, ten times.")
def redis_client_kill(round_: Round) -> None:
    round_.new_code()
    for _ in range(10):
        round_.system.pause(round_.random.uniform(0.2, 1.0))
        try:
            round_.system.servers.broker().execute_command(
                "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"
            )
        except redis.RedisError as error:
            round_.problems.append(f"CLIENT KILL: {error}")
        round_.record_fault()
    round_.extra_seconds = 20.0


@scenario("redis-frozen", "Redis is frozen for 15 s; its connections stay open.", fault_seconds=40)
def redis_frozen(round_: Round) -> None:
    round_.new_code()
    round_.wait_for_random_moment(0.5)
    round_.system.servers.valkey.send(signal.SIGSTOP)
    round_.record_fault()
    round_.system.pause(15)
    round_.system.servers.valkey.send(signal.SIGCONT)
    round_.record_fault()
    round_.extra_seconds = 35.0
