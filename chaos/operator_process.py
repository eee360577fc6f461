"""A process that does what the admin's buttons do.

It reads one JSON object per line from stdin, and writes one line to stdout for each.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django

django.setup()

from giftcodes import tasks  # noqa: E402
from giftcodes.models import GiftCode, Guild, Member, Redemption, Trigger  # noqa: E402
from giftcodes.pipeline import code_lifecycle  # noqa: E402
from giftcodes.services import providers, run_actions  # noqa: E402


def press(what: str, guild: int, code: str, players: list[str]) -> Any:
    """Do what one button does, and return the result."""
    row = GiftCode.objects.filter(code=code).order_by("-issue").first()
    if row is None:
        return "no such code yet"
    redemption = Redemption.objects.filter(guild_id=guild, gift_code=row).first()
    match what:
        case "redeem":
            tasks.redeem(guild, row.pk, Trigger.ADMIN)
        case "stop" if redemption:
            done = run_actions.stop(redemption.pk, trigger=Trigger.ADMIN).done
            tasks.finish(redemption.pk)
            return done
        case "take back" if redemption:
            return run_actions.take_back_stop(redemption.pk, trigger=Trigger.ADMIN).done
        case "close":
            result = code_lifecycle.close(row.pk, reason="An operator closed it.")
            tasks.enqueue_on_commit(tasks.close_code, row.pk)
            return result
        case "reopen":
            result = code_lifecycle.reopen(row.pk, trigger=Trigger.ADMIN)
            tasks.enqueue_on_commit(tasks.fan_out, row.pk, Trigger.ADMIN)
            return result
        case "leave":
            return Member.objects.filter(guild_id=guild, player_id__in=players).update(active=False)
        case "come back":
            return Member.objects.filter(guild_id=guild, player_id__in=players).update(active=True)
        case "wrong realm" | "right realm":
            return Guild.objects.filter(pk=guild).update(realm=1042 if what == "right realm" else 7)
        case "pause":
            return providers.pause("simulator", reason="An operator paused it.")
        case "resume":
            return providers.resume("simulator")
    return None


def main() -> None:
    """Press each button that stdin names, and write each result as JSON, until stdin ends.

    Values that JSON cannot express are written as text.
    """
    for line in sys.stdin:
        sys.stdout.write(json.dumps(press(**json.loads(line)), default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
