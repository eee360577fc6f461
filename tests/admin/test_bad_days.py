"""If half of a guild or nobody gets a code, no page, message, command or log calls that good.

Each such day is played against the simulated game, and then everything that a person reads is
checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse

from giftcodes import tasks
from giftcodes.management.commands.redeem import Command
from giftcodes.models import Channel, Guild, Heartbeat, Redemption
from tests.admin.conftest import Browser, address
from tests.clients.channels.standin import StandIn, running
from tests.commands.conftest import run
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World, world

__all__ = ["world"]

GREEN, YELLOW, GREY, RED = 0x2ECC71, 0xF1C40F, 0x95A5A6, 0xE74C3C
#: Words that say that a run went well.
GOOD = re.compile(r"✅|✓|\bcomplete\b", re.IGNORECASE)
#: CSS classes that show in green that a run went well.
GREEN_CLASSES = re.compile(r"tone-good|badge-complete")
#: CSS classes that show in green that a member has the code.
GREEN_MEMBERS = re.compile(r"badge-redeemed|badge-success|share-has\"|cell-redeemed")


@dataclass(frozen=True)
class Day:
    """A day, and what is said at its end.

    Args:
        play: what happens to the guild's code.
        words: the result.
        colour: the colour of the message on Discord.
        has: how many of the four members have the code.
        is_warned: whether the log warns.
    """

    play: Callable[[World, Guild], None]
    words: str
    colour: int
    has: int = 0
    is_warned: bool = True


def _all_unknown(world: World, wolves: Guild) -> None:
    world.has("FROST")


def _code_unknown(world: World, wolves: Guild) -> None:
    world.knows(wolves)


def _expired(world: World, wolves: Guild) -> None:
    world.knows(wolves)
    world.has("FROST", expires_at="2020-01-01T00:00:00Z")


def _half_eligible(world: World, wolves: Guild) -> None:
    ids = list(wolves.members.order_by("pk").values_list("player_id", flat=True))
    world.knows(wolves)
    world.game.merge({"players": {pk: {"realm": wolves.realm, "level": 1} for pk in ids[:2]}})
    world.has("FROST", min_level=9)


DAYS = {
    "all IDs unknown": Day(_all_unknown, "nobody got it", RED),
    "the code does not exist": Day(_code_unknown, "the code does not exist", RED),
    "expired": Day(_expired, "the code has expired", RED),
    "half eligible": Day(_half_eligible, "done", GREY, has=2, is_warned=False),
}


@pytest.fixture
def discord() -> Iterator[StandIn]:
    with running() as standin:
        yield standin


@pytest.fixture(params=DAYS.values(), ids=DAYS.keys())
def day(request: pytest.FixtureRequest) -> Day:
    found: Day = request.param
    return found


@pytest.fixture
def played(world: World, day: Day, discord: StandIn, settings: Any) -> Redemption:
    """The redemption of a guild of four, at the end of the day."""
    settings.ANNOUNCE_SECONDS = 1.0
    wolves = guild("Wolves", members=4)
    Channel.objects.create(guild=wolves, address=discord.address(wolves.pk))
    code = gift_code("FROST")
    day.play(world, wolves)
    world.redeem(wolves, code)
    for _ in range(3):
        world.breathe()
    tasks.announce()
    world.drain()
    redemption = Redemption.objects.get()
    assert redemption.state == "complete"
    return redemption


def _words(html: str) -> str:
    """What a person reads on a page."""
    html = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", "", html)
    return re.sub(r"<[^>]+>", " ", html)


def test_no_page_calls_the_result_good_and_each_page_names_it(
    played: Redemption, day: Day, browser: Browser
) -> None:
    pages = {
        "list of redemptions": address("redemption_changelist"),
        "redemption": address("redemption_change", played.pk),
        "list of codes": address("giftcode_changelist"),
        "code": address("giftcode_change", played.gift_code_id),
        "home": "/admin/",
    }
    for name, url in pages.items():
        # The list of first steps is left out: a step that is done says nothing about a code.
        html = re.sub(
            r'(?s)data-part="steps".*?</ol>', "", browser.client.get(url).content.decode()
        )
        assert not GOOD.findall(_words(html)), name
        assert not GREEN_CLASSES.findall(html), name
        assert day.has or not GREEN_MEMBERS.findall(html.replace('swatch share-has"', "")), name
        assert day.words in html, name
        assert f"{day.has} of 4 have it" in html, name
        assert ('class="share-has"' in html) == bool(day.has), name


def test_the_badges_of_active_codes_and_complete_runs_are_not_green() -> None:
    css = Path(finders.find("giftcodes/admin.css")).read_text(encoding="utf-8")
    (green,) = re.findall(r"([^{}]+){\s*background: var\(--good-bg\);[^}]*}\s*/?\*?", css)[:1]
    classes = set(re.findall(r"\.([\w-]+)", green))
    assert "tone-good" in classes
    assert not classes & {"badge-active", "badge-complete", "badge-same_type"}


def test_coverage_counts_the_members_who_have_the_code(
    played: Redemption, day: Day, browser: Browser
) -> None:
    page = browser.client.get(reverse("admin:matrix")).content.decode()
    assert re.search(rf'<span class="code-count"[^>]*>{day.has}/4', page)


def test_the_message_has_the_colour_and_the_percentage_of_members_who_have_the_code(
    played: Redemption, day: Day, discord: StandIn
) -> None:
    (message,) = discord.of(played.guild_id)
    assert day.words in message.titles[-1].lower()
    assert message.now["color"] == day.colour
    assert f"{25 * day.has} % ({day.has} of 4 have it)" in message.now["description"]
    assert not GOOD.search(message.titles[-1] + message.now["description"])


def test_the_status_command_names_the_result(played: Redemption, day: Day) -> None:
    lines = run("status").lines
    (line,) = [line for line in lines if "FROST for Wolves" in line]
    assert f"{day.words} ({day.has} of 4 have it" in line
    assert not GOOD.search(line)


def test_the_redeem_command_fails_and_calls_nothing_good(
    played: Redemption, day: Day, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(_seconds: float) -> None:
        Heartbeat.objects.update_or_create(name="tick")
        world.breathe()

    monkeypatch.setattr(Command, "pause", staticmethod(work))
    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")
    assert said.status != 0
    assert not GOOD.search(said.out + said.err)


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="giftcodes")


def test_the_last_lines_of_the_log_name_the_result(
    caplog: pytest.LogCaptureFixture, played: Redemption, day: Day
) -> None:
    lines = {record.getMessage(): record.levelname for record in caplog.get_records("setup")}
    (end,) = [line for line in lines if "Auto-Redeem Complete (Guild: Wolves" in line]
    warned = [line for line in lines if "No member of guild Wolves has code FROST" in line]
    assert "✅" not in end
    assert (lines[end] == "WARNING") == day.is_warned
    assert bool(warned) == day.is_warned
    for line in warned:
        assert day.words in line
        assert lines[line] == "WARNING"


def test_a_day_on_which_everyone_gets_the_code_is_good_everywhere(
    world: World, discord: StandIn, browser: Browser, settings: Any, caplog: Any
) -> None:
    """On a good day, what the tests above look for does appear."""
    settings.ANNOUNCE_SECONDS = 1.0
    wolves = guild("Wolves", members=2)
    Channel.objects.create(guild=wolves, address=discord.address(wolves.pk))
    world.knows(wolves)
    world.has("FROST")
    row = world.redeem(wolves, gift_code("FROST"))
    tasks.announce()
    world.drain()

    assert "tone-good" in browser.open("redemption_change", row.pk).content.decode()
    assert "tone-good" in browser.open("redemption_changelist").content.decode()
    assert discord.of(wolves.pk)[0].now["color"] == GREEN
    assert discord.of(wolves.pk)[0].titles[-1].startswith("✅ Done, everyone has it")
    assert "✅ Auto-Redeem Complete (Guild: Wolves" in caplog.text
    assert any("✓" in line and "FROST for Wolves" in line for line in run("status").lines)
