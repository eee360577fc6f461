"""A leader's day from the first login to the last look: with a mouse, a phone, and a keyboard.

The way from an empty system to the first code is in test_connect_story.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.hands import HANDS, Hand, at_work
from tests.browser.real_system import LEADER, PASSWORD, serve, with_games
from tests.clients.channels.standin import StandIn
from tests.system.machinery import System
from tests.waiting import wait_for

pytestmark = pytest.mark.system
OFFICERS_PASSWORD = "also-only-for-this-test"
MEMBERS = 40
#: The realm of most members, and that of those who moved.
HOME, AWAY = 1042, 77
#: The seconds that the game takes for each answer: first while the leader watches a run, then while
#: a second start of this run is tried. At most eight of the 40 requests are under way at a time, so
#: the run is still going when the second start is refused.
WATCHED_SECONDS, HELD_SECONDS = 3, 10


FIRST_NAMES = ("Amber", "Birch", "Cinder", "Dahlia", "Ember")
LAST_NAMES = ("Bold", "Calm", "Dire", "Early", "Fair", "Grim", "Happy", "Icy")


@dataclass(frozen=True)
class Day:
    """The guilds, codes and players of one day.

    Each way to use the site (mouse, phone, keyboard) has its own game, so that no day disturbs
    another.
    """

    hand: str
    game: str
    title: str
    place: str
    first_player: int

    @property
    def wolves(self) -> str:
        return f"{self.hand.title()} Wolves"

    @property
    def bears(self) -> str:
        return f"{self.hand.title()} Bears"

    @property
    def code(self) -> str:
        return f"FROST{self.hand.upper()}"

    @property
    def second_code(self) -> str:
        return f"SNOW{self.hand.upper()}"

    @property
    def officer(self) -> str:
        return f"bjorn-{self.hand}"

    @property
    def players(self) -> list[str]:
        return [str(self.first_player + number) for number in range(MEMBERS)]

    @property
    def others(self) -> list[str]:
        return [str(self.first_player + 500 + number) for number in range(3)]

    @property
    def astray(self) -> list[str]:
        """The members whom the game does not know in the state or kingdom of their guild."""
        return self.players[10:13]

    def name(self, player: str) -> str:
        first, last = divmod(int(player) - self.first_player, len(LAST_NAMES))
        return f"{FIRST_NAMES[first]} {LAST_NAMES[last]}"

    @property
    def chat(self) -> str:
        """What people wrote in a chat: one ID with letters for digits, and one that is cut off."""
        written = [f"{place}. {self._line(one)}" for place, one in enumerate(self.players, 1)]
        misread = self.players[4].replace("0", "O")
        written[4] = f"5. {self.name(self.players[4])} {misread}"
        written[7] = f"8. {self.name(self.players[7])} {self.players[7][:3]}"
        return "\n".join(["Good morning! Our list:", *written, written[0], "That is all, thanks"])

    def _line(self, player: str) -> str:
        name, number = self.name(player), int(player)
        ways = (
            f"{name} {player}",
            f"🐺 {name} 🐺 → {number:,}".replace(",", " "),
            f"{name}; {player}",
            f"{player}\t{name}",
            f"{name} – {number:,}".replace(",", "."),
        )
        return ways[number % len(ways)]


DAYS = {
    day.hand: day
    for day in (
        Day("desktop", "whiteout", "Whiteout Survival", "State", 410_000_100),
        Day("phone", "kingshot", "Kingshot", "Kingdom", 420_000_100),
        Day("keyboard", "simulator", "Simulator", "State", 430_000_100),
    )
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    games = [day.game for day in DAYS.values()]
    with with_games(tmp_path_factory.mktemp("leader"), *games) as running:
        yield running


@pytest.fixture(scope="module")
def site(running: System) -> str:
    return serve(running)


@pytest.mark.parametrize("name", DAYS)
def test_a_leader_does_the_jobs_of_a_day(
    name: str, chromium: Browser, site: str, running: System, discord: StandIn
) -> None:
    day = DAYS[name]
    realms = {one: AWAY if one in day.astray else HOME for one in [*day.players, *day.others]}
    running.world(
        players={player: {"realm": realm} for player, realm in realms.items()},
        codes={day.code: {}, day.second_code: {}},
        options={"latency": 0},
    )
    with at_work(HANDS[name], chromium, site) as hand:
        _sees_what_the_system_does(hand)
        _makes_a_guild(hand, day, day.wolves)
        _brings_forty_players_from_a_chat(hand, day)
        _makes_a_guild(hand, day, day.bears)
        _brings_three_more(hand, day)
        running.world(options={"latency": WATCHED_SECONDS})
        _adds_a_code_and_watches_it(hand, day)
        running.world(options={"latency": HELD_SECONDS})
        _is_refused_during_the_run(hand, day)
        running.world(options={"latency": 0})
        link = _makes_an_officer(hand, day)
        _presses_redeem_now_after_the_run(hand, day)
        _finds_out_why_one_has_not_got_it(hand, day)
        with at_work(HANDS[name], chromium, site) as other:
            _begins_as_an_officer(other, day, link)
        _answers_which_codes_a_member_got(hand, day)
        _lets_a_member_out(hand, day)
        _has_the_runs_told(hand, day, discord)
        _reads_what_happened(hand, day)


# --- 1: the first look ----------------------------------------------------------------------------
def _sees_what_the_system_does(hand: Hand) -> None:
    hand.log_in(LEADER, PASSWORD)
    for question in ("Needs you", "Running now", "Newest codes", "Games"):
        hand.heading(question)
    hand.read("Nothing is running now.")


# --- 2: guilds and their members ------------------------------------------------------------------
def _makes_a_guild(hand: Hand, day: Day, name: str) -> None:
    hand.menu("Guilds")
    hand.press(hand.link("Add guild"))
    hand.write(hand.field("Name"), name)
    hand.choose(hand.field("Game"), day.title)
    hand.write(hand.field("State"), str(HOME))
    hand.press(hand.page.get_by_role("button", name="Save", exact=True))
    hand.heading(name)
    hand.press(hand.link("Paste a member list", hand.page.get_by_role("main")))


def _brings_forty_players_from_a_chat(hand: Hand, day: Day) -> None:
    hand.write(hand.field("The list"), day.chat)
    hand.press(hand.button("Review"))
    hand.button(f"Import {MEMBERS - 2} members").wait_for()
    hand.tick(hand.field("Import line 6"))
    expect(hand.field("Name on line 9")).to_have_value(day.name(day.players[7]))
    hand.write(hand.field("Player ID on line 9"), day.players[7])
    hand.button(f"Import {MEMBERS} members").wait_for()
    hand.press(hand.button(f"Import {MEMBERS} members"))
    hand.read(re.compile(rf"Imported {MEMBERS}, already there 0"))
    hand.read("Next step:")
    expect(hand.link("Tell your chat")).to_be_visible()


def _brings_three_more(hand: Hand, day: Day) -> None:
    hand.write(hand.field("The list"), "\n".join(day.others))
    hand.press(hand.button("Review"))
    hand.press(hand.button("Import 3 members"))
    hand.read("Imported 3, already there 0, left out 0.")


# --- 3: a code ------------------------------------------------------------------------------------
def _adds_a_code_and_watches_it(hand: Hand, day: Day) -> None:
    _adds_a_code(hand, day, day.code)
    hand.read(f"Code {day.code} is saved. This page shows what comes of it.")
    hand.menu("Home")
    with hand.without_reload():
        run = (
            hand.page.get_by_role("region", name="Running now")
            .get_by_role("listitem")
            .filter(has_text=f"{day.code} for {day.wolves}")
        )
        expect(run).to_contain_text(re.compile(rf"\b[1-9]\d* of {MEMBERS} have it"))
        expect(run).to_contain_text("left:")


def _adds_a_code(hand: Hand, day: Day, code: str) -> None:
    hand.menu("Codes")
    hand.press(hand.link("Add gift code"))
    hand.write(hand.field("Code"), code)
    hand.choose(hand.field("Game"), day.title)
    hand.press(hand.page.get_by_role("button", name="Save", exact=True))


def _is_refused_during_the_run(hand: Hand, day: Day) -> None:
    hand.menu("Codes")
    hand.press(hand.link(day.code))
    hand.press(hand.button("Redeem now"))
    hand.read("under way: a second start will be refused")
    hand.press(hand.button("Redeem now"))
    hand.read(
        re.compile(
            rf"{day.code} for {day.wolves} is running already: \d+ of {MEMBERS} have it"
            r".*Nothing is asked twice\."
        )
    )


def _presses_redeem_now_after_the_run(hand: Hand, day: Day) -> None:
    """The code is requested again only for the members who have not got it."""
    _waits_for_the_end_of_the_runs(hand)
    with hand.without_reload():
        hand.read(f"{MEMBERS + 3 - len(day.astray)} of {MEMBERS + 3} have it")
    hand.press(hand.link(day.code, hand.page.get_by_role("region", name="Newest codes")))
    hand.press(hand.button("Redeem now"))
    for guild in (day.wolves, day.bears):
        expect(hand.field(guild)).to_be_checked()
    hand.press(hand.button("Redeem now"))
    hand.read(f"Started for guild {day.wolves} with code {day.code}.")
    # Until the run ends, the members without the code wait for the game and do not need a person.
    _waits_for_the_end_of_the_runs(hand)


def _waits_for_the_end_of_the_runs(hand: Hand) -> None:
    hand.menu("Home")
    with hand.without_reload():
        hand.read("Nothing is running now.")


# --- 4: a member who has not got the code ---------------------------------------------------------
def _finds_out_why_one_has_not_got_it(hand: Hand, day: Day) -> None:
    lost = day.name(day.astray[0])
    hand.menu("Coverage")
    hand.choose(hand.field("Guild"), day.wolves)
    hand.choose(hand.field("Members"), "who need you")
    hand.press(hand.button("Show"))
    hand.press(hand.link(lost))
    hand.read(f"The game does not know player {day.astray[0]} in {day.place} {HOME}.")
    hand.write(hand.field(day.place), str(AWAY))
    hand.press(hand.button("Save and ask again"))
    hand.read(f"is in {day.place} {AWAY} now. 1 code is asked for again.")
    with hand.without_reload():
        hand.heading("Has it (1)")


# --- 5: an officer --------------------------------------------------------------------------------
def _goes_to(hand: Hand, day: Day, tab: str) -> None:
    """Open a tab of the guild's page."""
    hand.menu("Guilds")
    hand.press(hand.link(day.wolves))
    parts = hand.page.get_by_role("navigation", name="Parts of the page of the guild")
    hand.press(hand.link(tab, parts))
    expect(hand.link(tab, parts)).to_have_attribute("aria-current", "page")


