"""Two people who use links at the same moment."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from giftcodes.domain.tokens import token_hash
from giftcodes.models import Invitation
from giftcodes.models.roles import Role
from giftcodes.services.links import LinkRefused, NameTaken, accept, invite, join
from tests.factories import guild
from tests.lock.conftest import Elsewhere

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


@pytest.fixture(autouse=True)
def _site(settings: Any, transactional_db: None) -> None:
    """Hash passwords cheaply, and restore the groups of the migration, which other tests remove."""
    importlib.import_module("giftcodes.migrations.0005_roles").seed(apps, None)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def test_of_two_acceptances_at_the_same_moment_one_wins(
    elsewhere: Callable[[Callable[[], Any]], Elsewhere],
) -> None:
    chief = User.objects.create_superuser("chief")
    for number in range(ROUNDS):
        _row, secret = invite(made_by=chief, role=Role.VIEWER, guilds=[])
        results = _together(
            elsewhere,
            [
                lambda name=name, secret=secret: accept(
                    token_hash(secret), username=name, password="x"
                )
                for name in (f"first{number}", f"second{number}")
            ],
        )
        assert sorted(results) == ["done", "refused"]
    assert User.objects.count() == 1 + ROUNDS
    assert Invitation.objects.filter(accepted_by=None).count() == 0


def test_of_two_accounts_of_the_same_name_one_is_made_and_the_other_link_stays_valid(
    elsewhere: Callable[[Callable[[], Any]], Elsewhere],
) -> None:
    chief = User.objects.create_superuser("chief")
    for number in range(ROUNDS):
        secrets = [invite(made_by=chief, role=Role.VIEWER, guilds=[])[1] for _ in range(2)]
        results = _together(
            elsewhere,
            [
                lambda secret=secret, number=number: accept(
                    token_hash(secret), username=f"bram{number}", password="x"
                )
                for secret in secrets
            ],
        )
        assert sorted(results) == ["done", "taken"]
    assert Invitation.objects.filter(accepted_by=None).count() == ROUNDS


def test_of_an_acceptance_and_a_join_at_the_same_moment_one_wins(
    elsewhere: Callable[[Callable[[], Any]], Elsewhere],
) -> None:
    chief = User.objects.create_superuser("chief")
    for number in range(ROUNDS):
        wolves = guild()
        amber = User.objects.create_user(f"amber{number}", is_staff=True)
        _row, secret = invite(made_by=chief, role=Role.OFFICER, guilds=[wolves])
        results = _together(
            elsewhere,
            [
                lambda secret=secret, number=number: accept(
                    token_hash(secret), username=f"new{number}", password="x"
                ),
                lambda secret=secret, amber=amber: join(token_hash(secret), amber),
            ],
        )
        assert sorted(results) == ["done", "refused"]
        assert wolves.officers.count() == 1


def _together(
    elsewhere: Callable[[Callable[[], Any]], Elsewhere], acts: list[Callable[[], Any]]
) -> list[str]:
    """Call all acts at the same moment. Returns the result of each act."""
    meeting = threading.Barrier(len(acts))

    def one(act: Callable[[], Any]) -> str:
        meeting.wait()
        try:
            act()
        except LinkRefused:
            return "refused"
        except NameTaken:
            return "taken"
        return "done"

    running = [elsewhere(lambda act=act: one(act)) for act in acts]  # type: ignore[misc]
    return [thread.wait() for thread in running]
