"""Publish the messages that wake the workers.

Celery's own `apply_async` does the same, but looks up so many options for each message that a third
of the control worker's time went into it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from kombu.utils.uuid import uuid

from giftcodes.domain import tracing

_thread = threading.local()


def publish(task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Publish a message for a task, at once or when the block of `together` ends.

    Raises:
        Exception: the broker did not take the message. Kombu raises many kinds.
    """
    app = task.app
    message = app.amqp.as_task_v2(
        uuid(),
        task.name,
        args,
        kwargs,
        argsrepr=repr(args),
        kwargsrepr=repr(kwargs),
        ignore_result=True,
    )
    with _producer(app) as producer:
        producer.publish(
            message.body,
            routing_key=_queue(app, task.name),
            headers=message.headers | tracing.headers(),
            serializer="json",
            **message.properties,
        )


@contextmanager
def together(app: Celery) -> Iterator[None]:
    """Send all messages that this thread publishes in this block to the broker in one round trip.

    Raises:
        Exception: the broker did not take all of the messages.
    """
    with app.producer_or_acquire() as producer, producer.batch():
        _thread.producer = producer
        try:
            yield
        finally:
            _thread.producer = None


@contextmanager
def _producer(app: Celery) -> Iterator[Any]:
    if producer := getattr(_thread, "producer", None):
        yield producer
        return
    with app.producer_or_acquire() as producer:
        yield producer


@functools.cache
def _queue(app: Celery, name: str) -> str:
    """The name of a task's queue, which is also the name of the list in Redis."""
    queue: str = app.amqp.router.route({}, name)["queue"].name
    return queue
