"""`/missing`, `/members` and `/status`: officers see who needs what, and mend it."""

from __future__ import annotations

import pytest

from giftcodes.discord_bot.answers import Refused
from giftcodes.discord_bot.missing import set_guild_place, set_place
from giftcodes.models import Guild, Member, RateBudget, RunState
from giftcodes.services import corrections
from giftcodes.services.discord_links import Asker
from tests.discord_bot.officers import by_account, by_role
from tests.discord_bot.stage import Play, Stage, labels_of, text_of
from tests.factories import astray, gift_code, guild, member, member_redemption


@pytest.fixture
def pack(transactional_db: None) -> Guild:
    return guild("Wolves", members=20)


# --- /missing -------------------------------------------------------------------------------------
def test_the_modal_mends_the_state_and_the_codes_are_asked_for_again(
    play: Play, pack: Guild
) -> None:
    anna = astray(pack, gift_code("LOST1"), gift_code("LOST2"), nickname="Anna")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash("missing")
        assert said.ephemeral
        words = text_of(said)
        assert "does not know **1** of 21 members" in words
        assert "**Anna (" in words
        assert "Unknown in State 1042. 2 codes wait." in words
        assert labels_of(said) == ["Correct Anna"]
        form = await person.press(said, "Correct Anna")
        assert "digits only" in text_of(await person.fill(form, "north"))
        said = await person.slash("missing")
        await stage.restart()
        form = await person.press(said, "Correct Anna")
        assert form.modal is not None
        done = await person.fill(form, "#1043")
        assert "is in State 1043 now. 2 codes are asked for again." in text_of(done)
        assert "No member of **Wolves** needs a correction" in text_of(done)
        anna.refresh_from_db()
        assert anna.realm == 1043
        version = anna.history.first()
        assert version.history_user is None
        assert "rolf" in version.history_change_reason

    play(scenario)


def test_an_account_is_named_in_the_history(play: Play, pack: Guild) -> None:
    anna = astray(pack, gift_code("LOST1"), nickname="Anna")
    for _number in range(2):
        member(pack, realm=1077)

    async def scenario(stage: Stage) -> None:
        stage.link(pack)
        person = by_account(stage, "otto", pack)
        said = await person.slash("missing")
        assert labels_of(said)[:2] == ["Correct Anna", "Anna: 1077"]
        said = await person.press(said, "Anna: 1077")
        assert "is in State 1077 now" in text_of(said)
        assert anna.history.first().history_user.username == "otto"

    play(scenario)


def test_members_are_shown_page_by_page(play: Play, pack: Guild) -> None:
    code = gift_code("LOST1")
    for number in range(7):
        astray(pack, code, nickname=f"Lost{number}")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash("missing")
        first = {label for label in labels_of(said) if label.startswith("Correct ")}
        assert len(first) == 5
        said = await person.press(said, "Next")
        second = {label for label in labels_of(said) if label.startswith("Correct ")}
        assert len(second) == 2
        assert not first & second
        said = await person.press(said, "Back")
        assert "Next" in labels_of(said)

    play(scenario)


def test_a_guild_whose_own_state_is_wrong_is_corrected_itself(play: Play, bears: Guild) -> None:
    code = gift_code("LOST1")
    for _number in range(4):
        astray(bears, code)

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", bears)
        said = await person.slash("missing")
        assert "Probably State 1042 is wrong for the guild" in text_of(said)
        form = await person.press(said, "Correct the state of the guild")
        done = await person.fill(form, "1050")
        words = "Bears is in State 1050 now. 1 code is asked for again for 4 members."
        assert words in text_of(done)
        bears.refresh_from_db()
        assert bears.realm == 1050
        assert "rolf" in bears.history.first().history_change_reason

    play(scenario)


def test_the_limit_of_the_page_holds_for_a_role_too(
    play: Play, pack: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "OF_MEMBERS_AT_LEAST", 0)
    monkeypatch.setattr(corrections, "OF_EACH_MEMBER", 0)
    anna = astray(pack, gift_code("LOST1"), nickname="Anna")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        form = await person.press(await person.slash("missing"), "Correct Anna")
        assert "was not changed: in 24 hours" in text_of(await person.fill(form, "1043"))
        anna.refresh_from_db()
        assert anna.realm is None

    play(scenario)


@pytest.mark.parametrize("who", ["member", "officer of another guild"])
def test_others_see_and_mend_nothing(play: Play, pack: Guild, bears: Guild, who: str) -> None:
    anna = astray(pack, gift_code("LOST1"), nickname="Anna")

    async def scenario(stage: Stage) -> None:
        by_role(stage, "rolf", pack)
        den = stage.server("Den")
        den.link(bears)
        person = (
            by_account(stage, "olga", bears)
            if who == "officer of another guild"
            else stage.person("person")
        )
        for command in ("missing", "members", "status"):
            for options in ({}, {"guild": str(pack.pk)}, {"guild": "Bears"}):
                said = text_of(await person.slash(command, **options))
                assert "Only officers of the guild" in said
                assert not any(name in said for name in ("Anna", "Wolves", "Bears"))
        assert Member.objects.get(pk=anna.pk).realm is None

    play(scenario)


