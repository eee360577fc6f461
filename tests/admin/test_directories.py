"""The answers of the directory of players, on a member's page and on the directory's own page."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from giftcodes.models import Directory, DirectoryLookup, Member, database_now
from tests.admin.conftest import Browser
from tests.factories import guild, member


@pytest.fixture
def _on(settings: Any) -> None:
    here = replace(
        settings.PROVIDERS["simulator"],
        directory_url="http://127.0.0.1:9/{id}",
        directory_key="KeyOfTheDirectory",
    )
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}


def page(browser: Browser, row: Member) -> str:
    return browser.open("member_change", row.pk).content.decode()


def lookup(row: Member, **fields: Any) -> DirectoryLookup:
    return DirectoryLookup.objects.create(provider="simulator", player_id=row.player_id, **fields)


@pytest.mark.usefixtures("_on")
def test_the_member_s_page_says_what_the_directory_said(browser: Browser) -> None:
    wolves = guild()
    anna, ben, cora, dora, eva = (member(wolves, consented_on=date(2026, 1, 1)) for _ in range(5))
    now = {"asked_at": database_now(), "answered_at": database_now()}
    lookup(anna, said="found", name="Annalise", realm=77, **now)
    lookup(ben, said="not_found", **now)
    Member.objects.filter(pk=dora.pk).update(consented_on=None)
    Member.objects.filter(pk=eva.pk).update(active=False)

    assert "Answer: Annalise, state 77." in page(browser, anna)
    assert "Answer: not known there." in page(browser, ben)
    assert "Not asked yet." in page(browser, cora)
    assert "has no date of consent" in page(browser, dora)
    assert "the member has left" in page(browser, eva)


def test_without_a_directory_of_the_game_the_member_s_page_does_not_mention_one(
    browser: Browser,
) -> None:
    anna = member(guild(), consented_on=date(2026, 1, 1))

    assert "field-directory" not in page(browser, anna)


@pytest.mark.usefixtures("_on")
def test_an_answer_from_before_the_guild_s_own_consent_is_not_shown(browser: Browser) -> None:
    """Another guild's consent led to that answer, so it stays hidden from this guild.

    It stays hidden even if this guild's day of consent is earlier than the answer. What counts is
    when the consent was recorded.
    """
    member(guild("Bears"), "300000001", consented_on=date(2026, 1, 1))
    earlier = {"asked_at": database_now(), "answered_at": database_now()}
    own = member(guild("Wolves"), "300000001")
    row = lookup(own, said="found", name="Annalise", realm=77, **earlier)

    own.consented_on = date(2026, 1, 1)
    own.save()
    shown = page(browser, own)
    assert "Not asked yet." in shown
    assert "Annalise" not in shown

    row.asked_at = database_now()
    row.save()
    shown = page(browser, own)
    assert "There is no answer yet." in shown
    assert "Annalise" not in shown

    row.answered_at = database_now()
    row.save()
    assert "Answer: Annalise, state 77." in page(browser, own)


@pytest.mark.usefixtures("_on")
def test_the_directory_s_page_says_whether_the_directory_works(browser: Browser) -> None:
    row = Directory.objects.create(provider="simulator")
    for changes, words in (
        ({}, "on"),
        ({"failures": 2, "error": "The directory's server failed."}, "failing"),
        ({"key_refused": True}, "the key is refused"),
    ):
        Directory.objects.filter(pk=row.pk).update(**changes)
        assert f">{words}<" in "".join(
            browser.open("directory_changelist").content.decode().split("\n")
        )
    assert "server failed" in browser.open("directory_change", row.pk).content.decode()
