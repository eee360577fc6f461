"""Guilds in the admin: what is saved, what is refused, and that no guild is deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from giftcodes.admin.redemptions import redeem_preview
from giftcodes.models import Guild, Redemption
from giftcodes.services.changes import words_of
from tests.admin.conftest import Browser, TaskQueue, address, errors
from tests.admin.past import redemption
from tests.factories import gift_code, guild

FORM: dict[str, Any] = {
    "name": "Wolves",
    "provider": "simulator",
    "realm": 7,
    "active": "on",
    "priority": 0,
}


def test_a_new_guild_catches_up_after_the_commit(browser: Browser, task_queue: TaskQueue) -> None:
    browser.save("guild_add", **FORM)
    assert task_queue.arguments("catch_up") == [[[Guild.objects.get(name="Wolves").pk]]]


def test_a_guild_that_is_changed_catches_up(browser: Browser, task_queue: TaskQueue) -> None:
    wolves = guild("Wolves", realm=6)
    browser.save("guild_change", wolves.pk, **FORM)
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]


def test_saving_writes_only_what_was_changed_in_the_form(
    browser: Browser, monkeypatch: Any
) -> None:
    wolves = guild("Wolves", realm=7, automatic=False)
    written: list[Any] = []
    save = Guild.save

    def watch(row: Guild, *args: Any, **kwargs: Any) -> None:
        written.append(kwargs.get("update_fields"))
        save(row, *args, **kwargs)

    monkeypatch.setattr(Guild, "save", watch)
    browser.save("guild_change", wolves.pk, **{**FORM, "realm": 8})
    browser.save("guild_change", wolves.pk, **{**FORM, "realm": 8})
    assert written == [["realm"]]
    assert Guild.objects.get(pk=wolves.pk).realm == 8


def test_a_name_that_is_taken_is_refused_in_clear_words(browser: Browser) -> None:
    guild("Wolves")
    response = browser.post("guild_add", data=FORM)
    assert "There is a guild of this name already" in errors(response)
    assert Guild.objects.count() == 1


def test_a_nul_in_a_name_is_an_error_of_the_form(browser: Browser) -> None:
    response = browser.post("guild_add", data={**FORM, "name": "Wol\0ves"})
    assert response.status_code == 200
    assert "Null characters are not allowed" in errors(response)


def test_a_line_break_in_a_name_is_refused(browser: Browser) -> None:
    response = browser.post("guild_add", data={**FORM, "name": "Wolves\n🔒 Locked"})
    assert "invisible control character" in errors(response)


def test_the_game_of_a_guild_with_redemptions_cannot_be_changed(browser: Browser) -> None:
    wolves = redemption().guild
    browser.save("guild_change", wolves.pk, **{**FORM, "name": wolves.name, "provider": "whiteout"})
    wolves.refresh_from_db()
    assert wolves.provider == "simulator"


def test_the_game_of_a_guild_without_redemptions_can_be_changed(browser: Browser) -> None:
    wolves = guild("Wolves")
    browser.save("guild_change", wolves.pk, **{**FORM, "provider": "whiteout"})
    wolves.refresh_from_db()
    assert wolves.provider == "whiteout"


def test_the_form_says_why_a_game_is_off(browser: Browser) -> None:
    page = browser.open("guild_add").content.decode()
    assert "Kingshot (off: no salt is set)" in page
    assert '<option value="simulator" selected>Simulator</option>' in page


def test_deleting_a_guild_makes_it_inactive_and_says_so(
    browser: Browser, task_queue: TaskQueue
) -> None:
    wolves = redemption(members=2).guild
    page = browser.open("guild_delete", wolves.pk).content.decode()
    assert "becomes inactive" in page

    messages = browser.save("guild_delete", wolves.pk, post="yes")

    wolves.refresh_from_db()
    assert not wolves.active
    assert wolves.members.count() == 2
    assert Redemption.objects.filter(guild=wolves).exists()
    assert messages == [
        (
            "success",
            f"Guild {wolves} is inactive now. Nothing was deleted: its members and its history "
            "stay.",
        )
    ]
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]
    assert [entry.is_change() for entry in LogEntry.objects.all()] == [True]


def test_the_bulk_action_makes_guilds_inactive_and_says_which_already_were(
    browser: Browser,
) -> None:
    wolves, bears = guild("Wolves"), guild("Bears", active=False)
    messages = browser.press("deactivate", wolves, bears)
    assert not Guild.objects.active().exists()
    assert Guild.objects.count() == 2
    assert [level for level, _words in messages] == ["success", "info"]
    assert "Bears is inactive already" in messages[1][1]


def test_guilds_cannot_be_deleted_in_bulk(browser: Browser) -> None:
    wolves = guild("Wolves")
    assert browser.press("delete_selected", wolves) == [("warning", "No action selected.")]
    assert Guild.objects.filter(pk=wolves.pk).exists()


def test_an_inactive_guild_is_activated_and_catches_up(
    browser: Browser, task_queue: TaskQueue
) -> None:
    wolves = guild("Wolves", active=False)
    messages = browser.press("activate", wolves)
    wolves.refresh_from_db()
    assert wolves.active
    assert messages == [
        ("success", "Guild Wolves is active. It catches up on all active codes now.")
    ]
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]


def runs_of(of: Guild) -> str:
    """The address of the list of the redemptions of a guild."""
    return f"{address('redemption_changelist')}?guild__id__exact={of.pk}"


def test_redeem_now_on_several_guilds_leads_to_all_runs(browser: Browser) -> None:
    gift_code()
    several = [guild(members=1), guild(members=1)]
    told = browser.press("redeem_now", *several, confirm="yes")
    runs = address("redemption_changelist")
    assert told[-1] == ("success", f'<a href="{runs}">See the runs</a>')
    told = browser.press("redeem_now", *several, confirm="yes")
    assert not any("See the runs" in words for _level, words in told), "nothing was started"


def test_redeem_now_on_a_guild_starts_all_active_codes(
    browser: Browser, task_queue: TaskQueue
) -> None:
    wolves = guild("Wolves", members=1, automatic=False)
    (
        gift_code("AAA"),
        gift_code("BBB"),
        gift_code("CCC", state="closed"),
        gift_code("DDD", provider="whiteout"),
    )
    page = address("guild_changelist")
    pressed = {"action": "redeem_now", "_selected_action": wolves.pk, "index": 0, "back": page}
    preview = browser.client.post(page, pressed)
    assert [str(one["line"].code) for one in preview.context["lines"]] == ["AAA", "BBB"]
    assert preview.context["total"].requests == 2
    assert f'name="back" value="{page}"' in preview.content.decode()
    assert not Redemption.objects.exists()
    assert task_queue.enqueued == []
    messages = browser.press("redeem_now", wolves, confirm="yes")
    assert messages == [
        ("success", "Started for guild Wolves with code AAA."),
        ("success", "Started for guild Wolves with code BBB."),
        ("success", f'<a href="{runs_of(wolves)}">See the runs</a>'),
    ]
    assert set(Redemption.objects.values_list("gift_code__code", "state")) == {
        ("AAA", "running"),
        ("BBB", "running"),
    }
    assert ["simulator"] in task_queue.arguments("dispatch")


def test_of_the_codes_of_a_guild_the_chosen_ones_are_started(
    browser: Browser, task_queue: TaskQueue
) -> None:
    wolves = guild("Wolves", members=1)
    codes = [gift_code() for _ in range(5)]
    pairs = [f"{wolves.pk}-{code.pk}" for code in codes[:3]]
    (_level, words), (_same, link) = browser.press(
        "redeem_now", wolves, chosen="yes", pair=pairs, confirm="yes"
    )
    assert runs_of(wolves) in link
    assert words.startswith("3 started\n")
    assert Redemption.objects.filter(state="running").count() == 3
    logged = list(LogEntry.objects.all())
    assert set(map(words_of, logged)) == {"Redeem now: started."}
    assert {entry.object_repr for entry in logged} == {str(row) for row in Redemption.objects.all()}


def test_more_codes_of_a_guild_than_a_form_can_hold_are_all_included(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redeem_preview, "CHOOSABLE", 1)
    wolves = guild("Wolves", members=1, automatic=False)
    gift_code("AAA"), gift_code("BBB")
    page = address("guild_changelist")
    pressed = {"action": "redeem_now", "_selected_action": wolves.pk, "index": 0}
    shown = browser.client.post(page, pressed).content.decode()
    assert "All of them are included. To choose codes, go back and choose fewer guilds." in shown
    assert "redeem automatically" not in shown


def test_redeem_now_on_a_guild_without_codes_says_that_there_is_nothing_to_do(
    browser: Browser,
) -> None:
    messages = browser.press("redeem_now", guild("Wolves"))
    assert messages == [
        ("info", "There is no active code for guild Wolves. Add one, or wait for the feed.")
    ]


def test_redeem_now_on_an_inactive_guild_is_refused_and_leaves_no_rows(browser: Browser) -> None:
    gift_code("AAA")
    messages = browser.press("redeem_now", guild("Wolves", active=False))
    assert messages == [("warning", "Guild Wolves is inactive. An administrator can activate it.")]
    assert not Redemption.objects.exists()
