"""The whole day of an officer, who sees nothing of another guild."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.hands import Hand, Phone, at_work
from tests.browser.real_system import LEADER, PASSWORD, serve, with_games
from tests.clients.channels.standin import StandIn
from tests.system.machinery import System
from tests.waiting import wait_for

pytestmark = pytest.mark.system
OFFICER = "amber"
HOME, AWAY = 1042, 77
#: The members of both guilds, three players who are imported, one who asks to join, and the member
#: who moved.
MEMBERS = [str(410_000_000 + number) for number in range(6)]
FOREIGN = [str(420_000_000 + number) for number in range(4)]
NEW = [str(430_000_000 + number) for number in range(3)]
PLAYER = "440000000"
ASTRAY = MEMBERS[0]
FOREIGN_NAME = "Ravens"
_WORLD = f"""
from django.contrib.auth.models import Group, User
from giftcodes.models import Guild, Member
amber = User.objects.create_user("{OFFICER}", password="{PASSWORD}", is_staff=True)
amber.groups.add(Group.objects.get(name="Guild officers"))
for name, players in (("Wolves", {MEMBERS}), ("{FOREIGN_NAME}", {FOREIGN})):
    guild = Guild.objects.create(name=name, provider="simulator", realm={HOME})
    for number, player in enumerate(players):
        Member.objects.create(guild=guild, player_id=player, nickname=f"{{name}} {{number}}")
