"""The spellings of a code: which one is in use, and which others are tried.

The model is abstract. Redeemer ignores capitals when it compares codes, but the game does not
(decision 19).
"""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.validators import validate_code
from giftcodes.models.code_state import OPEN_STATES, CodeState
from giftcodes.models.fields import TokenField

#: Fields that only the pipeline writes.
LIFE_FIELDS = (
    "state",
    "reason",
    "closed_outcome",
    "closed_at",
    "proven_at",
    "doubt_outcome",
    "doubt_player_id",
    "doubt_guild",
    "doubted_at",
    "probes",
    "next_probe_at",
    "odd_answers",
    "odd_answer",
    "odd_players",
    "odd_since",
    "held_until",
    "released_until",
    "other_spellings",
    "tried_spellings",
)
#: The fields that `CodeLife.reopen` sets. They include the end of the code, because a past end was
#: wrong if the code works again.
REOPENED_FIELDS = (*LIFE_FIELDS, "expires_at", "feed_end")


class CodeSpellings(models.Model):
    """The spellings of a code."""

    code = TokenField(_("code"), max_length=32, validators=[validate_code])
    #: Spellings that were seen and have not been tried.
    other_spellings = models.JSONField(default=list, db_default=[], editable=False)
    #: Spellings that the game did not know.
    tried_spellings = models.JSONField(default=list, db_default=[], editable=False)

    class Meta:
        abstract = True

    # `CodeLife` and `GiftCode` define these fields.
    state: str
    closed_outcome: str
    proven_at: dt.datetime | None
    next_probe_at: dt.datetime | None
    last_seen_at: dt.datetime | None

    def reopen(self, now: dt.datetime) -> None:
        """Set the fields of a code that works again (`CodeLife`)."""
        raise NotImplementedError

    def _forget_doubt(self) -> None:
        raise NotImplementedError

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def _is_closed_as_unknown(self) -> bool:
        """Whether the code is closed because the game did not know the requested spelling."""
        return self.state == CodeState.CLOSED and self.closed_outcome == Outcome.CODE_NOT_FOUND

    def spellings(self) -> list[str]:
        """Every spelling that is known, the one in use first."""
        return [self.code, *self.other_spellings, *self.tried_spellings]

    def _use_spelling(self, spelling: str) -> None:
        """Keep the spelling that the game granted, and drop the others that have not been tried."""
        if spelling != self.code:
            self.code = spelling
        self.other_spellings = []

    def can_take(self, spelling: str, *, is_person: bool, is_limited: bool = False) -> bool:
        """Whether another spelling of this code should be tried.

        If the game has granted the code, or said that it has ended, the spelling in use is right,
        and no other is tried. The feed cannot bring back a code that a person closed. A spelling
        that the game did not know is tried again only if a person gives it.

        Args:
            spelling: the code, perhaps with other capitals.
            is_person: whether a person gives the spelling, and not the feed.
            is_limited: whether that person is an officer. Officers cannot bring back a code that
                was deleted, or closed for any reason except that the game did not know it.
        """
        if (
            spelling == self.code
            or spelling.casefold() != self.code.casefold()
            or self.proven_at is not None
        ):
            return False
        if is_limited:
            return self.is_open or self._is_closed_as_unknown
        if is_person:
            is_unknown = self.closed_outcome in ("", Outcome.CODE_NOT_FOUND)
            return self.is_open or self.state == CodeState.DELETED or is_unknown
        if spelling in self.spellings():
            return False
        return self.is_open or self._is_closed_as_unknown

    def take_spelling(self, spelling: str, *, is_person: bool, now: dt.datetime) -> None:
        """Use another spelling of the code in requests, and save it. The row must be locked.

        If the code is open, the new spelling is used only after the game has said that it does not
        know the current one. If the code is closed, a person's spelling reopens it, and the feed's
        spelling is probed. Spellings that people typed before any feed had the code are tried after
        the feed's first spelling.
        """
        others = [one for one in self.other_spellings if one != spelling]
        if self.is_open:
            is_next = is_person or self.last_seen_at is None
            self.other_spellings = [spelling, *others] if is_next else [*others, spelling]
        elif not is_person and self.next_probe_at is not None and self.next_probe_at <= now:
            # The spelling in use is about to be probed. The new spelling is probed after it.
            self.other_spellings = [*others, spelling]
        else:
            tried = [one for one in self.tried_spellings if one != spelling]
            self.code, self.other_spellings, self.tried_spellings = (
                spelling,
                others,
                [*tried, self.code],
            )
            if is_person:
                self.reopen(now)
            else:
                self.next_probe_at = now
        self._save_with_code(REOPENED_FIELDS)

    @property
    def ended_by_feed(self) -> bool:
        """Whether the code was closed only because a feed's end had come (`GiftCode`)."""
        raise NotImplementedError

    def is_news_to_feed(self, *, has_end: bool) -> bool:
        """Whether a feed that lists this code for the first time reopens it.

        That is so if the game did not know the code as people or other feeds gave it. It is also so
        if the code was closed only because another feed's end had come, and this feed gives no end.

        Args:
            has_end: whether the feed gives an end.
        """
        is_unknown = self.proven_at is None and self._is_closed_as_unknown
        return is_unknown or (not has_end and self.ended_by_feed)

    def begin_again(self, spelling: str, others: list[str], *, now: dt.datetime) -> None:
        """Reopen the code as the feed has it, and save it. The row must be locked.

        The spellings that people typed, and the probes that these have used up, do not count. If
        the game has granted the code, its spelling stays.
        """
        if self.proven_at is None:
            self.code, self.other_spellings, self.tried_spellings = spelling, others, []
        self.reopen(now)
        self._save_with_code(REOPENED_FIELDS)

    def _save_with_code(self, fields: tuple[str, ...]) -> None:
        """Save these fields, and write `code` separately.

        Saving `code` would record a version, and versions are for what people change.
        """
        type(self)._default_manager.filter(pk=self.pk).update(code=self.code)
        self.save(update_fields=fields)

    def _try_next_spelling(self) -> None:
        self.tried_spellings = [*self.tried_spellings, self.code]
        self.code, *self.other_spellings = self.other_spellings
        self._forget_doubt()
