"""A guild, and a browser of a person who has no account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from giftcodes.models import Guild, JoinLink, Member, MemberRedemption, PlayerLink, Redemption
from giftcodes.services import joining
from tests.admin.conftest import TaskQueue, task_queue
from tests.factories import guild, member

__all__ = ["TaskQueue", "task_queue"]

ANNA, BRAM = "300000001", "300000002"


class Visitor:
    """Opens links and sends forms. Tasks are enqueued as if the transaction had committed."""

    def __init__(self, committing: Callable[..., Any]) -> None:
        self.client = Client()
        self._committing = committing

    def get(self, address: str) -> str:
        response = self.client.get(address)
        assert response.status_code == 200, response.status_code
        return response.content.decode()

    def post(self, address: str, **fields: Any) -> Any:
        with self._committing(execute=True):
            return self.client.post(address, fields)

    def join(self, link: JoinLink, player: str = ANNA, **fields: Any) -> Any:
        """Send the form of a join link."""
        form = {"player_id": player, "realm": "1042", "nickname": "Anna", "consent": "on"}
        return self.post(join_address(link), **{**form, **fields})

    def press(self, address: str, act: str, **fields: Any) -> str:
        """Press a button of a personal page. Returns the page that follows."""
        response = self.post(address, act=act, **fields)
        assert response.status_code == 302, response.content.decode()[:2_000]
        return self.get(response["Location"])


@pytest.fixture
def visitor(task_queue: TaskQueue, django_capture_on_commit_callbacks: Any) -> Visitor:
    return Visitor(django_capture_on_commit_callbacks)


@pytest.fixture
def wolves(db: None) -> Guild:
    return guild("Wolves")


@pytest.fixture
def open_link(wolves: Guild) -> JoinLink:
    return joining.make_join_link(wolves.pk, needs_approval=False)


def join_address(link: JoinLink) -> str:
    return reverse("players:join", args=[link.token])


def personal(of: Member, *, is_confirmed: bool = True) -> str:
    """The address of a new personal page."""
    _link, token = PlayerLink.objects.issue(
        guild_id=of.guild_id, member=of, is_confirmed=is_confirmed
    )
    return reverse("players:my", args=[token])


def row(of: Member, code: Any, state: str, **fields: Any) -> MemberRedemption:
    """A member's row for a code."""
    redemption, _ = Redemption.objects.get_or_create(
        guild=of.guild, gift_code=code, defaults={"state": "complete", "run_number": 1}
    )
    return MemberRedemption.objects.create(
        redemption=redemption,
        member=of,
        gift_code=code,
        player_id=of.player_id,
        state=state,
        **fields,
    )


@pytest.fixture
def anna(wolves: Guild) -> Member:
    return member(wolves, ANNA, nickname="Anna")
