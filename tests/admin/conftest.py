"""A superuser's browser, and the tasks in the real broker, where no worker takes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from giftcodes.domain.sentences import MARK

Messages = list[tuple[str, str]]


class TaskQueue:
    """The tasks in the broker, oldest first."""

    def __init__(self) -> None:
        self._broker: Any = redis.Redis.from_url(settings.CELERY_BROKER_URL)
        self._broker.delete("control", "redeem")

    @property
    def enqueued(self) -> list[tuple[str, list[Any]]]:
        """The name and the arguments of each task."""
        return [
            _read(raw)
            for queue in ("control", "redeem")
            for raw in reversed(self._broker.lrange(queue, 0, -1))
        ]

    def arguments(self, task: str) -> list[list[Any]]:
        """The arguments of each message of one task."""
        return [arguments for name, arguments in self.enqueued if name == task]


def _read(raw: bytes) -> tuple[str, list[Any]]:
    message = json.loads(raw)
    arguments, _options, _embedded = json.loads(base64.b64decode(message["body"]))
    return message["headers"]["task"].rpartition(".")[2], arguments


@pytest.fixture
def task_queue() -> Iterator[TaskQueue]:
    queue = TaskQueue()
    yield queue
    queue._broker.close()


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    """Hash passwords quickly: a good hash takes a third of a second, and is not tested here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class Browser:
    """Opens pages, fills forms and presses buttons as a person who is logged in."""

    def __init__(self, client: Client, committing: Callable[..., Any]) -> None:
        self.client = client
        self._committing = committing

    def open(self, page: str, *arguments: Any, **query: Any) -> Any:
        return self.client.get(address(page, *arguments), query)

    def post(self, page: str, *arguments: Any, data: dict[str, Any]) -> Any:
        """Submit a form, and then enqueue the tasks that wait for the commit."""
        with self._committing(execute=True):
            return self.client.post(address(page, *arguments), data)

    def save(self, page: str, *arguments: Any, **fields: Any) -> Messages:
        """Submit a form that must be accepted. Returns the messages."""
        response = self.post(page, *arguments, data=fields)
        assert response.status_code == 302, errors(response)
        return self._read(response)

    def press(self, action: str, *rows: Model, **more: Any) -> Messages:
        """Choose rows in their list and run an action. Returns the messages."""
        page = f"{rows[0]._meta.model_name}_changelist"
        data = {"action": action, "_selected_action": [row.pk for row in rows], "index": 0, **more}
        response = self.post(page, data=data)
        assert response.status_code == 302
        return self._read(response)

    def _read(self, response: HttpResponse) -> Messages:
        """Return the messages, and open the next page, so that no later page shows them again."""
        messages = messages_of(response)
        assert self.client.get(response["Location"]).status_code == 200
        return messages


@pytest.fixture
def browser(
    request: pytest.FixtureRequest,
    admin_client: Client,
    task_queue: TaskQueue,
    django_capture_on_commit_callbacks: Any,
) -> Iterator[Browser]:
    yield Browser(admin_client, django_capture_on_commit_callbacks)
    if not request.node.get_closest_marker("old_changes"):
        assert_no_words_are_stored()


def assert_no_words_are_stored() -> None:
    """Check that the list of changes has keys or Django's lists of fields, in no language."""
    for words in LogEntry.objects.values_list("change_message", flat=True):
        assert words.startswith(("[", MARK)) or not words, words


def address(page: str, *arguments: Any) -> str:
    """The address of a page of the admin, for example `guild_change` with a primary key."""
    return reverse(f"admin:giftcodes_{page}", args=arguments)


def messages_of(response: HttpResponse) -> Messages:
    """The level and the words of each message."""
    return [(message.level_tag, str(message)) for message in get_messages(response.wsgi_request)]


def errors(response: Any) -> str:
    """The errors of a form that was refused."""
    return (
        str(response.context["errors"]) if response.context and "errors" in response.context else ""
    )