def _makes_an_officer(hand: Hand, day: Day) -> str:
    _goes_to(hand, day, "Officers")
    hand.write(hand.field("Who is invited"), "Bjorn")
    hand.press(hand.button("Make the link"))
    hand.heading("Copy this link now")
    return hand.page.get_by_label("Link", exact=True).input_value()


def _begins_as_an_officer(hand: Hand, day: Day, link: str) -> None:
    """Make an account, and correct a member on the home page."""
    hand.open(link)
    hand.read(day.wolves)
    hand.write(hand.field("User name"), day.officer)
    hand.write(hand.field("Password"), OFFICERS_PASSWORD)
    hand.write(hand.field("Password again"), OFFICERS_PASSWORD)
    hand.press(hand.button("Make my account"))
    hand.read("You are an officer of")
    lost = hand.page.get_by_role("listitem").filter(has_text=day.name(day.astray[1]))
    hand.write(hand.field(day.place, lost.last), str(AWAY))
    hand.press(hand.button("Save and ask again", lost.last))
    hand.read("1 code is asked for again.")
    hand.read(f"{MEMBERS - 1} of {MEMBERS} have it")
    hand.menu("Guilds")
    hand.look(hand.link(day.wolves))
    expect(hand.page.get_by_text(day.bears)).to_have_count(0)


