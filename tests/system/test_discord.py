"""The bot, the workers and the game as real processes, beside a simulated Discord.

Each test has a guild and a server of its own, so all of them share one running system.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from chaos.discord import Message, Spoil
from chaos.discord.rest import BROKEN
from tests.system.discord_stage import BOT, RATE_REQUESTS, REALM, Pack, Stage, stage
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.system

#: So many that a run takes several windows of the game's pace.
MANY = 2 * RATE_REQUESTS + 10


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("discord")) as found:
        yield found
        for name in ("bot", "control", "redeem"):
            assert "Traceback" not in found.system.log(name), found.system.log(name)


def started(message: Message) -> int:
    """How many versions of a message tell the start of a run."""
    return sum(title.startswith("🎁 Auto-Redeem Started") for title in message.titles)


def ends(messages: list[Message]) -> list[str]:
    """The titles that tell an end, of all messages."""
    return [title for one in messages for title in one.titles if title.startswith("✅ Done")]


def first_message(here: Stage, pack: Pack) -> Message:
    wait_for(lambda: bool(here.messages(pack)), "a message")
    return here.messages(pack)[0]


def test_who_joins_has_all_active_codes_within_the_pace_of_the_game(here: Stage) -> None:
    pack = here.pack(members=2, is_automatic=True)
    here.do(
        "INSERT INTO giftcodes_joinlink (guild_id, token, token_hash, needs_approval) "
        "VALUES (%s, '', %s, false)",
        pack.id,
        f"hash {pack.id}",
    )
    codes = [here.new_code() for _ in range(5)]
    for code in codes:
        here.wait_until_complete(pack, code)
    player = "890000001"
    here.know(player)
    anna = here.person(pack, "Anna")

    asked = here.command(anna, "join", player_id=player, state=str(REALM))
    assert "Do you agree" in asked.text
    assert here.value("SELECT count(*) FROM giftcodes_member WHERE player_id = %s", player) == 0
    # If a person presses twice, Discord sends two presses.
    twice = [here.discord.press(anna, asked, "I agree") for _ in range(2)]
    said = [here.answered(one).text for one in twice]

    assert any("Welcome to" in text for text in said), said
    assert here.value("SELECT count(*) FROM giftcodes_member WHERE player_id = %s", player) == 1
    served = (
        "SELECT count(*) FROM giftcodes_memberredemption "
        "WHERE player_id = %s AND state = 'redeemed'"
    )
    wait_for(lambda: here.value(served, player) >= len(codes), "all active codes")
    ledger = here.system.ledger()
    got = Counter(grant["code"] for grant in ledger["grants"] if grant["player"] == player)
    assert {code: got[code] for code in codes} == dict.fromkeys(codes, 1)
    assert not [one for one in ledger["requests"] if one["status"] == 429]
    mine = here.command(anna, "codes")
    assert all(code in mine.text for code in codes), mine.text


def test_redeem_this_code_on_a_message_starts_one_run_which_is_told_once(here: Stage) -> None:
    pack = here.pack(members=MANY)
    code = here.new_code(is_known=False)
    rolf = here.officer(pack)

    offered = here.menu(rolf, f"A new gift code for you all: {code}, until Sunday!")

    assert code in offered.text
    assert here.state(pack, code) == ""
    with here.held(pack, code):
        begun = here.press(rolf, offered, "Add and redeem now")
        assert f"of {MANY} have it" in begun.text or "Running" in begun.text, begun.text
        told = first_message(here, pack)
        wait_for(lambda: started(told) >= 2, "an edit during the run")
    here.wait_until_told(pack, code)
    assert len(here.events(pack, code, "locked")) == 1
    assert here.granted(pack, code) == sorted(pack.players)
    (message,) = here.messages(pack)
    # The start, at least one edit during the run, and the end.
    assert started(message) >= 2
    assert len(ends([message])) == 1
    assert message.titles[-1] == ends([message])[0]
    assert message.buttons == {}
    assert {state for state, _error in here.announced(pack, code).values()} == {"done"}


def test_ten_officers_at_once_start_one_run_and_nine_read_how_far_it_is(here: Stage) -> None:
    pack = here.pack(members=MANY)
    code = here.new_code()
    officers = [here.officer(pack, f"Officer {number}") for number in range(10)]
    offered = [here.menu(one, f"Gift code: {code}") for one in officers]

    with here.held(pack, code):
        pressed = [
            here.discord.press(one, offer, "Redeem now")
            for one, offer in zip(officers, offered, strict=True)
        ]
        said = [here.answered(one) for one in pressed]

    refused = [one.text for one in said if "is running already" in one.text]
    assert len(refused) == 9, [one.text for one in said]
    assert all("Nothing is asked twice" in text for text in refused)
    assert all(f"of {MANY} have it" in text for text in refused), refused
    assert len(here.events(pack, code, "locked")) == 1
    assert len(set(here.events(pack, code, "refused"))) == 9
    here.wait_until_told(pack, code)
    assert here.granted(pack, code) == sorted(pack.players)
    (message,) = here.messages(pack)
    assert len(ends([message])) == 1


def test_buttons_of_the_message_stop_and_resume_the_run(here: Stage) -> None:
    pack = here.pack(members=MANY)
    code = here.new_code()
    rolf = here.officer(pack)
    with here.held(pack, code):
        here.press(rolf, here.command(rolf, "redeem", code=code), "Redeem now")
        message = first_message(here, pack)

        who = here.press(rolf, message, "Who is missing")
        assert code in who.text
        stopped = here.press(rolf, message, "Stop")
        assert "stopped" in stopped.text
        wait_for(lambda: here.state(pack, code) == "stopped", "the stop")
    stranger = here.person(pack, "Stranger")
    assert "Only officers" in here.press(stranger, message, "Who is missing").text
    here.press(rolf, stopped, "Resume")

    here.wait_until_complete(pack, code)
    wait_for(lambda: len(ends(here.messages(pack))) == 1, "the end to be told")
    assert here.granted(pack, code) == sorted(pack.players)
    assert len(here.events(pack, code, "stop")) == 1


def test_the_end_is_told_in_a_message_of_its_own_if_the_first_one_was_deleted(here: Stage) -> None:
    pack = here.pack(members=MANY)
    code = here.new_code()
    rolf = here.officer(pack)
    with here.held(pack, code):
        here.press(rolf, here.command(rolf, "redeem", code=code), "Redeem now")
        message = first_message(here, pack)

        message.is_deleted = True

        # A button of the deleted message may still be on the screen of an officer.
        assert code in here.press(rolf, message, "Who is missing").text
    here.wait_until_told(pack, code)
    posted = here.messages(pack)
    assert posted[0] is message
    assert [started(one) > 0 for one in posted].count(True) == 1
    assert len(ends(posted)) == 1
    assert here.announced(pack, code)["complete"][0] == "done"
    alarms = "SELECT count(*) FROM giftcodes_alarm WHERE message LIKE %s"
    assert here.value(alarms, f'%channel_takes_nothing%"guild":"{pack.name}"%') == 0
    assert here.granted(pack, code) == sorted(pack.players)


def test_a_missing_permission_stops_no_run_and_is_told_to_the_operator(here: Stage) -> None:
    pack = here.pack(members=5)
    code = here.new_code()
    rolf = here.officer(pack)
    here.discord.rest.forbidden.add(pack.server.channel_id)

    here.press(rolf, here.command(rolf, "redeem", code=code), "Redeem now")

    here.wait_until_complete(pack, code)
    here.wait_until_told(pack, code)
    assert here.messages(pack) == []
    found = here.announced(pack, code)
    assert found["started"][0] == "failed"
    assert "may not post" in found["started"][1]
    alarm = "SELECT count(*) FROM giftcodes_alarm WHERE cleared_at IS NULL AND message LIKE %s"
    assert here.value(alarm, f'%channel_takes_nothing%"guild":"{pack.name}"%') == 1
    here.discord.rest.forbidden.discard(pack.server.channel_id)
    again = here.new_code()
    here.press(rolf, here.command(rolf, "redeem", code=again), "Redeem now")
    here.wait_until_told(pack, again)
    assert len(ends(here.messages(pack))) == 1
    assert here.value(alarm, f'%channel_takes_nothing%"guild":"{pack.name}"%') == 0


def test_a_thread_lists_who_needs_something_and_its_button_leads_to_the_correction(
    here: Stage,
) -> None:
    pack = here.pack_with_thread("*Carl*")
    code = here.new_code()
    rolf = here.officer(pack)

    here.press(rolf, here.command(rolf, "redeem", code=code), "Redeem now")

    here.wait_until_told(pack, code)
    (message,) = here.messages(pack)
    assert here.discord.rest.threads[message.id] == f"Who needs you: {code} for {pack.name}"
    (listed,) = here.listed(message)
    words = listed.versions[-1]["embeds"][0]["description"]
    assert words.startswith("1 member needs you.")
    assert "\\*Carl\\*" in words
    assert listed.versions[-1]["allowed_mentions"] == {"parse": []}
    said = here.press(rolf, listed, "Who needs you")
    assert "Correct *Carl*" in said.buttons
    assert len(here.listed(message)) == len(listed.versions) == 1
    stranger = here.person(pack, "Stranger")
    assert "Only officers" in here.press(stranger, listed, "Who needs you").text


def test_a_worker_that_is_killed_while_it_opens_a_thread_leaves_one_with_one_list(
    here: Stage,
) -> None:
    pack = here.pack_with_thread("Carl")
    code = here.new_code()
    rolf = here.officer(pack)
    opening = rf"POST .*/channels/{pack.server.channel_id}/messages/[0-9]+/threads"
    # The thread is opened, and the answer comes only when the worker is dead.
    here.discord.rest.spoils.append(Spoil(opening, delay_seconds=5.0))
    before = set(here.discord.rest.threads)

    here.press(rolf, here.command(rolf, "redeem", code=code), "Redeem now")
    wait_for(lambda: set(here.discord.rest.threads) > before, "the thread")
    here.kill("control")
    assert here.announced(pack, code)["thread"][0] == "waiting"
    here.system.start_worker("control", 4)

    here.wait_until_told(pack, code)
    (message,) = here.messages(pack)
    assert set(here.discord.rest.threads) - before == {message.id}
    assert len(here.listed(message)) == 1
    assert here.announced(pack, code)["thread"] == ("done", "")
    asked = [one for one in here.discord.rest.requests if re.search(opening, one)]
    assert len(asked) == 2


def test_a_429_delays_messages_and_answers_and_doubles_none(here: Stage) -> None:
    pack = here.pack(members=5)
    code = here.new_code()
    rolf = here.officer(pack)
    here.discord.rest.spoils += [
        Spoil.too_many(rf"POST .*/channels/{pack.server.channel_id}/", retry_after=1.0, times=2),
        Spoil.too_many(rf"PATCH .*/channels/{pack.server.channel_id}/", retry_after=1.0),
        Spoil.too_many(r"POST .*/webhooks/", retry_after=0.5),
    ]

    offered = here.command(rolf, "redeem", code=code)
    here.press(rolf, offered, "Redeem now")

    here.wait_until_told(pack, code)
    (message,) = here.messages(pack)
    assert len(ends([message])) == 1
    assert len(offered.answers) == 1


def test_a_slow_discord_is_waited_for_and_told_nothing_twice(here: Stage) -> None:
    pack = here.pack(members=5)
    code = here.new_code()
    rolf = here.officer(pack)
    slow = rf"(POST|PATCH) .*/channels/{pack.server.channel_id}/"
    here.discord.rest.spoils.append(Spoil(slow, delay_seconds=2.0, times=3))

    here.press(rolf, here.command(rolf, "redeem", code=code), "Redeem now")

    here.wait_until_told(pack, code)
    (message,) = here.messages(pack)
    assert len(ends([message])) == 1


def test_a_press_while_the_connection_is_broken_is_answered_when_it_is_back(here: Stage) -> None:
    pack = here.pack(members=2)
    rolf = here.officer(pack)
    resumed = here.discord.gateway.resumed

    here.discord.break_connections()
    said = here.discord.command(rolf, "status")

    wait_for(lambda: here.discord.gateway.resumed > resumed, "the session to be continued")
    wait_for(lambda: here.discord.is_over(said), "an answer, or the end of Discord's patience")
    again = here.command(rolf, "status")
    assert pack.name in again.text


def test_a_session_that_discord_forgot_is_begun_anew(here: Stage) -> None:
    pack = here.pack(members=2)
    rolf = here.officer(pack)
    identified = here.discord.gateway.identified

    here.discord.break_connections(forget=True)

    wait_for(lambda: here.discord.gateway.identified > identified, "a new session")
    assert pack.name in here.command(rolf, "status").text
    state = "SELECT state FROM giftcodes_discordbot"
    wait_for(lambda: here.value(state) == "connected", "the page to say so")


def test_a_discord_that_is_down_is_tried_again_and_redeeming_goes_on(here: Stage) -> None:
    pack = here.pack(members=5, is_automatic=True)
    here.discord.rest.spoils += [
        Spoil(r"GET .*/users/@me", 503, {"message": "Down", "code": 0}),
        Spoil(r"GET .*/users/@me", BROKEN),
    ]
    here.kill_bot()
    here.system.launch("bot", BOT)
    line = "Discord cannot be reached. The bot tries again."

    wait_for(lambda: line in here.system.log("bot"), "the line")
    code = here.new_code()
    here.wait_until_complete(pack, code)

    wait_for(lambda: here.discord.is_connected, "the bot to be connected")
    assert code in here.command(here.officer(pack), "status").text


def test_an_answer_that_does_not_arrive_is_one_line_of_the_log(here: Stage) -> None:
    pack = here.pack(members=2)
    rolf = here.officer(pack)
    here.discord.rest.spoils.append(Spoil(r"POST .*/webhooks/", BROKEN))

    lost = here.discord.command(rolf, "status")

    line = "Discord did not take an answer. [giftcodes] error='ServerDisconnectedError"
    wait_for(lambda: line in here.system.log("bot"), "the line")
    assert not lost.is_answered
    assert pack.name in here.command(rolf, "status").text


def test_a_bot_that_is_ended_first_answers_what_it_has_begun(here: Stage) -> None:
    pack = here.pack(members=2)
    player = "890000002"
    anna = here.person(pack, "Anna")
    asked = here.command(anna, "join", player_id=player, state=str(REALM))
    with psycopg.connect(here.system.environment["DATABASE_URL"]) as holder:
        holder.execute("SELECT 1 FROM giftcodes_guild WHERE id = %s FOR UPDATE", [pack.id])
        pressed = here.discord.press(anna, asked, "I agree")
        wait_for(lambda: pressed.is_acknowledged, "Discord to wait for the answer")

        bot = here.system.processes["bot"]
        bot.send_signal(signal.SIGTERM)
        late = here.discord.command(anna, "codes")
        time.sleep(1)
        assert bot.poll() is None
    assert bot.wait(PATIENCE_SECONDS) == 0

    assert "have your request" in pressed.text
    # It depends on the moment whether the bot took this one. If it did, it answered it.
    assert late.is_answered == late.is_acknowledged
    here.start_bot()
    assert pack.name in here.command(anna, "codes").text


def test_buttons_of_a_killed_bot_work_with_the_next_one(here: Stage) -> None:
    pack = here.pack(members=MANY)
    code = here.new_code()
    rolf = here.officer(pack)
    offered = here.command(rolf, "redeem", code=code)
    with here.held(pack, code):
        here.press(rolf, offered, "Redeem now")
        message = first_message(here, pack)

        here.kill_bot()
        unheard = here.discord.press(rolf, message, "Stop")
        here.start_bot()

        assert not unheard.is_delivered
        assert "is running already" in here.press(rolf, offered, "Redeem now").text
        assert code in here.press(rolf, message, "Who is missing").text
    here.wait_until_told(pack, code)
    assert here.events(pack, code, "stop") == []
    assert len(here.events(pack, code, "locked")) == 1
    assert len(ends(here.messages(pack))) == 1
    assert here.granted(pack, code) == sorted(pack.players)
