"""`redeem --dry-run`: show what a start would do for each member, and change nothing."""

from __future__ import annotations

import dataclasses
import json

from django.core.management.base import CommandError

from giftcodes.cli.terminal import Screen, Table
from giftcodes.domain import log_lines
from giftcodes.estimates.dry_run import plan
from giftcodes.models import Guild, Redemption, RunState, Trigger
from giftcodes.models.start_rules import start_obstacle
from giftcodes.services.code_entry import find_code, new_code

REFUSED_STATUS = 2


def show_dry_run(screen: Screen, guild: Guild, typed: str, *, as_json: bool) -> None:
    """Print what would happen to each member.

    Raises:
        CommandError: the start would be refused. The exit status is the same as for a real start.
        ValidationError: the text cannot be a code.
    """
    code = find_code(guild.provider, typed) or new_code(guild.provider, typed)
    redemption = Redemption.objects.filter(guild=guild, gift_code=code.pk).first()
    if redemption is None:
        redemption = Redemption(guild=guild, gift_code=code)
    planned = plan(guild_id=guild.pk, gift_code_id=code.pk)
    # As in a real start: a run in progress is a duplicate, even if there is an obstacle, too.
    is_running = redemption.state == RunState.RUNNING
    if is_running:
        refusal = log_lines.duplicate_text(str(guild), str(code))
    else:
        refusal = str(start_obstacle(redemption, Trigger.COMMAND) or "")
    if as_json:
        members = [dataclasses.asdict(member) for member in planned]
        found = {"guild": guild.name, "code": code.code, "refusal": refusal, "members": members}
        screen.line(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        rows = [
            (one.player_id, one.nickname, "yes" if one.is_asked else "no", one.words)
            for one in planned
        ]
        headers = ("Player", "Nickname", "Asked", "Why")
        screen.table(Table(f"Code {code} for guild {guild}", headers, rows))
        asked = sum(one.is_asked for one in planned)
        screen.line(
            f"Requests would be sent for {asked} of {len(planned)} member(s). Nothing was changed."
        )
    if refusal:
        raise CommandError(
            f"The start would be refused: {refusal}", returncode=REFUSED_STATUS if is_running else 1
        )
