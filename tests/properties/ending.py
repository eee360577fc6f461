"""The end of an example: no more actions by people, a working game, and enough time.

Then every member must have the code or a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from giftcodes import tasks
from giftcodes.domain.transitions import OPEN, PARKED, SETTLED, State
from giftcodes.models import CancelKind, CodeState, Member, MemberRedemption, Redemption, RunState
from giftcodes.services import providers
from tests.properties import rules
from tests.properties.snapshot import Snapshot
from tests.properties.system import PROVIDER

if TYPE_CHECKING:
    from tests.properties.machine import Flow

#: A pause of the game lasts at most 10 minutes. The probes of a closed code, which take hours, are
#: not waited for.
_LONG = 605
_ROUNDS = 12


def let_everything_end(flow: Flow) -> None:
    """Lose all messages. Then run the tasks that beat enqueues, until nothing is open."""
    flow.system.messages.clear()
    flow.system.requests.clear()
    providers.resume(PROVIDER)
    for _ in range(_ROUNDS):
        flow.system.pass_time(_LONG)
        tasks.sweep()
        tasks.catch_up()
        flow.the_rules_hold()
        # This is checked after the catch-up, because the last answer may have reopened a code that
        # new members do not have.
        if _is_quiet():
            break
        _let_the_members_have_their_turn(flow)
        flow.the_rules_hold()
    _nothing_is_left_running()
    _everybody_has_it_or_a_reason()


def _let_the_members_have_their_turn(flow: Flow) -> None:
    for _ in range(8):
        tasks.tick()
        if not flow.system.messages:
            return
        while flow.system.messages:
            message = flow.system.messages[0]
            if message.task is tasks.redeem_member:
                flow.a_worker_asks_the_game_and_records(message)
            else:
                flow.system.deliver(message)
        flow.system.pass_time(15)


def _is_quiet() -> bool:
    return (
        not MemberRedemption.objects.open().exists() and not Redemption.objects.running().exists()
    )


def _nothing_is_left_running() -> None:
    now = Snapshot.take()
    rules.moment(now)
    for redemption in now.redemptions.values():
        is_closed = now.codes[redemption.gift_code_id].state != CodeState.ACTIVE
        assert redemption.state in (RunState.COMPLETE, RunState.STOPPED) or (
            is_closed and redemption.state == RunState.PENDING
        ), redemption
    for row in now.rows.values():
        assert row.state not in OPEN, row


def _everybody_has_it_or_a_reason() -> None:
    rows = MemberRedemption.objects.select_related("redemption", "member__guild", "gift_code")
    found = {(row.redemption_id, row.member_id): row for row in rows}
    active = Redemption.objects.filter(gift_code__state=CodeState.ACTIVE).exclude(
        state=RunState.STOPPED
    )
    for redemption in active:
        for member in Member.objects.eligible().filter(guild=redemption.guild_id):
            row = found[redemption.pk, member.pk]
            assert row.state in SETTLED or row.reason, row
            if row.state == State.CANCELLED:
                assert row.cancel_kind == CancelKind.STOPPED, (row, row.cancel_kind)
            elif row.state == State.NEEDS_CORRECTION:
                assert row.asked_realm == (member.realm or member.guild.realm), row
            else:
                assert row.state in SETTLED | PARKED, row
