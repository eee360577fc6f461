"""`manage.py redeem CODE --guild NAME [--wait]`."""

from __future__ import annotations

import dataclasses
import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from giftcodes import tasks
from giftcodes.cli.base import INTERRUPTED_STATUS, ServerCommand
from giftcodes.cli.lookup import explained, find_code, find_guild, find_provider
from giftcodes.cli.terminal import Sheet
from giftcodes.cli.watch_run import watch
from giftcodes.domain import log_lines
from giftcodes.domain.text import clean_token
from giftcodes.domain.transitions import State
from giftcodes.estimates.dry_run import plan
from giftcodes.models import (
    CancelKind,
    GiftCode,
    Guild,
    MemberRedemption,
    Redemption,
    RunState,
    Source,
    Trigger,
)
from giftcodes.models.member_redemption import STATE_LABELS
from giftcodes.models.start_rules import start_obstacle
from giftcodes.pipeline.spellings import offer_spelling
from giftcodes.pipeline.start import StartKind, StartResult, start

REFUSED_STATUS = 2
NOT_EVERYBODY_STATUS = 3


class Command(ServerCommand):
    """The same lock as everywhere: a code that is being redeemed for the guild is refused."""

    help = (
        "Redeem a code for a guild's members, whether it was published or not, and also for those who could not get "
        "it before. Exit status: 0 if it was started or there was nothing to do; 1 if it cannot be; 2 if it is being "
        "redeemed already. With --wait: 0 if every member has the code in the end, 3 if somebody has not."
    )

    #: How the time until the next look is spent; a test lets the flow go on meanwhile.
    pause = staticmethod(time.sleep)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the code and the guild."""
        parser.add_argument(
            "code", metavar="CODE", help="the gift code; a new one is added as it is typed"
        )
        parser.add_argument("--guild", required=True, metavar="NAME", help="the guild")
        parser.add_argument(
            "--provider", metavar="P", help="the game, as a safeguard: it must be the guild's"
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="change nothing; say for each member what would happen, and why not",
        )
        parser.add_argument(
            "--json", action="store_true", help="with --dry-run, for programs: one JSON object"
        )
        parser.add_argument(
            "--wait",
            action="store_true",
            help="stay until it is over; Ctrl-C ends the waiting only",
        )

    def run(self, **options: Any) -> None:
        """Start the run, and wait for its end if asked to.

        Raises:
            CommandError: it was refused or cannot be started; with `wait`, somebody does not have the code.
        """
        if options["json"] and not options["dry_run"]:
            raise CommandError("--json goes with --dry-run only.")
        guild = find_guild(options["guild"])
        _check_provider(guild, options["provider"])
        if options["dry_run"]:
            self._dry_run(guild, clean_token(options["code"]), as_json=options["json"])
            return
        code = self._code(guild, options["code"])
        result = start(guild_id=guild.pk, gift_code_id=code.pk, trigger=Trigger.COMMAND)
        _raise_if_impossible(result)
        self.screen.line(result.message)
        if result.has_work:
            # As tasks.redeem goes on: a run without anybody to ask is over at once.
            tasks.finish(result.redemption_id)
            tasks.enqueue_on_commit(tasks.dispatch, guild.provider)
        if options["wait"]:
            self._wait(
                Redemption.objects.select_related("guild", "gift_code").get(pk=result.redemption_id)
            )

    def _dry_run(self, guild: Guild, typed: str, *, as_json: bool) -> None:
        """Say what would happen. The exit status is that of a start."""
        code = find_code(guild.provider, typed) or _new_code(guild, typed)
        redemption = Redemption.objects.filter(guild=guild, gift_code=code.pk).first()
        if redemption is None:
            redemption = Redemption(guild=guild, gift_code=code)
        shares = plan(guild_id=guild.pk, gift_code_id=code.pk)
        refusal = str(start_obstacle(redemption, Trigger.COMMAND) or "")
        is_running = not refusal and redemption.state == RunState.RUNNING
        if is_running:
            refusal = log_lines.duplicate_text(str(guild), str(code))
        if as_json:
            members = [dataclasses.asdict(share) for share in shares]
            found = {"guild": guild.name, "code": code.code, "refusal": refusal, "members": members}
            self.screen.line(json.dumps(found, ensure_ascii=False, indent=1))
        else:
            asked = sum(share.is_asked for share in shares)
            rows = [
                (one.player_id, one.nickname, "yes" if one.is_asked else "no", one.words)
                for one in shares
            ]
            self.screen.sheet(
                Sheet(
                    f"Code {code} for guild {guild}", ("Player", "Nickname", "Asked", "Why"), rows
                )
            )
            self.screen.line(
                f"{asked} of {len(shares)} member(s) would be asked for. Nothing was changed."
            )
        if refusal:
            raise CommandError(
                f"It would be refused: {refusal}", returncode=REFUSED_STATUS if is_running else 1
            )

    def _code(self, guild: Guild, typed: str) -> GiftCode:
        typed = clean_token(typed)
        known = find_code(guild.provider, typed)
        if known is None:
            return self._add(guild, typed)
        if known.code != typed:
            return self._respell(known, typed)
        return known

    def _respell(self, known: GiftCode, typed: str) -> GiftCode:
        result = offer_spelling(known.pk, typed, trigger=Trigger.COMMAND)
        if not result.taken:
            self.screen.line(f"This code is known as {known.code}; that spelling is used.")
            return known
        # Other guilds follow within a minute, by catch-up: this one's run must not be begun by them.
        self.screen.line(result.message)
        known.refresh_from_db()
        return known

    def _add(self, guild: Guild, typed: str) -> GiftCode:
        code = _new_code(guild, typed)
        row, is_new = GiftCode.objects.get_or_create(
            provider=code.provider,
            folded=code.folded,
            issue=1,
            defaults={"code": code.code, "source": code.source},
        )
        if is_new:
            self.screen.line(
                f"Added code {row}. Guilds with automatic redeeming get it within a minute, too."
            )
        return row

    def _wait(self, redemption: Redemption) -> None:
        try:
            end = watch(redemption, self.screen, self.warn, pause=self.pause)
        except KeyboardInterrupt:
            raise CommandError(
                f"No longer waiting. The run goes on; `manage.py stop {redemption.gift_code.code} --guild "
                f'"{redemption.guild}"` stops it.',
                returncode=INTERRUPTED_STATUS,
            ) from None
        left_out = _left_out(redemption)
        self.screen.sheet(left_out)
        if left_out.rows:
            raise CommandError(
                f"{len(left_out.rows)} of {end.total} member(s) do not have code {redemption.gift_code}.",
                returncode=NOT_EVERYBODY_STATUS,
            )
        self.screen.line(f"All {end.settled} member(s) have code {redemption.gift_code}.")


def _new_code(guild: Guild, typed: str) -> GiftCode:
    """A code as it would be added.

    Raises:
        CommandError: it has not the shape of one.
    """
    code = GiftCode(
        provider=guild.provider, code=typed, folded=typed.casefold(), source=Source.COMMAND
    )
    try:
        code.full_clean(exclude=["folded"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise CommandError(f"“{typed}” cannot be a gift code. {explained(error)}") from error
    return code


def _check_provider(guild: Guild, name: str | None) -> None:
    if name and (asked := find_provider(name)).name != guild.provider:
        raise CommandError(
            f"Guild {guild} plays {find_provider(guild.provider).title}, not {asked.title}."
        )


def _raise_if_impossible(result: StartResult) -> None:
    match result.kind:
        case StartKind.REFUSED | StartKind.BUSY:
            raise CommandError(result.message, returncode=REFUSED_STATUS)
        case StartKind.NOT_ALLOWED:
            raise CommandError(result.message)


def _left_out(redemption: Redemption) -> Sheet:
    """Who does not have the code, and why. Those who left the guild are nobody's concern any more."""
    rows = (
        redemption.member_redemptions.unsettled()
        .exclude(state=State.CANCELLED, cancel_kind=CancelKind.LEFT)
        .select_related("member")
        .order_by("state", "pk")
    )
    return Sheet(
        "Not redeemed", ("Player", "Nickname", "State", "Why"), [_row(row) for row in rows]
    )


def _row(row: MemberRedemption) -> tuple[str, ...]:
    return (row.player_id, row.member.nickname, str(STATE_LABELS[State(row.state)]), row.reason)
