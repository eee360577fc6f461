"""The checks of a round in which people used the bot. They use none of the code under test."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.discord.bench import Bench, Done

_STARTED = "🎁 Auto-Redeem Started"


def problems(bench: Bench) -> Iterator[str]:
    """A line for each message or effect that is wrong, double or lost, and for each traceback."""
    yield from _told(bench)
    for done in bench.done:
        yield from _effects(bench, done)
    for name in ("bot", "bot-2"):
        known = name in bench.round.system.processes
        if known and "Traceback" in bench.round.system.log(name).rpartition("--- ")[2]:
            yield f"the log of {name} has a traceback"


def _told(bench: Bench) -> Iterator[str]:
    rows = bench.announcements()
    known = {row["message_id"]: row for row in rows if row["message_id"]}
    starts: Counter[tuple[str, str]] = Counter()
    ends: Counter[tuple[str, str]] = Counter()
    for guild in bench.servers:
        for message in bench.messages(guild):
            row = known.get(str(message.id))
            if row is None:
                yield f"a message was posted that no announcement knows: {message.titles}"
                continue
            run = (row["redemption_id"], row["run_number"])
            starts[run] += message.titles[0].startswith(_STARTED)
            ends[run] += sum(
                not title.startswith(_STARTED) for title in dict.fromkeys(message.titles)
            )
    for row in rows:
        run = (row["redemption_id"], row["run_number"])
        shown = (starts if row["kind"] == "started" else ends)[run]
        # If a run ends at once, only its end is announced, so its start may be missing.
        fewest = 1 if row["kind"] == "complete" else 0
        if not fewest <= shown <= 1:
            yield (
                f"the message “{row['kind']}” of run {run} was shown {shown} times; "
                f"its state is {row['state']}"
            )
        if row["state"] not in ("done", "dropped" if row["kind"] == "started" else "done"):
            yield f"{row['kind']} of run {run} is {row['state']}: {row['error']}"
    told = {(row["redemption_id"], row["run_number"]) for row in rows}
    for event in bench.events("locked"):
        if (event["redemption_id"], event["run_number"]) not in told:
            yield (
                f"run {event['run_number']} of redemption {event['redemption_id']} "
                "was never announced"
            )


def _effects(bench: Bench, done: Done) -> Iterator[str]:
    """Check that a press took effect at most once, and exactly once if the bot said so."""
    # The detail is stored as JSON, and one of its values begins with the name.
    name = json.dumps(f"{done.person.name} (@", ensure_ascii=False)[:-1]
    match done.what:
        case "join":
            number = bench.round.system.database.value(
                "SELECT count(*) FROM giftcodes_joinrequest WHERE player_id = %s",
                done.player_id,
            )
            was_told = any("have your request" in text for text in done.texts)
        case "start":
            number = sum(name in event["detail"] for event in bench.events("locked", "resumed"))
            was_told = any("Started for guild" in text for text in done.texts)
        case "stop":
            number = sum(name in event["detail"] for event in bench.events("stop"))
            was_told = any(
                "is being stopped: requests" in text
                or ("is stopped." in text and "nothing to stop" not in text)
                for text in done.texts
            )
        case _:
            return
    if number > 1:
        yield f"{done.person.name} pressed {done.what}, which happened {number} times"
    if was_told and not number:
        yield f"{done.person.name} was told of a {done.what} that did not happen"