Guild.objects.get(name="Wolves").officers.add(amber)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two guilds with a code of the feed. Officers propose new codes."""
    folder = tmp_path_factory.mktemp("officer")
    with with_games(folder, "simulator", OFFICER_CODES="propose") as running:
        everybody = [*MEMBERS, *FOREIGN, *NEW, PLAYER]
        running.world(
            players={one: {"realm": AWAY if one == ASTRAY else HOME} for one in everybody},
            codes={"FROMFEED": {}, "FROMAMBER": {}},
            feed=["FROMFEED"],
        )
        running.manage("shell", "-c", _WORLD)
        running.manage("poll_codes")
        wait_for(lambda: _settled(running) == len(MEMBERS + FOREIGN) - 1, "the first code")
        yield running


def _settled(running: System) -> int:
    having = "SELECT count(*) FROM giftcodes_memberredemption WHERE state = 'redeemed'"
    return int(running.rows(having)[0][0])


@pytest.fixture(scope="module")
def site(running: System) -> str:
    return serve(running)


def test_an_officer_does_the_jobs_of_a_day_and_sees_nothing_of_another_guild(
    chromium: Browser, site: str, running: System, discord: StandIn
) -> None:
    with at_work(Hand, chromium, site) as hand:
        _sees_only_the_own_guild(hand)
        _pastes_three_new_players(hand)
        _is_told_that_a_code_of_the_feed_is_known(hand)
        _proposes_a_new_code(hand)
        with at_work(Hand, chromium, site) as leader:
            _approves(leader)
        _sees_the_answer(hand)
        _skips_a_code(hand)
        link = _makes_a_join_link(hand)
        with at_work(Phone, chromium, site) as player:
            _asks_to_join(player, link)
        _approves_the_player(hand)
        _sets_a_channel(hand, discord)
        _takes_an_opt_out(hand)
        _corrects_a_state(hand)
        _invites_another_officer(hand)
        _exports(hand)
        _finds_nothing_of_another_guild(hand, running)


def _meets_nobody_else(hand: Hand) -> None:
    """Nothing on the page names the other guild or a member of it."""
    shown = hand.page.content()
    assert [one for one in (FOREIGN_NAME, *FOREIGN) if one in shown] == []


def _goes_to(hand: Hand, tab: str) -> None:
    hand.menu("Guilds")
    hand.follow(hand.link("Wolves", hand.page.get_by_role("main")))
    parts = hand.page.get_by_role("navigation", name="Parts of the page of the guild")
    hand.follow(hand.link(tab, parts))
    _meets_nobody_else(hand)


def _sees_only_the_own_guild(hand: Hand) -> None:
    hand.log_in(OFFICER, PASSWORD)
    hand.heading("Needs you")
    hand.read("Wolves 0")
    hand.read("5 of 6 have it")
    _meets_nobody_else(hand)
    hand.menu("Guilds")
    expect(hand.page.get_by_role("main").get_by_role("link", name="Wolves")).to_be_visible()
    _meets_nobody_else(hand)


def _pastes_three_new_players(hand: Hand) -> None:
    _goes_to(hand, "Members")
    hand.press(hand.link("Paste a member list"))
    hand.write(hand.field("The list"), "\n".join(f"Anna{one[-1]} {one}" for one in NEW))
    hand.press(hand.button("Review"))
    hand.press(hand.button("Import 3 members"))
    hand.read("Imported 3, already there 0, left out 0.")
    _meets_nobody_else(hand)


def _enters_a_code(hand: Hand, code: str) -> None:
    hand.menu("Codes")
    hand.press(hand.link("Add gift code"))
    hand.write(hand.field("Code"), code)
    hand.press(hand.page.get_by_role("button", name="Save", exact=True))


def _is_told_that_a_code_of_the_feed_is_known(hand: Hand) -> None:
    _enters_a_code(hand, "FROMFEED")
    hand.read("This code is known already and active")
    _meets_nobody_else(hand)


def _proposes_a_new_code(hand: Hand) -> None:
    _enters_a_code(hand, "FROMAMBER")
    hand.read("Code FROMAMBER is proposed.")


def _approves(leader: Hand) -> None:
    leader.log_in(LEADER, PASSWORD)
    leader.follow(leader.button("Approve FROMAMBER"))
    expect(leader.button("Approve FROMAMBER")).to_have_count(0)


def _sees_the_answer(hand: Hand) -> None:
    hand.menu("Home")
    hand.heading("Codes that you proposed")
    hand.read("approved")
    hand.read("8 of 9 have it", hand.page.get_by_role("region", name="Newest codes"))
    _meets_nobody_else(hand)


def _skips_a_code(hand: Hand) -> None:
    _goes_to(hand, "Codes")
    hand.follow(hand.button("Skip for this guild FROMAMBER"))
    hand.read("Your guild skips this code.")
    _meets_nobody_else(hand)


def _makes_a_join_link(hand: Hand) -> str:
    _goes_to(hand, "How players join")
    hand.follow(hand.button("Make the join link"))
    return hand.page.get_by_label("The link", exact=True).input_value()


def _asks_to_join(player: Hand, link: str) -> None:
    player.open(link)
    player.write(player.field("Player ID"), PLAYER)
    player.write(player.field("Your name in the game"), "Cleo")
    player.tick(player.field("I want this, and it is my own account."))
    player.press(player.button("Ask to join"))
    player.heading(re.compile("An officer looks at your request"))


def _approves_the_player(hand: Hand) -> None:
    hand.menu("Home")
    hand.read("1 player asks to join")
    _goes_to(hand, "How players join")
    hand.follow(hand.button("Approve Cleo"))
    _goes_to(hand, "Members")
    hand.look(hand.link(PLAYER))


def _sets_a_channel(hand: Hand, discord: StandIn) -> None:
    _goes_to(hand, "Channels")
    hand.press(hand.link("Add a channel"))
    hand.write(hand.field("Address"), discord.address(1))
    hand.follow(hand.page.get_by_role("button", name="Save", exact=True))
    hand.heading("How the messages look")
    hand.follow(hand.button("Send a test"))
    with hand.without_reload():
        hand.read("arrived")
    wait_for(lambda: len(discord.of(1)) == 1, "the test message")
    _meets_nobody_else(hand)


def _takes_an_opt_out(hand: Hand) -> None:
    _goes_to(hand, "Members")
    hand.press(hand.link(NEW[0]))
    hand.press(hand.link("opt out"))
    hand.press(hand.button("Opt out"))
    hand.read("opted out")
    _meets_nobody_else(hand)


def _corrects_a_state(hand: Hand) -> None:
    _goes_to(hand, "Overview")
    hand.write(hand.field("State"), str(AWAY))
    hand.follow(hand.button("Save and ask again"))
    hand.read(re.compile(r"is in State 77 now\. \d codes? (is|are) asked for again\."))
    with hand.without_reload():
        hand.read("9 of 9 have it")
    _meets_nobody_else(hand)


def _invites_another_officer(hand: Hand) -> None:
    _goes_to(hand, "Officers")
    hand.write(hand.field("Who is invited"), "Bjorn")
    hand.follow(hand.button("Make the link"))
    hand.heading("Copy this link now")
    _meets_nobody_else(hand)


def _exports(hand: Hand) -> None:
    hand.menu("Coverage")
    with hand.page.expect_download() as download:
        hand.press(hand.link("Export as CSV"))
    table = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert all(one in table for one in [*MEMBERS, *NEW[1:], PLAYER])
    assert not any(one in table for one in (FOREIGN_NAME, *FOREIGN))
    _goes_to(hand, "Members")
    hand.tick(hand.field("Select all objects on this page for an action"))
    hand.choose(hand.field("Select action to run"), "Export as CSV")
    with hand.page.expect_download() as download:
        hand.press(hand.button("Run"))
    listed = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert all(one in listed for one in [*MEMBERS, *NEW, PLAYER])


def _finds_nothing_of_another_guild(hand: Hand, running: System) -> None:
    """Each page that was used during the day is not found (404) for the other guild."""
    (guild, member, redemption, code), *_ = running.rows(
        "SELECT g.id, m.id, r.id, r.gift_code_id FROM giftcodes_guild g "
        "JOIN giftcodes_member m ON m.guild_id = g.id "
        f"JOIN giftcodes_redemption r ON r.guild_id = g.id WHERE g.name = '{FOREIGN_NAME}'"
    )
    tabs = ("overview", "members", "codes", "channels", "joining", "officers", "change", "history")
    addresses = [
        *(f"giftcodes/guild/{guild}/{tab}/" for tab in tabs),
        *(f"giftcodes/member/{member}/{page}/" for page in ("change", "history")),
        f"giftcodes/redemption/{redemption}/change/",
        f"player/{member}/",
        f"matrix/?guild={guild}",
        f"matrix/csv/?guild={guild}",
        f"plan/?guild={guild}&code={code}",
    ]
    found = {
        address: hand.page.request.get(f"{hand.site}/admin/{address}").status
        for address in addresses
    }
    assert found == dict.fromkeys(addresses, 404)
    hand.open(f"/admin/import/?guild={guild}")
    expect(hand.page.get_by_label("Guild").get_by_role("option")).to_have_count(2)
    _meets_nobody_else(hand)
