"""A superuser's browser, and an ear at the doorbell: the real broker, which nobody empties."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.messages import get_messages
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

Told = list[tuple[str, str]]


class Doorbell:
    """What was rung, oldest first, as it lies in the broker."""

    def __init__(self) -> None:
        self._broker: Any = redis.Redis.from_url(settings.CELERY_BROKER_URL)
        self._broker.delete("control", "redeem")

    @property
    def rings(self) -> list[tuple[str, list[Any]]]:
        """Name and arguments of each."""
        return [
            _read(raw)
            for queue in ("control", "redeem")
            for raw in reversed(self._broker.lrange(queue, 0, -1))
        ]

    def arguments(self, task: str) -> list[list[Any]]:
        """The arguments of each ring of one task."""
        return [arguments for name, arguments in self.rings if name == task]


def _read(raw: bytes) -> tuple[str, list[Any]]:
    message = json.loads(raw)
    arguments, _options, _embedded = json.loads(base64.b64decode(message["body"]))
    return message["headers"]["task"].rpartition(".")[2], arguments


@pytest.fixture
def doorbell() -> Iterator[Doorbell]:
    bell = Doorbell()
    yield bell
    bell._broker.close()


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    """No test here is about passwords, and a good hash costs a third of a second."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class Browser:
    """Opens pages, fills forms and presses buttons as a person who is logged in."""

    def __init__(self, client: Client, committing: Callable[..., Any]) -> None:
        self.client = client
        self._committing = committing

    def open(self, page: str, *arguments: Any, **query: Any) -> Any:
        return self.client.get(address(page, *arguments), query)

    def post(self, page: str, *arguments: Any, data: dict[str, Any]) -> Any:
        """Send a form as it is, with what rings after the commit."""
        with self._committing(execute=True):
            return self.client.post(address(page, *arguments), data)

    def save(self, page: str, *arguments: Any, **fields: Any) -> Told:
        """Send a form that must be accepted. Returns what was told."""
        response = self.post(page, *arguments, data=fields)
        assert response.status_code == 302, errors(response)
        return self._read(response)

    def press(self, action: str, *rows: Model, **more: Any) -> Told:
        """Choose rows in their list and press an action. Returns what was told."""
        page = f"{rows[0]._meta.model_name}_changelist"
        data = {"action": action, "_selected_action": [row.pk for row in rows], "index": 0, **more}
        response = self.post(page, data=data)
        assert response.status_code == 302
        return self._read(response)

    def _read(self, response: HttpResponse) -> Told:
        """Look at the page that follows, which shows the messages once."""
        messages = told(response)
        assert self.client.get(response["Location"]).status_code == 200
        return messages


@pytest.fixture
def browser(
    admin_client: Client, doorbell: Doorbell, django_capture_on_commit_callbacks: Any
) -> Browser:
    return Browser(admin_client, django_capture_on_commit_callbacks)


def address(page: str, *arguments: Any) -> str:
    """`guild_change` and a primary key, for example."""
    return reverse(f"admin:giftcodes_{page}", args=arguments)


def told(response: HttpResponse) -> Told:
    """Level and words of each message."""
    return [(message.level_tag, str(message)) for message in get_messages(response.wsgi_request)]


def errors(response: Any) -> str:
    """The errors of a form that was refused."""
    return (
        str(response.context["errors"]) if response.context and "errors" in response.context else ""
    )
