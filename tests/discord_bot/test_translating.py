"""Each person reads their own language, and Discord gets the commands in all languages."""

from __future__ import annotations

import ast
import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import discord
import pytest
from django.contrib.admin.models import LogEntry
from django.utils.translation import trans_real
from simcord.results import InteractionResult

from giftcodes.discord_bot import translating
from giftcodes.discord_bot.commands import COMMANDS
from giftcodes.discord_bot.translating import NAMES, Catalogues, language_of, message_id
from giftcodes.models import EventKind, Guild, RedemptionEvent
from tests.discord_bot import pseudo
from tests.discord_bot.officers import by_account, by_role
from tests.discord_bot.stage import Person, Play, Stage, labels_of, message_of, new_bot, text_of
from tests.factories import astray, gift_code, member, member_redemption

#: What stands in answers without being words: names, codes, and signs.
KNOWN = ("Wolves", "Simulator", "Anna", "ben", "Ben", "Carl", "Ida", "WOLF1", "LOST1")


@pytest.fixture
def foreign(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site with one more language, which everyone in Discord speaks."""
    pseudo.install(settings, monkeypatch, pseudo.Pseudo())
    pseudo.speak(monkeypatch, lambda _user: pseudo.LOCALE)


def payloads() -> list[dict[str, Any]]:
    """The definitions of all commands as Discord gets them."""

    async def written() -> list[dict[str, Any]]:
        tree = new_bot().tree
        catalogues = await Catalogues.of(tree)
        return [await one.get_translated_payload(tree, catalogues) for one in tree.get_commands()]

    return asyncio.run(written())


def parts(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A command with all its subcommands, options and choices."""
    yield payload
    for one in (*payload.get("options", []), *payload.get("choices", [])):
        yield from parts(one)


# --- The definitions ------------------------------------------------------------------------------
@pytest.mark.usefixtures("foreign")
def test_discord_gets_all_names_descriptions_options_and_choices_in_each_language() -> None:
    written = payloads()

    assert len(written) == len(COMMANDS)
    locale = pseudo.LOCALE.value
    for one in (part for payload in written for part in parts(payload)):
        is_name = "description" in one
        wanted = f"x{one['name']}" if is_name else f"⟦{one['name']}⟧"
        assert one["name_localizations"] == {locale: wanted}
        if is_name:
            assert one["description_localizations"] == {locale: f"⟦{one['description']}⟧"}


def test_a_site_with_one_language_sends_no_translations(settings: Any) -> None:
    settings.LANGUAGES = [("en", "English")]
    for one in (part for payload in payloads() for part in parts(payload)):
        assert not one.get("name_localizations")
        assert not one.get("description_localizations")


def test_every_name_is_in_the_catalogues() -> None:
    written = {
        part["name"] for payload in payloads() for part in parts(payload) if "description" in part
    }
    assert sorted(written) == sorted(map(message_id, NAMES))


def test_the_context_of_each_name_is_literal_since_makemessages_finds_no_other() -> None:
    calls = [
        node.args[0]
        for node in ast.walk(ast.parse(Path(translating.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "pgettext_lazy"
    ]
    assert len(calls) == len(NAMES)
    assert {getattr(context, "value", None) for context in calls} == {translating.NAME}


class Clumsy(pseudo.Pseudo):
    """A catalogue with mistakes."""

    mistakes = {
        "join": "Treten bei",
        "codes": "c" * 33,
        "player_id": "stat",
        "state": "stat",
        "Redeem this code": "R" * 33,
        "Stop redeeming codes for you.": "s" * 101,
        "Which of your players, if you have several.": "",
    }

    def gettext(self, message: str) -> str:
        text = message.rpartition("\x04")[2]
        return self.mistakes.get(text, super().gettext(message))


def test_a_translation_that_discord_would_refuse_is_left_out_and_logged(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pseudo.install(settings, monkeypatch, Clumsy())
    caplog.set_level(logging.WARNING, "giftcodes")

    by_name = {one["name"]: one for one in payloads()}

    join = by_name["join"]
    assert not join["name_localizations"]
    assert join["description_localizations"]
    assert not by_name["codes"]["name_localizations"]
    assert not by_name["leave"]["description_localizations"]
    assert not by_name["Redeem this code"]["name_localizations"]
    options = {one["name"]: one.get("name_localizations") for one in join["options"]}
    assert options["player_id"] is None
    assert options["state"] is None
    assert options["guild"]
    left_out = {one.msg["text"] for one in caplog.records if isinstance(one.msg, dict)}
    assert left_out == set(Clumsy.mistakes)


@pytest.mark.usefixtures("transactional_db")
def test_a_new_catalogue_registers_the_commands_again(
    settings: Any, monkeypatch: pytest.MonkeyPatch, play: Play
) -> None:
    async def scenario(stage: Stage) -> None:
        assert stage.syncs() == 1
        await stage.restart()
        assert stage.syncs() == 1
        pseudo.install(settings, monkeypatch, pseudo.Pseudo())
        await stage.restart()
        assert stage.syncs() == 2
        found = stage.env.backend.find_command("join", None, type=1)
        assert found is not None
        assert found["name_localizations"] == {pseudo.LOCALE.value: "xjoin"}

    play(scenario)


# --- All catalogues -------------------------------------------------------------------------------
#: Discord's own limits (its documentation of application commands).
MOST_OF_A_COMMAND = 8_000


def longest(part: dict[str, Any], field: str) -> int:
    """The length of a text in the language in which it is longest, as Discord counts it."""
    texts = [str(part.get(field) or ""), *(part.get(f"{field}_localizations") or {}).values()]
    return max(map(len, texts))


def test_every_translation_of_every_catalogue_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "giftcodes")
    written = payloads()
    assert [one.msg for one in caplog.records] == []
    for command in written:
        assert sum(
            longest(one, "name") + longest(one, "description") for one in parts(command)
        ) <= (MOST_OF_A_COMMAND)


def test_no_two_commands_or_options_have_the_same_name_in_a_language() -> None:
    groups: list[list[dict[str, Any]]] = [payloads()]
    for group in groups:
        for locale in (one.value for one in discord.Locale):
            names = [
                (one.get("type"), (one.get("name_localizations") or {}).get(locale, one["name"]))
                for one in group
            ]
            assert sorted(set(names)) == sorted(names), locale
        groups += [one["options"] for one in group if one.get("options")]


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        (discord.Locale.brazil_portuguese, "pt-br"),
        (discord.Locale.chinese, "zh-hans"),
        (discord.Locale.spain_spanish, "es"),
        (discord.Locale.latin_american_spanish, "es"),
        (discord.Locale.british_english, "en"),
        (discord.Locale.dutch, None),
    ],
)
def test_discords_languages_are_those_of_the_site(
    locale: discord.Locale, language: str | None
) -> None:
    assert language_of(locale) == language


def test_the_catalogues_of_all_languages_do_not_stay_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: dict[str, Any] = {}
    monkeypatch.setattr(trans_real, "_translations", known)
    payloads()
    assert set(known) <= {"en"}


# --- The answers ----------------------------------------------------------------------------------
def test_each_person_reads_their_own_language(
    settings: Any, monkeypatch: pytest.MonkeyPatch, play: Play, wolves: Guild
) -> None:
    foreigners: set[int] = set()
    pseudo.install(settings, monkeypatch, pseudo.Pseudo())
    usual = discord.Locale.american_english
    pseudo.speak(monkeypatch, lambda user: pseudo.LOCALE if user in foreigners else usual)

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna, ben = stage.person("anna"), stage.person("ben")
        foreigners.add(anna.id)
        for _number in range(2):
            english = await ben.slash("join", player_id="300000002")
            foreign = await anna.slash("join", player_id="300000001")
            assert labels_of(english) == ["I agree"]
            assert text_of(english).startswith("You are about to join")
            assert labels_of(foreign) == ["⟦I agree⟧"]
            assert text_of(foreign).startswith("⟦You are about to join")
        await anna.press(foreign, "⟦I agree⟧")
        assert labels_of(await anna.slash("codes")) == ["⟦Withdraw the request⟧"]

    play(scenario)


@pytest.mark.usefixtures("foreign")
def test_what_is_stored_is_in_no_language(play: Play, pack: Guild) -> None:
    anna = astray(pack, gift_code("LOST1"), nickname="Anna")

    async def scenario(stage: Stage) -> None:
        otto, rolf = by_account(stage, "otto", pack), by_role(stage, "rolf", pack)
        form = await otto.press(await otto.slash("missing"), "⟦Correct Anna⟧")
        await otto.fill(form, "1043")
        assert LogEntry.objects.get().change_message == '§["did_set_realm"]'
        said = await rolf.slash("redeem", code="LOST1")
        await rolf.press(said, "⟦Redeem now⟧")
        (event,) = RedemptionEvent.objects.filter(kind=EventKind.LOCKED)
        assert event.detail.endswith(" in Discord")
        anna.refresh_from_db()
        assert anna.realm == 1043

    play(scenario)


class Listener:
    """Notes every text that a person sees."""

    def __init__(self, person: Person) -> None:
        self.person, self.texts = person, set[str]()

    async def slash(self, command: str, **options: Any) -> InteractionResult:
        return self.heard(await self.person.slash(command, **options))

    async def press(self, said: InteractionResult, label: str) -> InteractionResult:
        return self.heard(await self.person.press(said, f"⟦{label}⟧"))

    async def fill(self, form: InteractionResult, *entered: str) -> InteractionResult:
        return self.heard(await self.person.fill(form, *entered))

    def heard(self, said: InteractionResult) -> InteractionResult:
        if said.modal is not None:
            self.texts |= set(texts_in(said.modal))
        else:
            self.texts.add(text_of(said))
            self.texts |= set(texts_in(message_of(said).components))
        return said


def texts_in(data: Any) -> Iterator[str]:
    """The texts of buttons, menus and forms that a person reads."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name in ("label", "placeholder", "title") and isinstance(value, str):
                yield value
            else:
                yield from texts_in(value)
    elif isinstance(data, list | tuple):
        for one in data:
            yield from texts_in(one)


@pytest.mark.usefixtures("foreign")
def test_every_word_of_an_answer_is_translated(play: Play, pack: Guild) -> None:
    known = gift_code("WOLF1")
    astray(pack, gift_code("LOST1"), nickname="Anna")
    member_redemption(member(pack, nickname="Carl"), known, "not_eligible")
    listeners: list[Listener] = []

    async def scenario(stage: Stage) -> None:
        officer = Listener(by_role(stage, "rolf", pack))
        player, manager = Listener(stage.person("ben")), Listener(stage.manager("mara"))
        listeners.extend((officer, player, manager))
        await player.slash("codes")
        asked = await player.slash("join", player_id="300000001")
        await player.press(asked, "I agree")
        await player.slash("codes")
        await player.slash("mydata")
        await player.slash("leave")
        await player.slash("redeem", code="WOLF1")
        await player.slash("join", player_id="none")
        preview = await officer.slash("redeem", code="WOLF1")
        run = await officer.press(preview, "Redeem now")
        await officer.slash("redeem", code="NEW1")
        await officer.slash("status")
        await officer.slash("members")
        missing = await officer.slash("missing")
        form = await officer.press(missing, "Correct Anna")
        await officer.fill(form, "north")
        missing = await officer.slash("missing")
        await officer.fill(await officer.press(missing, "Correct Anna"), "1043")
        await officer.press(run, "Stop")
        await officer.slash("stop")
        await officer.slash("code add", code="BRAND1", expires="soon")
        await officer.slash("code add", code="BRAND1")
        paste = await officer.slash("import")
        await officer.fill(paste, "300000007 Ida 1042\nBen")
        message = await officer.person.actor.send(officer.person.channel, "Hello")
        officer.heard(
            await officer.person.actor.context_menu(
                officer.person.channel, "Redeem this code", message
            )
        )
        await manager.slash("link", code="wrong")
        await manager.slash("officers")
        await manager.slash("iam", code="wrong")
        await manager.slash("announce here")
        await manager.slash("announce off")

    play(scenario)

    left = {pseudo.untranslated(text, *KNOWN) for one in listeners for text in one.texts}
    assert left == {""}
