"""Limits of time, number and age."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register

from giftcodes.checks.common import SETTINGS, errors
from giftcodes.domain import failpoints

#: The time that a worker needs in addition to the request: to be scheduled, to write its intent,
#: and to record the answer.
LEASE_MARGIN_SECONDS = failpoints.seconds("LEASE_MARGIN_SECONDS", 10.0)

LEAST_DAYS_KEPT = 2
#: A century. A date that long ago can still be calculated.
MOST_DAYS_KEPT = 36_500

#: A shorter limit would cancel ordinary pages.
LEAST_STATEMENT_SECONDS, MOST_STATEMENT_SECONDS = 1.0, 3_600.0

#: The upper limits: an hour, and more requests or messages at once than any machine needs.
MOST_SECONDS, MOST_AT_ONCE = 3_600, 10_000


@register(SETTINGS)
def check_lease(**_: Any) -> list[CheckMessage]:
    """A lease that ends before its request can end would give the claim to a second worker."""
    needed = settings.HTTP_SECONDS + LEASE_MARGIN_SECONDS
    problem = (
        f"LEASE_SECONDS is {settings.LEASE_SECONDS:g}, but HTTP_SECONDS is "
        f"{settings.HTTP_SECONDS:g}."
    )
    return errors(
        "giftcodes.E001",
        [problem] if settings.LEASE_SECONDS < needed else [],
        hint=f"Make the lease at least {needed:g} seconds, or shorten HTTP_SECONDS.",
    )


@register(SETTINGS)
def check_numbers(**_: Any) -> list[CheckMessage]:
    """These settings must be positive and limited, because no wait may be endless."""
    most = {
        "HTTP_SECONDS": MOST_SECONDS,
        "HTTP_CONNECT_SECONDS": MOST_SECONDS,
        "LEASE_SECONDS": MOST_SECONDS,
        "ANNOUNCE_SECONDS": MOST_SECONDS,
        "IN_FLIGHT_MAX": MOST_AT_ONCE,
        "ANNOUNCE_MAX": MOST_AT_ONCE,
    }
    return errors(
        "giftcodes.E002",
        (
            f"{name} must be more than 0, and at most {limit}."
            for name, limit in most.items()
            if not 0 < getattr(settings, name) <= limit
        ),
    )


@register(SETTINGS)
def check_limits(**_: Any) -> list[CheckMessage]:
    """The limit must let a guild have at least one member."""
    number = settings.MEMBERS_PER_GUILD
    return errors(
        "giftcodes.E024",
        [f"MEMBERS_PER_GUILD is {number}."] if number < 1 else [],
        hint="Make it at least 1.",
    )


@register(SETTINGS)
def check_retention(**_: Any) -> list[CheckMessage]:
    """Rows must be kept for two days.

    The admin reads the rows of the last day, and the pipeline those of the last minute.
    """
    days = {name: getattr(settings, name) for name in ("KEEP_ATTEMPTS_DAYS", "KEEP_JOURNAL_DAYS")}
    return errors(
        "giftcodes.E011",
        (
            f"{name} is {number}."
            for name, number in days.items()
            if number != 0 and not LEAST_DAYS_KEPT <= number <= MOST_DAYS_KEPT
        ),
        hint=(
            f"Make it 0 (nothing is deleted), or from {LEAST_DAYS_KEPT} to {MOST_DAYS_KEPT} days."
        ),
    )


@register(SETTINGS)
def check_statement_limit(**_: Any) -> list[CheckMessage]:
    """A limit of less than a second, or of more than an hour, is a mistake."""
    seconds = settings.WEB_STATEMENT_SECONDS
    is_valid = seconds == 0 or LEAST_STATEMENT_SECONDS <= seconds <= MOST_STATEMENT_SECONDS
    return errors(
        "giftcodes.E015",
        [] if is_valid else [f"WEB_STATEMENT_SECONDS is {seconds:g}."],
        hint=(
            f"Make it 0 (no limit), or from {LEAST_STATEMENT_SECONDS:g} to "
            f"{MOST_STATEMENT_SECONDS:g}."
        ),
    )