def officer_of(stage: Stage, pack: Guild) -> Asker:
    """An officer of the guild, by a role in the server."""
    chiefs = stage.home.role("chiefs")
    stage.link(pack, chiefs)
    return Asker(1, "rolf", server_id=stage.home.id, role_ids=frozenset({chiefs.id}))


def test_a_member_of_another_guild_is_not_mended_through_a_button(
    play: Play, pack: Guild, bears: Guild
) -> None:
    """A button names the guild and the member. Both must belong together."""
    foreign = member(bears, nickname="Foreign")

    async def scenario(stage: Stage) -> None:
        asker = officer_of(stage, pack)
        with pytest.raises(Refused, match="no such member"):
            set_place(asker, str(pack.pk), str(foreign.pk), "1043")
        foreign.refresh_from_db()
        assert foreign.realm is None

    play(scenario)


@pytest.mark.parametrize("number", ["0", "", "abc", "9999999999", "-5"])
def test_a_press_with_a_number_that_is_no_state_changes_nothing(
    play: Play, pack: Guild, number: str
) -> None:
    """A program may send a press that no message has."""
    anna = member(pack, nickname="Anna")

    async def scenario(stage: Stage) -> None:
        asker = officer_of(stage, pack)
        with pytest.raises(Refused, match="is a number of 1 to"):
            set_place(asker, str(pack.pk), str(anna.pk), number)
        with pytest.raises(Refused, match="is a number of 1 to"):
            set_guild_place(asker, str(pack.pk), number)
        for row in (anna, pack):
            realm = row.realm
            row.refresh_from_db()
            assert row.realm == realm

    play(scenario)


# --- /members -------------------------------------------------------------------------------------
def test_members_are_listed_and_searched(play: Play, pack: Guild) -> None:
    code = gift_code("HAVE1")
    anna = member(pack, nickname="Anna *bold*", realm=1043)
    member_redemption(anna, code, "redeemed")
    member(pack, nickname="Gone", active=False)
    member(pack, nickname="Shy", opted_out=True)
    astray(pack, gift_code("LOST1"), nickname="Lost")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash("members")
        assert "24 members · page 1 of 2" in text_of(said)
        said = await person.press(said, "Next")
        assert "page 2 of 2" in text_of(said)
        assert "Gone" in text_of(said)
        assert "inactive" in text_of(said)
        for search, words in (
            ("anna", "State 1043: 1 code"),
            (anna.player_id, r"Anna \*bold\*"),
            ("lost", "the game does not know the player there"),
            ("shy", "left out at their own wish"),
            ("nobody: at all", "No member of **Wolves** matches"),
        ):
            assert words in text_of(await person.slash("members", search=search)), search
        said = await person.slash("members", search="lost")
        said = await person.press(said, "Who needs you")
        assert labels_of(said) == ["Correct Lost"]

    play(scenario)


# --- /status --------------------------------------------------------------------------------------
def test_the_status_shows_runs_codes_needs_and_the_game(play: Play, pack: Guild) -> None:
    anna, bram = member(pack, nickname="Anna"), member(pack, nickname="Bram")
    done, running = gift_code("DONE1"), gift_code("RUN1")
    member_redemption(anna, done, "redeemed")
    member_redemption(bram, done, "failed")
    row = member_redemption(anna, running, "pending").redemption
    row.state = RunState.RUNNING
    row.save()
    astray(pack, gift_code("LOST1"))
    RateBudget.objects.update_or_create(
        provider="simulator",
        defaults={"pause_kind": "operator", "pause_reason": "A pause."},
    )

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash("status")
        words = text_of(said)
        assert "**RUN1**: 0 of 1 has it, 1 is waiting" in words
        assert "**DONE1**: 1 of 2 have it" in words
        assert "The game does not know 1 member." in words
        assert "no clear answer for 1 member. `/redeem` with the code asks again." in words
        assert "Sends " in words
        assert "The game is paused. The pause lasts until a person resumes the game." in words
        assert labels_of(said) == ["Refresh", "Who needs you"]
        await stage.restart()
        assert "RUN1" in text_of(await person.press(said, "Refresh"))

    play(scenario)


def test_an_empty_guild_has_a_status(play: Play, bears: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", bears)
        words = text_of(await person.slash("status"))
        for said in ("Nothing runs now", "No code was redeemed yet", "Nothing needs you now"):
            assert said in words
        assert "has no members yet" in text_of(await person.slash("members"))

    play(scenario)
