"""An operator's hands: does what the admin's buttons do, in a process of its own. A JSON line in, a JSON line out."""

from __future__ import annotations

import json
import sys
from typing import Any

import django

django.setup()

from giftcodes import tasks  # noqa: E402
from giftcodes.flow import codes, pause, stop  # noqa: E402
from giftcodes.models import GiftCode, Guild, Member, Redemption, Trigger  # noqa: E402


def press(what: str, guild: int, code: str, players: list[str]) -> Any:
    """Do one thing. Returns what came of it, as far as it can be said in JSON."""
    row = GiftCode.objects.filter(code=code).order_by("-issue").first()
    if row is None:
        return "no such code yet"
    redemption = Redemption.objects.filter(guild_id=guild, gift_code=row).first()
    match what:
        case "redeem":
            tasks.redeem(guild, row.pk, Trigger.ADMIN)
        case "stop" if redemption:
            done = stop.stop(redemption.pk, trigger=Trigger.ADMIN).done
            tasks.finish(redemption.pk)
            return done
        case "take back" if redemption:
            return stop.take_back_stop(redemption.pk, trigger=Trigger.ADMIN).done
        case "close":
            said = codes.close(row.pk, reason="An operator closed it.")
            tasks.ring(tasks.close_code, row.pk)
            return said
        case "reopen":
            said = codes.reopen(row.pk, trigger=Trigger.ADMIN)
            tasks.ring(tasks.fan_out, row.pk, Trigger.ADMIN)
            return said
        case "leave":
            return Member.objects.filter(guild_id=guild, player_id__in=players).update(active=False)
        case "come back":
            return Member.objects.filter(guild_id=guild, player_id__in=players).update(active=True)
        case "wrong realm" | "right realm":
            return Guild.objects.filter(pk=guild).update(realm=1042 if what == "right realm" else 7)
        case "pause":
            return pause.pause("simulator", reason="An operator paused it.")
        case "resume":
            return pause.resume("simulator")
    return None


def main() -> None:
    """Press what standard input says, until it ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(press(**json.loads(line)), default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
