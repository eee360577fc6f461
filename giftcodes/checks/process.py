"""Faults that are switched on in this process."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning, register

from giftcodes.checks.common import SETTINGS, errors
from giftcodes.domain import failpoints


@register(SETTINGS)
def check_failpoints(**_: Any) -> list[CheckMessage]:
    """Failpoints are for `make chaos` only."""
    if failpoints.is_on():
        return [
            Warning(
                "Faults are switched on: this process may end itself on purpose, and its waits may "
                "be shortened.",
                hint=f"Remove {failpoints.SWITCH} from the environment, except for `make chaos`.",
                id="giftcodes.W002",
            )
        ]
    problem = f"{failpoints.FAILPOINT} or {failpoints.TIMES} is set without {failpoints.SWITCH}=1."
    return errors(
        "giftcodes.E005",
        [problem] if failpoints.is_set_without_switch() else [],
        hint="Remove them from the environment: they are for `make chaos`.",
    )
