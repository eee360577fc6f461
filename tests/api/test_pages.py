"""The pages on which people make and revoke tokens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from giftcodes.domain.tokens import token_hash
from giftcodes.models import ApiToken
from giftcodes.models.roles import OFFICERS, VIEWERS
from giftcodes.services.api_tokens import MOST_TOKENS
from tests.admin.test_roles import person
from tests.api.conftest import Program, World, token_of

pytestmark = pytest.mark.django_db
FORM = {"act": "make", "name": "Sheet of <b>Wolves</b>", "scope": "act", "days": "30"}


def token_in(response: Any) -> str:
    """The token that a page shows."""
    found = re.search(r'value="(rk-[a-z0-9]+)"', response.content.decode())
    assert found, response.content.decode()[:2000]
    return found[1]


def of_guild(guild: Any) -> str:
    return reverse("admin:api_of_guild", args=[guild.pk])


def test_an_officer_makes_a_token_which_is_shown_once_and_works_and_revokes_it(
    world: World,
) -> None:
    browser = person("otto", OFFICERS, world.wolves)
    tab = reverse("admin:giftcodes_guild_officers", args=[world.wolves.pk])
    assert "API tokens" in browser.get(tab).content.decode()

    made = browser.post(of_guild(world.wolves), FORM)
    token = token_in(made)
    assert "no-store" in made.headers["Cache-Control"]
    row = ApiToken.objects.get()
    assert (row.guild, row.made_by, row.token_hash) == (
        world.wolves,
        User.objects.get(username="otto"),
        token_hash(token),
    )
    assert row.may_act
    assert row.ends_at is not None
    assert Program(token).get("guilds").json()["total"] == 1

    shown = browser.get(tab).content.decode()
    assert token not in shown
    assert "Sheet of &lt;b&gt;Wolves" in shown
    browser.post(of_guild(world.wolves), {"act": "revoke", "token": row.pk})
    assert Program(token).get("guilds").status_code == 401
    assert "Sheet of" not in browser.get(tab).content.decode().split("tokens-heading")[-1]


def test_an_officer_makes_and_revokes_no_token_of_another_guild(
    world: World, stranger: Program
) -> None:
    browser = person("otto", OFFICERS, world.wolves)
    assert browser.post(of_guild(world.strangers), FORM).status_code == 404
    for act in ("revoke",):
        data = {"act": act, "token": stranger.row.pk}
        assert browser.post(of_guild(world.strangers), data).status_code == 404
        browser.post(of_guild(world.wolves), data)
    assert stranger.get("guilds").status_code == 200
    assert browser.post(reverse("admin:api_tokens"), FORM).status_code == 403


def test_a_viewer_makes_no_token(world: World) -> None:
    browser = person("vera", VIEWERS)
    tab = reverse("admin:giftcodes_guild_officers", args=[world.wolves.pk])
    assert "API tokens" not in browser.get(tab).content.decode()
    assert browser.post(of_guild(world.wolves), FORM).status_code == 403
    assert not ApiToken.objects.exists()


def test_an_administrator_makes_a_token_for_all_guilds_and_revokes_any(
    world: World, admin_client: Client, stranger: Program
) -> None:
    page = reverse("admin:api_tokens")
    token = token_in(admin_client.post(page, {**FORM, "scope": "read", "days": ""}))
    row = ApiToken.objects.get(token_hash=token_hash(token))
    assert (row.guild, row.ends_at, row.may_act) == (None, None, False)
    assert Program(token).get("guilds").json()["total"] == 3
    assert "Strangers" in admin_client.get(page).content.decode()

    admin_client.post(page, {"act": "revoke", "token": stranger.row.pk})
    assert stranger.get("guilds").status_code == 401
    again = admin_client.post(page, {"act": "revoke", "token": stranger.row.pk}, follow=True)
    assert "does not work any more" in again.content.decode()
    assert admin_client.post(page, {"act": "revoke", "token": "x"}).status_code == 302


def test_a_token_needs_a_name_and_there_are_not_too_many(
    world: World, admin_client: Client, admin_user: User
) -> None:
    for wrong in ({"name": ""}, {"scope": "all"}, {"days": "5"}, {"name": "a\x07b"}):
        answer = admin_client.post(of_guild(world.wolves), {**FORM, **wrong})
        assert answer.status_code == 302, wrong
    assert not ApiToken.objects.exists()
    for _ in range(MOST_TOKENS):
        token_of(admin_user, world.wolves)
    refused = admin_client.post(of_guild(world.wolves), FORM, follow=True)
    assert "Revoke one" in refused.content.decode()
