"""`/import`: a pasted list or a file, its review, and the import of the good lines."""

from __future__ import annotations

import pytest

from giftcodes.discord_bot import importing
from giftcodes.models import Guild, MemberImport
from giftcodes.services import corrections
from tests.discord_bot.officers import by_account, by_role
from tests.discord_bot.stage import Play, Stage, labels_of, message_of, text_of
from tests.factories import member

LIST = "1. Amber 410000105\n2. Birch – 410000106 – K1043\nhello there\n12345 Cinder"
IMPORT = "Import 2 good lines"


@pytest.mark.parametrize("how", ["file", "pasted"])
def test_a_list_is_reviewed_and_its_good_lines_are_imported(
    play: Play, wolves: Guild, how: str
) -> None:
    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", wolves)
        if how == "file":
            said = await person.slash("import", file=("list.txt", LIST.encode()))
        else:
            form = await person.slash("import")
            assert form.modal is not None
            said = await person.fill(form, LIST)
        assert said.ephemeral
        words = text_of(said)
        assert "Good: **2**" in words
        assert "Would import 2, already there 0, left out 2." in words
        assert "410000105 · Amber" in words
        assert not wolves.members.exists()
        await stage.restart()
        done = await person.press(said, IMPORT)
        assert "Imported 2, already there 0, left out 2." in text_of(done)
        assert {one.nickname: one.realm for one in wolves.members.all()} == {
            "Amber": None,
            "Birch": 1043,
        }
        assert "rolf" in wolves.members.first().history.first().history_change_reason  # type: ignore[union-attr]
        # The list does not stay in the message.
        assert not message_of(done).attachments

    play(scenario)


def test_a_second_press_imports_nothing_more(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        person = by_account(stage, "otto", wolves)
        first = await person.slash("import", file=("list.txt", LIST.encode()))
        second = await person.slash("import", file=("list.txt", LIST.encode()))
        await person.press(first, IMPORT)
        assert "already there 2" in text_of(await person.press(second, IMPORT))
        made = MemberImport.objects.get()
        assert made.user is not None
        assert made.user.username == "otto"

    play(scenario)


def test_lists_that_cannot_be_used_say_so(
    play: Play, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    from giftcodes.discord_bot import replies

    monkeypatch.setattr(replies, "MOST_BYTES", 5_000)

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", wolves)
        for content, words in (
            (b"   \n", "The list is empty"),
            (b"x" * 6_000, "larger than 1 MB"),
            (b"name;level\nAmber;5\n", "player"),
            (b"hello there", "nothing would be imported"),
        ):
            said = await person.slash("import", file=("list.txt", content))
            assert words in text_of(said), content[:20]
            assert labels_of(said) == []

    play(scenario)


def test_the_rest_is_reviewed_on_the_site_if_its_address_is_known(
    play: Play, wolves: Guild, settings: object
) -> None:
    from django.urls import reverse

    unsure = b"410000105 Amber\n4100001079999 Birch"

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", wolves)
        said = text_of(await person.slash("import", file=("list.txt", unsure)))
        assert "Needs a look: **1**" in said
        assert "correct them, and use `/import` again" in said
        settings.SITE_URL = "https://codes.example"  # type: ignore[attr-defined]
        said = text_of(await person.slash("import", file=("list.txt", unsure)))
        assert f"https://codes.example{reverse('admin:member_import')}?guild={wolves.pk}" in said

    play(scenario)
    assert reverse("admin:member_import") == importing.PAGE


def test_the_result_says_where_the_import_is_undone(
    play: Play, wolves: Guild, settings: object
) -> None:
    from django.urls import reverse

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", wolves)
        said = await person.slash("import", file=("list.txt", LIST.encode()))
        again = await person.slash("import", file=("list.txt", LIST.encode()))
        assert "undone" not in text_of(said)
        assert "undone on the site, even days later: under “" in text_of(
            await person.press(said, IMPORT)
        )
        # The second press changes nothing, so there is nothing to undo.
        assert "undone" not in text_of(await person.press(again, IMPORT))
        settings.SITE_URL = "https://codes.example"  # type: ignore[attr-defined]
        more = await person.slash("import", file=("list.txt", b"410000177 Cinder"))
        words = text_of(await person.press(more, "Import 1 good line"))
        last = MemberImport.objects.latest("pk").pk
        path = reverse("admin:giftcodes_memberimport_change", args=[last])
        assert f"undone [on the site](https://codes.example{path})" in words

    play(scenario)


def test_players_who_opted_out_stay_out_and_the_look_is_recorded(play: Play, wolves: Guild) -> None:
    member(wolves, "410000105", nickname="Amber", opted_out=True)

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", wolves)
        said = await person.slash("import", file=("list.txt", LIST.encode()))
        assert "left out 2, opted out 1" in text_of(said)
        assert "left out 2, opted out 1" in text_of(await person.press(said, IMPORT))
        assert wolves.members.get(player_id="410000105").opted_out

    play(scenario)


def test_the_limit_on_corrections_holds_for_a_role(
    play: Play, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "OF_MEMBERS_AT_LEAST", 0)
    monkeypatch.setattr(corrections, "OF_EACH_MEMBER", 0)
    amber = member(wolves, "410000105", nickname="Amber")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", wolves)
        said = await person.slash("import", file=("list.txt", b"Amber 410000105 K1043"))
        assert "was not changed" in text_of(await person.press(said, "Import 1 good line"))
        amber.refresh_from_db()
        assert amber.realm is None

    play(scenario)


@pytest.mark.parametrize("who", ["stranger", "officer of another guild"])
def test_others_import_nothing(play: Play, wolves: Guild, bears: Guild, who: str) -> None:
    async def scenario(stage: Stage) -> None:
        by_role(stage, "rolf", wolves)
        stage.server("Den").link(bears)
        person = (
            by_account(stage, "olga", bears)
            if who == "officer of another guild"
            else stage.person("person")
        )
        for options in ({}, {"guild": str(wolves.pk)}, {"guild": str(bears.pk)}):
            said = await person.slash("import", file=("list.txt", LIST.encode()), **options)
            assert "Only officers" in text_of(said)
            form = await person.slash("import", **options)
            assert "Only officers" in text_of(await person.fill(form, LIST))

    play(scenario)
    assert not MemberImport.objects.exists()
