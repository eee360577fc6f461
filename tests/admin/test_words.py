"""Pages use the words of players, such as the game's name and its word for a realm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from giftcodes.admin.members.opt_outs import OptOutAdmin
from giftcodes.models import Feed, OptOut, RateBudget
from giftcodes.models.game_words import place_word, places, spoken, title_of
from giftcodes.services.players import opt_in, opt_out
from tests.admin import past
from tests.admin.conftest import Browser, address
from tests.factories import guild, member


@pytest.fixture
def two_games(settings: Any) -> None:
    """Kingshot is on as well. Its players live in kingdoms."""
    on = replace(settings.PROVIDERS["kingshot"], salt="x", api_url="http://localhost")
    settings.PROVIDERS = {**settings.PROVIDERS, "kingshot": on}


def test_each_game_has_its_word_for_a_realm(settings: Any) -> None:
    assert (place_word("simulator"), place_word("kingshot")) == ("State", "Kingdom")
    assert title_of("kingshot") == "Kingshot"
    assert title_of("chess") == "chess"
    assert spoken("Correct the member's realm; then wait.", "kingshot") == (
        "Correct the member's kingdom; then wait."
    )
    assert spoken("The realms of really", "kingshot") == "The realms of really"


def test_a_heading_for_several_games_has_their_words(settings: Any, two_games: None) -> None:
    assert str(places()) == "State or kingdom"
    settings.PROVIDERS = {"kingshot": settings.PROVIDERS["kingshot"]}
    assert str(places()) == "Kingdom"


@pytest.mark.usefixtures("two_games")
def test_lists_and_forms_speak_of_states_and_kingdoms(browser: Browser) -> None:
    kings = guild("Kings", provider="kingshot")
    amber = member(kings)
    assert "State or kingdom" in browser.open("guild_changelist").content.decode()
    assert "State or kingdom" in browser.open("member_changelist").content.decode()
    for page in (
        browser.open("guild_change", kings.pk),
        browser.open("member_change", amber.pk),
    ):
        form = page.context["adminform"].form
        assert str(form.fields["realm"].label) == "Kingdom"


def test_no_list_says_realm_provider_or_locked(browser: Browser) -> None:
    past.live(2)
    lists = ("guild", "member", "redemption", "memberredemption", "redemptionevent", "attempt")
    lists += ("ratebudget", "feed", "directory", "directorylookup", "alarm")  # type: ignore[assignment]
    for name in lists:
        page = browser.open(f"{name}_changelist").content.decode()
        shown = " ".join(part.split("<")[0] for part in page.split(">"))
        for word in ("realm", "Realm", "provider", "Provider", "locked", "unlocked"):
            assert f" {word}" not in shown, (name, word)


def test_a_game_is_called_by_its_name(browser: Browser) -> None:
    assert str(RateBudget(provider="kingshot")) == "Kingshot"
    assert str(Feed(provider="kingshot")) == "Feed of Kingshot"


# --- Links to games -------------------------------------------------------------------------------
def test_the_page_of_a_game_opens_before_the_first_request_to_the_game(browser: Browser) -> None:
    RateBudget.objects.all().delete()
    assert browser.open("ratebudget_change", "kingshot").status_code == 200
    assert browser.open("ratebudget_change", "chess").status_code == 404


# --- Opt-outs -------------------------------------------------------------------------------------
def test_an_opt_out_shows_the_member_and_the_game_and_no_hash(browser: Browser) -> None:
    amber = member(guild("Kings", provider="kingshot"), nickname="Amber")
    opt_out("kingshot", amber.player_id)
    row = OptOut.objects.get()
    listing = browser.open("optout_changelist").content.decode()
    page = browser.open("optout_change", row.pk).content.decode()
    for shown in (listing, page):
        assert "Amber" in shown
        assert "Kingshot" in shown
        assert f">{row.player_hash}" not in shown
        assert row.player_hash[:8] not in shown.replace(f"/{row.player_hash}/", "")
    opt_in("kingshot", amber.player_id)
    assert not OptOut.objects.exists()


def test_the_list_says_if_an_opt_out_belongs_to_no_member(browser: Browser) -> None:
    opt_out("kingshot", "123456789")
    page = browser.open("optout_changelist").content.decode()
    assert "not a member of any guild" in page
    assert "Kingshot" in page


def test_an_opt_out_of_an_earlier_version_gets_its_game_from_the_member(browser: Browser) -> None:
    amber = member(guild("Kings", provider="kingshot"))
    opt_out("kingshot", amber.player_id)
    OptOut.objects.update(provider="")
    assert "Kingshot" in browser.open("optout_changelist").content.decode()
    assert OptOutAdmin.list_display[0] == "since"


def test_nothing_is_green_for_a_player_who_opted_out(browser: Browser) -> None:
    amber = member(guild("Wolves"))
    opt_out("simulator", amber.player_id)
    page = browser.open("member_changelist").content.decode()
    assert "badge-opted-out" in page
    assert "badge-active" not in page
    assert "check_small" not in page


def test_a_person_without_a_role_sees_no_opt_outs(django_user_model: Any) -> None:
    client = Client()
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    assert client.get(reverse("admin:giftcodes_optout_changelist")).status_code == 403
    assert address("optout_changelist") == reverse("admin:giftcodes_optout_changelist")
