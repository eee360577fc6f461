"""Rows for tests, with defaults for all fields that a test does not set."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from giftcodes.models import (
    Attempt,
    GiftCode,
    Guild,
    Member,
    MemberRedemption,
    Redemption,
    RunState,
    Source,
)

_numbers = count(1)

REALM = 1042


def guild(name: str = "", *, members: int = 0, **fields: Any) -> Guild:
    """A guild of the simulator, with this number of members, who get new player IDs."""
    name = name or f"Guild {next(_numbers)}"
    row = Guild.objects.create(**{"name": name, "provider": "simulator", "realm": REALM, **fields})
    Member.objects.bulk_create(Member(guild=row, player_id=player_id()) for _ in range(members))
    return row


def player_id() -> str:
    """A new player ID."""
    return str(200_000_000 + next(_numbers))


def member(of: Guild, player: str = "", **fields: Any) -> Member:
    return Member.objects.create(guild=of, player_id=player or player_id(), **fields)


def gift_code(code: str = "", **fields: Any) -> GiftCode:
    """An active code of the simulator."""
    code = code or f"CODE{next(_numbers)}"
    return GiftCode.objects.create(
        **{"provider": "simulator", "code": code, "source": Source.COMMAND, **fields}
    )


def on_trial(code: GiftCode) -> User:
    """Make a code look as if an officer without guilds had added it. Returns the officer."""
    officer = User.objects.create_user(f"officer {code.pk}")
    GiftCode.objects.filter(pk=code.pk).update(source=Source.ADMIN)
    GiftCode.history.filter(id=code.pk).update(history_user=officer)
    return officer


def member_redemption(of: Member, code: GiftCode, state: str, **fields: Any) -> MemberRedemption:
    """A member redemption in a redemption whose run has ended."""
    run, _made = Redemption.objects.get_or_create(
        guild=of.guild, gift_code=code, defaults={"state": RunState.COMPLETE, "run_number": 1}
    )
    return MemberRedemption.objects.create(
        redemption=run, member=of, gift_code=code, player_id=of.player_id, state=state, **fields
    )


def answered(
    of: MemberRedemption, *, realm: int, outcome: str, token: int = 1, **fields: Any
) -> Attempt:
    """A request that the game has just answered."""
    now = timezone.now()
    return Attempt.objects.create(
        **{
            "member_redemption": of,
            "gift_code": of.gift_code,
            "player_id": of.player_id,
            "realm": realm,
            "token": token,
            "sent_at": now,
            "answered_at": now,
            "outcome": outcome,
            **fields,
        }
    )


def astray(of: Guild, *codes: GiftCode, **fields: Any) -> Member:
    """A member whom the game does not know in the guild's realm. The codes wait for correction."""
    row = member(
        of,
        refused_realm=of.realm,
        refused_at=timezone.now(),
        refused_since=timezone.now(),
        **fields,
    )
    for code in codes:
        member_redemption(row, code, "needs_correction", asked_realm=of.realm, reason="Why.")
    return row