# --- 6: what members ask for ----------------------------------------------------------------------
def _answers_which_codes_a_member_got(hand: Hand, day: Day) -> None:
    hand.menu("Members")
    hand.write(hand.field("Search this list"), day.players[20])
    hand.page.keyboard.press("Enter")
    hand.press(hand.link("1 of 1"))
    hand.heading("An answer to send to the player")
    answer = hand.page.get_by_label("Text for the player")
    expect(answer).to_have_value(re.compile(f"You have 1 of 1 code.*{day.code}", re.DOTALL))
    hand.press(hand.button("Copy"))
    hand.look(hand.button("Copied"))


def _lets_a_member_out(hand: Hand, day: Day) -> None:
    _goes_to(hand, day, "Members")
    hand.press(hand.link(day.players[21]))
    hand.press(hand.link("opt out"))
    hand.press(hand.button("Opt out"))
    hand.read("opted out")


# --- 7: a channel ---------------------------------------------------------------------------------
def _has_the_runs_told(hand: Hand, day: Day, discord: StandIn) -> None:
    _goes_to(hand, day, "Channels")
    hand.press(hand.link("Add a channel"))
    hand.write(hand.field("Address"), discord.address(1))
    hand.press(hand.page.get_by_role("button", name="Save", exact=True))
    hand.heading("How the messages look")
    hand.follow(hand.button("Send a test"))
    with hand.without_reload():
        hand.read("arrived")
    wait_for(lambda: len(discord.of(1)) == 1, "the test message")
    _adds_a_code(hand, day, day.second_code)
    wait_for(
        lambda: any(
            day.second_code in one.titles[-1] and one.titles[-1].startswith(("✅", "🟡", "🔴", "⚠"))
            for one in discord.of(1)
        ),
        "the message about the run",
    )


# --- 8: what happened -----------------------------------------------------------------------------
def _reads_what_happened(hand: Hand, day: Day) -> None:
    content = hand.page.get_by_role("main")
    hand.menu("Activity")
    hand.press(hand.link("Alarms", content))
    hand.heading("Alarms")
    hand.menu("Activity")
    hand.press(hand.link("Journal", content))
    hand.read("refused", content)
    hand.menu("Activity")
    hand.press(hand.link("Requests", content))
    hand.read(day.second_code, content)
    hand.menu("System")
    hand.press(hand.link("Schedule", content))
    hand.read("every", content)
    expect(content.get_by_text("microseconds")).to_have_count(0)
    expect(content.get_by_role("button", name="Delete")).to_have_count(0)
