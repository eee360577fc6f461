"""All rows at one moment, as plain values, so that two moments can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from giftcodes.models import Attempt, EventKind, GiftCode, MemberRedemption, Redemption, RedemptionEvent

_ROW = (
    "id", "redemption_id", "member_id", "gift_code_id", "player_id", "state", "cancel_kind", "outcome", "reason",
    "covered_by_id", "asked_realm", "tries", "token", "lease_until", "confirming", "is_probe",
)  # fmt: skip
_REDEMPTION = ("id", "guild_id", "gift_code_id", "state", "run_number", "stop_requested_at")
_CODE = ("id", "state", "reason")
_ATTEMPT = ("id", "member_redemption_id", "gift_code_id", "player_id", "token", "outcome", "answered_at")


@dataclass(frozen=True)
class Snapshot:
    """Rows by id."""

    rows: dict[int, Any]
    redemptions: dict[int, Any]
    codes: dict[int, Any]
    attempts: dict[int, Any]
    #: Redemption id to its journal's kinds, oldest first.
    journal: dict[int | None, list[str]]

    @classmethod
    def take(cls) -> Snapshot:
        journal: dict[int | None, list[str]] = {}
        for redemption_id, kind in RedemptionEvent.objects.order_by("id").values_list("redemption_id", "kind"):
            journal.setdefault(redemption_id, []).append(kind)
        return cls(
            rows=_by_id(MemberRedemption, _ROW),
            redemptions=_by_id(Redemption, _REDEMPTION),
            codes=_by_id(GiftCode, _CODE),
            attempts=_by_id(Attempt, _ATTEMPT),
            journal=journal,
        )

    def refusals(self, redemption_id: int) -> int:
        return self.journal.get(redemption_id, []).count(EventKind.REFUSED)


def _by_id(model: Any, fields: tuple[str, ...]) -> dict[int, Any]:
    return {row.id: row for row in model.objects.order_by("id").values_list(*fields, named=True)}
