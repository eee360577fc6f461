"""Messages are published as Celery publishes them, and fetched without a trace in the broker."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings

from giftcodes import messages, tasks
from giftcodes.models import MemberRedemption, Trigger
from giftcodes.pipeline.fan_out import fan_out
from giftcodes.pipeline.start_or_refuse import start
from redeemer.celery import app
from tests.factories import gift_code, guild

#: What differs between two messages for the same task.
_OWN = {"id", "root_id", "correlation_id", "delivery_tag", "origin", "reply_to"}


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.delete("control", "redeem")
        yield client
        client.delete("control", "redeem")


def test_a_message_is_the_one_that_celery_would_publish(broker: redis.Redis) -> None:
    call: Any = {"args": (1, Trigger.ADMIN), "kwargs": {"user_id": None}}
    tasks.fan_out.apply_async(**call)
    messages.publish(tasks.fan_out, **call)

    theirs, ours = _elements(broker, "control")

    assert ours["body"] == theirs["body"]
    for part in ("headers", "properties"):
        expected = {
            name: value
            for name, value in theirs[part].items()
            if name not in _OWN | {"argsrepr", "ignore_result", "__django_structlog__"}
        }
        assert expected.items() <= ours[part].items()
        assert set(theirs[part]) - set(ours[part]) <= {"__django_structlog__"}


def test_a_message_goes_to_the_queue_of_its_task(broker: redis.Redis) -> None:
    messages.publish(tasks.redeem_member, (1, 2), {})

    assert [broker.llen("control"), broker.llen("redeem")] == [0, 1]


def test_messages_of_a_block_are_sent_together_and_in_order(broker: redis.Redis) -> None:
    with messages.together(app):
        for number in range(3):
            messages.publish(tasks.redeem_member, (number, 1), {})
        assert broker.llen("redeem") == 0

    assert [json.loads(_body(element))[0][0] for element in _elements(broker, "redeem")] == [
        0,
        1,
        2,
    ]


def test_after_a_block_messages_are_sent_at_once(broker: redis.Redis) -> None:
    with pytest.raises(ZeroDivisionError), messages.together(app):
        raise ZeroDivisionError

    messages.publish(tasks.redeem_member, (1, 1), {})

    assert broker.llen("redeem") == 1


@pytest.mark.django_db(transaction=True)
def test_if_the_broker_takes_no_messages_the_claims_stay(
    broker: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wolves, code = guild(members=1), gift_code()
    fan_out(code.pk)
    start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    monkeypatch.setattr("kombu.transport.redis.PublishBatch.flush", _fail)

    tasks.dispatch(code.provider)

    assert [row.state for row in MemberRedemption.objects.all()] == ["in_flight"]
    assert broker.llen("redeem") == 0
    assert caplog.text.count("The broker did not take a message") == 1


def test_a_message_that_was_not_begun_is_put_back(broker: redis.Redis) -> None:
    messages.publish(tasks.redeem_member, (1, 2), {})

    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("redeem").queue.get()
        assert message is not None
        assert broker.llen("redeem") == 0
        assert not [key for key in broker.scan_iter() if key.startswith(b"unacked")]

    (element,) = _elements(broker, "redeem")
    assert json.loads(_body(element))[0] == [1, 2]


def test_a_message_that_was_begun_is_not_put_back(broker: redis.Redis) -> None:
    messages.publish(tasks.redeem_member, (1, 2), {})

    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("redeem").queue.get()
        message.ack()

    assert broker.llen("redeem") == 0


def test_a_channel_keeps_one_client(broker: redis.Redis) -> None:
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        with channel.conn_or_acquire() as one, channel.conn_or_acquire() as another:
            assert one is another
        channel._disconnect_pools()
        with channel.conn_or_acquire() as after:
            assert after is not one
            assert after.ping()


def _fail(_batch: Any) -> None:
    msg = "down"
    raise OSError(msg)


def _elements(broker: redis.Redis, queue: str) -> list[dict[str, Any]]:
    """The elements of a list, the oldest first."""
    return [json.loads(element) for element in reversed(broker.lrange(queue, 0, -1))]  # type: ignore[arg-type]


def _body(element: dict[str, Any]) -> bytes:
    return base64.b64decode(element["body"])
