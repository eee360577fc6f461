"""The pace of a game: how many requests it still accepts, and its pause. Workers share one row."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.domain import failpoints
from giftcodes.domain.outcomes import ODD_WORDS, Outcome, Scope, meaning
from giftcodes.domain.sentences import Sentence, read, reason_of
from giftcodes.models.fields import SentenceField, provider_choices
from giftcodes.models.game_words import title_of

if TYPE_CHECKING:
    from giftcodes.clients.games.base import RateReport
    from giftcodes.clients.games.config import Rate

#: Added to the length of a window, because clocks and networks are not exact.
MARGIN_SECONDS = 0.1
#: After a 429, the game was observed to accept requests again after a whole window plus two
#: seconds.
REFUSED_MARGIN_SECONDS = 2.0
#: The window's length if the game reports a limit and no rate is configured.
USUAL_WINDOW_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 3_600.0
#: This stands for no limit: it is more than can ever be in flight.
UNLIMITED = 1_000_000

PAUSE_SECONDS = failpoints.seconds("PAUSE_SECONDS", 60.0)
LONGEST_PAUSE_SECONDS = failpoints.seconds("LONGEST_PAUSE_SECONDS", 600.0)
#: The game is paused after unknown answers for this many players in a row.
UNKNOWN_PLAYERS = 3
#: If the last of them is a message of the game (`ODD_WORDS`), the code may be the reason. Then the
#: game is paused only if the unknown answers in a row came for this many codes.
UNKNOWN_CODES = 2
_SAYS_NOTHING = frozenset({Outcome.THROTTLED, Outcome.NOT_SENT})


def threads_of_workers() -> int:
    """How many requests all workers together can send at the same time.

    The number of hosts is not known, but IN_FLIGHT_MAX is raised with it (use-more-hosts.md).
    """
    of_all_hosts = settings.IN_FLIGHT_MAX // settings.CLAIMS_FOR_A_THREAD
    return int(min(max(settings.REDEEM_THREADS, of_all_hosts), settings.IN_FLIGHT_MAX))


class PauseKind(models.TextChoices):
    NONE = "", _("not paused")
    OPERATOR = "operator", _("paused by an operator")
    SIGNATURE = "signature", _("the game refuses our requests")
    UNKNOWN = "unknown", _("the game gives no clear answers")
    CAPTCHA = "captcha", _("the game asks for a captcha")
    FORBIDDEN = "forbidden", _("the game's server refuses us")


#: The kind of pause for each answer that concerns the game as a whole.
_PAUSES = {
    Outcome.SIGN_ERROR: PauseKind.SIGNATURE,
    Outcome.PARAMS_ERROR: PauseKind.SIGNATURE,
    Outcome.CAPTCHA: PauseKind.CAPTCHA,
    Outcome.FORBIDDEN: PauseKind.FORBIDDEN,
}


@dataclass(frozen=True, slots=True)
class Observation:
    """What the budget needs to know about one answer.

    Args:
        outcome: what the answer means.
        has_status: whether the game's server answered. If so, it counted the request.
        report: what the answer's headers said about the rate.
        player_id, code_id: the player and the code in the request.
        sent_at: when the request was sent, by the database's clock.
        permit_until: until when the request's permit could be used. None if the request opens a
            window.
        is_probe: whether the request probed a paused game.
    """

    outcome: Outcome
    has_status: bool
    report: RateReport
    player_id: str
    code_id: int
    sent_at: dt.datetime
    permit_until: dt.datetime | None
    is_probe: bool


class RateBudget(models.Model):
    """A game's rate window, as the game reports it, and its pause.

    A window is anchored at the answer to the request that opened it. Until then `window_ends_at` is
    null, and no second request may be sent. `permits_until` is earlier than `window_ends_at`,
    because a request sent after `permits_until` could open the game's next window.
    """

    provider = models.CharField(
        _("game"), max_length=20, choices=provider_choices, primary_key=True
    )
    reported_limit = models.PositiveIntegerField(_("limit reported by the game"), null=True)
    used = models.PositiveIntegerField(_("used in this window"), default=0)
    #: Other programs may send from our address. `others` is how many of `used` are theirs,
    #: according to the answers. `reserve` is how many permits of each window are left to them,
    #: because they used that many before.
    others = models.PositiveIntegerField(_("of them not ours"), default=0, db_default=0)
    reserve = models.PositiveIntegerField(_("left to others"), default=0, db_default=0)
    permits_until = models.DateTimeField(null=True)
    window_ends_at = models.DateTimeField(_("window ends"), null=True)

    pause_kind = models.CharField(
        _("pause"), max_length=10, choices=PauseKind, blank=True, default=PauseKind.NONE
    )
    pause_reason = SentenceField(_("reason of the pause"), blank=True)
    paused_until = models.DateTimeField(
        _("paused until"), null=True, help_text=_("If empty, until a person resumes the game.")
    )
    pauses = models.PositiveIntegerField(_("pauses in a row"), default=0)
    #: Players whose last answers were unknown, with no recognised answer in between.
    unknown_players = models.JSONField(default=list, blank=True)
    #: The codes in the requests for `unknown_players`.
    unknown_codes = models.JSONField(default=list, db_default=[], blank=True)
    last_answer_at = models.DateTimeField(_("last recognised answer"), null=True)

    class Meta:
        verbose_name = _("game")
        verbose_name_plural = _("games")

    def __str__(self) -> str:
        return title_of(self.provider)

    # --- Reading it with other tables -------------------------------------------------------------
    @classmethod
    def columns(cls, table: str) -> str:
        """The names of all columns, for a statement that calls the table `table`."""
        return ", ".join(f"{table}.{field.column}" for field in cls._meta.concrete_fields)

    @classmethod
    def of_columns(cls, values: Sequence[Any]) -> RateBudget:
        """The instance with these values of `columns`. Django's `raw()` takes ten times as long."""
        fields = cls._meta.concrete_fields
        return cls.from_db(
            None,
            [field.attname for field in fields],
            [_read(field, value) for field, value in zip(fields, values, strict=True)],
        )

    # --- The window -------------------------------------------------------------------------------
    def limit(self, rate: Rate | None) -> int:
        """How many requests a window has. The game's own report overrides the configured rate."""
        if self.reported_limit is not None:
            return self.reported_limit
        return rate.requests if rate else UNLIMITED

    def permits(self, *, rate: Rate | None, now: dt.datetime, openers_out: int) -> int:
        """How many requests may be sent now.

        Args:
            rate: the configured rate. None if it is unlimited.
            now: the database's time.
            openers_out: how many requests that open a window are in flight.
        """
        limit = self.limit(rate)
        in_window = self.window_ends_at is not None and now < self.window_ends_at
        if in_window and (self.permits_until is None or now >= self.permits_until):
            return 0
        if limit == UNLIMITED:
            return UNLIMITED
        if not in_window:
            return 0 if openers_out else 1
        return max(0, limit - self.used - max(0, self.reserve - self.others))

    def seconds_until_permit(self, *, rate: Rate | None, now: dt.datetime) -> float | None:
        """How long no request may be sent: the rest of a pause, or of a window that is used up.

        Args:
            rate: the configured rate. None if it is unlimited.
            now: the database's time.

        Returns:
            The time in seconds. 0 if there may be a permit now, or None if a person must end the
            pause.
        """
        end: dt.datetime | None = now
        if self.is_paused(now):
            end = self.paused_until
        elif self.window_ends_at and not self.permits(rate=rate, now=now, openers_out=0):
            end = self.window_ends_at
        return None if end is None else max(0.0, (end - now).total_seconds())

    def roll_window(self, now: dt.datetime) -> dt.datetime | None:
        """If the window is over, forget it, so that the next request opens a new one.

        Returns:
            Until when permits may be used. None if the next request opens a window.
        """
        if self.window_ends_at is not None and now >= self.window_ends_at:
            # The next window leaves to others as many permits as they took in this one. If they
            # took fewer than were left to them, half of the difference is taken back.
            self.reserve = max(self.others, (self.reserve + self.others) // 2)
            self.window_ends_at, self.permits_until, self.used, self.others = None, None, 0, 0
        return self.permits_until

    def consume(self, permits: int, *, now: dt.datetime) -> dt.datetime | None:
        """Count permits as used. Returns what `roll_window` returns."""
        permits_until = self.roll_window(now)
        self.used = min(self.used + permits, UNLIMITED)
        return permits_until

    def would_change(self, seen: Observation, *, rate: Rate | None, now: dt.datetime) -> bool:
        """Whether `apply_response` would change anything. This instance stays as it is.

        Most answers change nothing, and then the row need not be locked.
        """
        return copy.copy(self).apply_response(seen, rate=rate, now=now)

    def apply_response(self, seen: Observation, *, rate: Rate | None, now: dt.datetime) -> bool:
        """Update the window and the pause with an answer.

        Returns:
            Whether anything changed, so that the row must be saved under its lock.
        """
        before = self._fingerprint()
        if seen.has_status:
            self._apply_to_window(seen, rate=rate, now=now)
        self._apply_to_pause(seen, now=now)
        return self._fingerprint() != before

    def _apply_to_window(self, seen: Observation, *, rate: Rate | None, now: dt.datetime) -> None:
        report = seen.report
        if report.limit is not None and report.limit > 0:
            self.reported_limit = report.limit
        limit = self.limit(rate)
        if seen.outcome is Outcome.THROTTLED:
            self._close_window(seen, rate=rate, now=now)
            return
        if limit == UNLIMITED:
            return
        if seen.permit_until is None and self.window_ends_at is None:
            self._anchor(seen, rate=rate, now=now)
        if report.remaining is not None and (
            seen.permit_until is None or seen.permit_until == self.permits_until
        ):
            self._count(limit - report.remaining)

    def _count(self, counted: int) -> None:
        """Note how many requests the game has counted. Those beyond our permits are not ours."""
        self.others += max(0, counted - self.used)
        self.used = max(self.used, counted)

    def _anchor(self, seen: Observation, *, rate: Rate | None, now: dt.datetime) -> None:
        """Set the window by the answer to the request that opened it.

        The game's window opened between the request and its answer. So it stays open for at least
        one window's length after the request, and has ended one window's length after the answer.
        """
        length = rate.seconds if rate else USUAL_WINDOW_SECONDS
        self.permits_until = seen.sent_at + dt.timedelta(seconds=length)
        self.window_ends_at = now + dt.timedelta(seconds=length + MARGIN_SECONDS)
        reset = seen.report.reset_after_seconds
        if reset is not None and 0 < reset <= LONGEST_WAIT_SECONDS:
            self.permits_until = now + dt.timedelta(seconds=reset)
            self.window_ends_at = now + dt.timedelta(seconds=reset + MARGIN_SECONDS)

    def _close_window(self, seen: Observation, *, rate: Rate | None, now: dt.datetime) -> None:
        """Allow no more requests until the game's next window, because it refused one.

        If the game does not say when the next window opens, it is taken to open when this window
        ends. If the refused request was the one that opened this window, the end of the window is
        not known, and the wait is a whole window.
        """
        reported = seen.report.retry_after_seconds or seen.report.reset_after_seconds
        is_known = (
            self.window_ends_at is not None
            and now < self.window_ends_at
            and seen.permit_until is not None
        )
        if reported is not None and reported > 0:
            wait = min(reported, LONGEST_WAIT_SECONDS) + MARGIN_SECONDS
        elif is_known:
            wait = 0.0
        else:
            wait = (rate.seconds if rate else USUAL_WINDOW_SECONDS) + REFUSED_MARGIN_SECONDS
        ends_at = now + dt.timedelta(seconds=wait)
        self.window_ends_at = max(self.window_ends_at or ends_at, ends_at)
        self.permits_until = now
        limit = self.limit(rate)
        if limit == UNLIMITED:
            self.used = max(self.used, UNLIMITED - 1)
            return
        self._count(limit)
        # `used` counts this request, but the game refused it and did not count it. So one of the
        # requests that the game counted was sent by another program.
        self.others = min(self.others + 1, limit - 1)

    # --- The pause --------------------------------------------------------------------------------
    def is_probing(self, now: dt.datetime) -> bool:
        """Whether the pause has run out. One request then finds out whether the game answers."""
        return bool(self.pause_kind) and self.paused_until is not None and now >= self.paused_until

    def is_paused(self, now: dt.datetime) -> bool:
        return bool(self.pause_kind) and not self.is_probing(now)

    def pause(self, kind: PauseKind, reason: str, *, now: dt.datetime | None) -> None:
        """Set the fields of a pause. If `now` is None, it lasts until a person resumes the game."""
        self.pause_kind, self.pause_reason = kind, reason
        self.unknown_players, self.unknown_codes = [], []
        self.pauses += 1
        seconds = min(PAUSE_SECONDS * 2 ** min(self.pauses - 1, 10), LONGEST_PAUSE_SECONDS)
        self.paused_until = now + dt.timedelta(seconds=seconds) if now else None

    def resume(self) -> None:
        self.pause_kind, self.pause_reason, self.paused_until = PauseKind.NONE, "", None
        self.pauses, self.unknown_players, self.unknown_codes = 0, [], []

    def _apply_to_pause(self, seen: Observation, *, now: dt.datetime) -> None:
        if self.pause_kind == PauseKind.OPERATOR or seen.outcome in _SAYS_NOTHING:
            return
        row = meaning(seen.outcome)
        # An answer to a request from before the pause does not lengthen the pause. It ends a pause
        # only if unclear answers were the reason.
        is_straggler = bool(self.pause_kind) and not seen.is_probe
        if row.scope is Scope.PROVIDER:
            if not is_straggler:
                self.pause(_PAUSES[seen.outcome], reason_of(seen.outcome), now=now)
        elif not row.recognised:
            if not is_straggler:
                self._apply_unknown(seen, now=now)
        else:
            self._apply_recognised(seen, now=now)

    def _apply_unknown(self, seen: Observation, *, now: dt.datetime) -> None:
        if seen.player_id not in self.unknown_players:
            self.unknown_players = [*self.unknown_players, seen.player_id]
        if seen.code_id not in self.unknown_codes:
            self.unknown_codes = [*self.unknown_codes, seen.code_id]
        is_the_games = seen.outcome not in ODD_WORDS or len(self.unknown_codes) >= UNKNOWN_CODES
        if seen.is_probe or (is_the_games and len(self.unknown_players) >= UNKNOWN_PLAYERS):
            words = meaning(seen.outcome).words
            self.pause(
                PauseKind.UNKNOWN,
                Sentence.of("no_clear_answers", players=UNKNOWN_PLAYERS, words=words),
                now=now,
            )

    def _apply_recognised(self, seen: Observation, *, now: dt.datetime) -> None:
        if seen.is_probe or self.pause_kind == PauseKind.UNKNOWN:
            self.resume()
        ends_a_streak = bool(self.unknown_players)
        if ends_a_streak:
            self.unknown_players, self.unknown_codes = [], []
        # `last_answer_at` is set at most every ten seconds, so that the row is seldom written. The
        # first recognised answer after unknown ones always sets it.
        if (
            ends_a_streak
            or self.last_answer_at is None
            or now - self.last_answer_at > dt.timedelta(seconds=10)
        ):
            self.last_answer_at = now

    def _fingerprint(self) -> tuple[object, ...]:
        return tuple(getattr(self, field.attname) for field in self._meta.concrete_fields)


def _read(field: Any, value: Any) -> Any:
    """A value from a statement, as Django reads it."""
    if isinstance(field, models.JSONField):
        return json.loads(value)
    return read(value) if isinstance(field, SentenceField) else value
