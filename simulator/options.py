"""How the game and the feed behave where the protocol leaves it open."""

from __future__ import annotations

from dataclasses import dataclass

from simulator import reading


@dataclass(frozen=True, slots=True)
class Options:
    """Settings that can be changed while the simulator runs."""

    #: Ordinary answers of the game carry X-RateLimit-Limit and X-RateLimit-Remaining.
    rate_headers: bool = True
    #: A 429 carries Retry-After (seconds). Not confirmed of the game.
    retry_after: bool = False
    #: A 429 carries X-RateLimit-Reset (unix seconds). Not confirmed of the game.
    reset_header: bool = False
    #: The feed offers ETag and Last-Modified, and answers 304.
    etag: bool = False
    #: The full stop of error messages comes and goes.
    vary: bool = True
    #: An unknown player is "role not exist", the older wording, instead of USER INFO ERROR.
    old_wording: bool = False
    #: RECEIVED is found out before the code's expiry, cap and conditions. The game's order is unknown.
    received_first: bool = False
    #: How long the game takes for each answer, in seconds, before it has its effect.
    latency: float = 0.0
    #: How far apart requests for one player must be, in seconds; 0 switches TOO FREQUENT off.
    player_gap: float = 2.0
    #: The HTTP status of `/api/gift_code_config`; anything but 200 comes with an HTML page.
    config_status: int = 200
    #: `/api/gift_code_config` refuses a wrong signature. Whether the game does so is not known.
    config_checks_sign: bool = False
    #: The form of the feed's list: `community`, or `kingshot.net`, which gives the end of each code.
    feed_format: str = "community"


OPTION_CHECKS: dict[str, reading.Check] = {
    "rate_headers": reading.flag,
    "retry_after": reading.flag,
    "reset_header": reading.flag,
    "etag": reading.flag,
    "vary": reading.flag,
    "old_wording": reading.flag,
    "received_first": reading.flag,
    "latency": reading.number(0),
    "player_gap": reading.number(0),
    "config_status": reading.whole(200),
    "config_checks_sign": reading.flag,
    "feed_format": reading.one_of("community", "kingshot.net"),
}
