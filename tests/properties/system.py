"""The flow taken apart: each message, and each request to the game, waits in a list until the test's hand takes it."""

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
SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences WHERE sequencename LIKE 'giftcodes\\_%'
"""


@dataclass(frozen=True)
class Message:
    """What the broker holds. It may be lost, come twice, or come late."""

    task: Any
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Request:
    """A request under way: sent, and its answer not recorded yet."""

    intent: redeem_step.Intent
    answer: Answer


class System:
    """An empty database, a game, and nothing that moves by itself."""

    def __init__(self, *, rate: Rate | None) -> None:
        self.game = Game()
        self.messages: list[Message] = []
        self.requests: list[Request] = []
        self._patches = ExitStack()
        here = replace(settings.PROVIDERS[PROVIDER], rate=rate)
        self._patches.enter_context(mock.patch.object(tasks, "enqueue_on_commit", self._ring))
        # Delays are whole seconds, so that a slow machine takes the same way as a quick one.
        self._patches.enter_context(
            mock.patch.object(recording, "random", SimpleNamespace(random=lambda: 0.0))
        )
        self._patches.enter_context(mock.patch.dict(settings.PROVIDERS, {PROVIDER: here}))
        _empty_the_tables()

    def close(self) -> None:
        self._patches.close()

    def _ring(self, task: Any, *args: Any) -> None:
        self.messages.append(Message(task, args))

    def of(self, *wanted: Any) -> list[Message]:
        """The messages of these tasks."""
        return [message for message in self.messages if message.task in wanted]

    @property
    def claims(self) -> list[Message]:
        return self.of(tasks.redeem_member)

    @property
    def other_messages(self) -> list[Message]:
        return [message for message in self.messages if message.task is not tasks.redeem_member]

    def deliver(self, message: Message, *, doubled: bool = False) -> None:
        """Let a worker take a message, and leave its double in the queue."""
        if not doubled:
            self.messages.remove(message)
        message.task(*message.args)

    def send(
        self, message: Message, *, says: Outcome, acts: bool, doubled: bool = False
    ) -> redeem_step.Intent | None:
        """Let a worker take a claim as far as its request. None: it did not send."""
        if not doubled:
            self.messages.remove(message)
        intent = redeem_step.intend(*message.args)
        if intent is not None:
            answer = self.game.ask(intent.player_id, intent.gift_code_id, says=says, acts=acts)
            self.requests.append(Request(intent, answer))
        return intent

    def hear(self, request: Request) -> None:
        """Let its worker record the answer, and ring what follows."""
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
    """Quicker than TRUNCATE. Foreign keys are looked at when it commits."""
    with connection.cursor() as cursor:
        for model in apps.get_app_config("giftcodes").get_models(include_auto_created=True):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
        cursor.execute(_COUNT_FROM_ONE)


@contextmanager
def overtaken(
    owner: object,
    look: str,
    meanwhile: Callable[[], object],
    *,
    at: Callable[..., bool] = lambda *_: True,
) -> Iterator[None]:
    """Let something happen right after a step has had a look, and before it acts on what it saw: once.

    That is what another process would do there. `at` chooses the look by its arguments.
    """
    original = getattr(owner, look)
    is_over = False

    def slow_look(*args: Any, **kwargs: Any) -> Any:
        nonlocal is_over
        seen = original(*args, **kwargs)
        if not is_over and at(*args):
            is_over = True
            meanwhile()
        return seen

    with mock.patch.object(owner, look, slow_look):
        yield
