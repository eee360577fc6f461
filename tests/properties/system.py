"""The pipeline in single steps: messages and requests wait in lists until the test takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction

from giftcodes import tasks
from giftcodes.clients.games import Answer, Rate
from giftcodes.domain.outcomes import Outcome
from giftcodes.pipeline import redeem as redeem_step
from giftcodes.pipeline.redeem import recording
from tests.pipeline.conftest import World
from tests.properties.game import Game

PROVIDER = "simulator"
_COUNT_FROM_ONE = """
SELECT setval(format('%I', sequencename)::regclass, 1, false)
FROM pg_sequences WHERE sequencename LIKE 'giftcodes\\_%'
"""


@dataclass(frozen=True)
class Message:
    """A message in the broker. It may be lost, repeated or late."""

    task: Any
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Request:
    """A request that was sent, and its answer, which is not recorded yet."""

    intent: redeem_step.Intent
    answer: Answer


class System:
    """An empty database and a game, without a broker and without workers."""

    def __init__(self, *, rate: Rate | None) -> None:
        self.game = Game()
        self.messages: list[Message] = []
        self.requests: list[Request] = []
        self._patches = ExitStack()
        here = replace(settings.PROVIDERS[PROVIDER], rate=rate)
        self._patches.enter_context(mock.patch.object(tasks, "enqueue_on_commit", self._enqueue))
        # Without jitter, delays are whole seconds, so that a slow machine takes the same steps.
        self._patches.enter_context(
            mock.patch.object(recording, "random", SimpleNamespace(random=lambda: 0.0))
        )
        self._patches.enter_context(mock.patch.dict(settings.PROVIDERS, {PROVIDER: here}))
        _empty_the_tables()

    def close(self) -> None:
        self._patches.close()

    def _enqueue(self, task: Any, *args: Any) -> None:
        if task is tasks.redeem_member:
            # The claims of a message may be processed at any time, so each is a message here.
            self.messages += [Message(task, tuple(claim)) for claim in (args[:2], *args[2:])]
            return
        self.messages.append(Message(task, args))

    def of(self, *wanted: Any) -> list[Message]:
        """The messages for these tasks."""
        return [message for message in self.messages if message.task in wanted]

    @property
    def claims(self) -> list[Message]:
        return self.of(tasks.redeem_member)

    @property
    def other_messages(self) -> list[Message]:
        return [message for message in self.messages if message.task is not tasks.redeem_member]

    def deliver(self, message: Message, *, doubled: bool = False) -> None:
        """Run a message's task. With `doubled`, a copy of the message stays in the queue."""
        if not doubled:
            self.messages.remove(message)
        message.task(*message.args)

    def send(
        self, message: Message, *, says: Outcome, acts: bool, doubled: bool = False
    ) -> redeem_step.Intent | None:
        """Process a claim up to its request. Returns None if no request was sent."""
        if not doubled:
            self.messages.remove(message)
        intent = redeem_step.intend(*message.args)
        if intent is not None:
            answer = self.game.ask(intent.player_id, intent.gift_code_id, says=says, acts=acts)
            self.requests.append(Request(intent, answer))
        return intent

    def record(self, request: Request) -> None:
        """Record the answer of a request, and enqueue the following tasks."""
        self.requests.remove(request)
        intent = request.intent

        def from_here_on(*_: int) -> redeem_step.FollowUp:
            return redeem_step.record(intent, request.answer)

        with mock.patch.object(redeem_step, "redeem_member", from_here_on):
            tasks.redeem_member(intent.row_id, intent.token)

    def pass_time(self, seconds: float) -> None:
        World.pass_time(self, seconds)  # type: ignore[arg-type]


@transaction.atomic
def _empty_the_tables() -> None:
    """Delete all rows, which is faster than TRUNCATE. Foreign keys are checked at the commit."""
    with connection.cursor() as cursor:
        for model in apps.get_app_config("giftcodes").get_models(include_auto_created=True):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
        cursor.execute(_COUNT_FROM_ONE)


@contextmanager
def overtaken(
    owner: object,
    read: str,
    meanwhile: Callable[[], object],
    *,
    at: Callable[..., bool] = lambda *_: True,
) -> Iterator[None]:
    """Call `meanwhile` once, after a step has read something and before it acts on it.

    So the test does what another process could do at that point. `at` gets the arguments of a call
    of `read`, and returns whether it is the call to interrupt.
    """
    original = getattr(owner, read)
    is_over = False

    def slow_read(*args: Any, **kwargs: Any) -> Any:
        nonlocal is_over
        seen = original(*args, **kwargs)
        if not is_over and at(*args):
            is_over = True
            meanwhile()
        return seen

    with mock.patch.object(owner, read, slow_read):
        yield
